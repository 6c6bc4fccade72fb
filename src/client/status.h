/* The exit statuses of forkgreet, as in forkgreet(1). */
#ifndef CLIENT_STATUS_H
#define CLIENT_STATUS_H

enum status {
	STATUS_OK = 0, /* greeting received, orderly end */
	STATUS_REFUSED = 1, /* refused, unreachable or not permitted */
	STATUS_TIMEOUT = 2, /* not done when the time was up */
	STATUS_RESET = 3, /* reset, or ended without a greeting */
	STATUS_NOT_FOUND = 4, /* no such name, address or socket file */
	STATUS_USAGE = 64, /* EX_USAGE of sysexits.h */
	STATUS_SYSTEM = 71 /* EX_OSERR: standard output, memory, descriptors */
};

#endif
