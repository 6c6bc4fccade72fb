/* The exit status that an error stands for: its cause decides, not the phase in
 * which it shows. */
#ifndef MASTER_CAUSE_H
#define MASTER_CAUSE_H

/* Exit status of the daemon, as in sysexits.h; 0 is success.  A service manager
 * restarts after 69, 71 and 75, never after 64, 77 and 78. */
enum exit_status {
	EXIT_USAGE = 64,
	EXIT_ADDRESS = 69, /* an address is in use, or is not this machine's */
	EXIT_SYSTEM = 71, /* the system is out of something, or failed */
	EXIT_RUNNING = 75, /* another instance runs */
	EXIT_PRIVILEGE = 77, /* privileges, the sandbox, or an address that may
				not be bound */
	EXIT_CONFIG = 78,
};

/*
 * Returns the status for the errno value error, of a step whose own failure
 * means step: EXIT_SYSTEM for what any step may meet (no descriptors, no memory,
 * no processes, no room, an input/output error), else step.
 * EXIT_ADDRESS is for socket(2), bind(2) and listen(2): what may not be bound is
 * then EXIT_PRIVILEGE, what is in use or absent EXIT_ADDRESS, and all else
 * EXIT_SYSTEM.
 */
enum exit_status cause_of(int error, enum exit_status step);

#endif
