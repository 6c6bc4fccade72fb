/* How the daemon ends, sysexits(3): a service manager restarts after some. */
#ifndef MASTER_EXIT_STATUS_H
#define MASTER_EXIT_STATUS_H

/* By the cause, whatever the phase in which it shows. */
enum exit_status {
	EXIT_USAGE = 64,
	EXIT_ADDRESS = 69, /* in use, or absent */
	EXIT_SYSTEM = 71, /* out of something, or another error of the system */
	EXIT_RUNNING = 75, /* another instance */
	EXIT_PRIVILEGE = 77, /* privileges or sandbox cannot be had */
	EXIT_CONFIG = 78,
};

#endif
