/* Landlock's system calls and constants up to ABI 6, for older headers.
 * Source: Linux 6.12, include/uapi/linux/landlock.h. */
#ifndef SHARED_LANDLOCK_H
#define SHARED_LANDLOCK_H

#include <sys/syscall.h>

#include <stdint.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444 /* the same on every architecture */
#define SYS_landlock_restrict_self 446
#endif

struct landlock_rules {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* since ABI 4 */
	uint64_t scoped; /* since ABI 6 */
};

/* Rights that each ABI added; a domain without rules denies all of them. */
#define LANDLOCK_FS_ABI1 UINT64_C(0x1fff) /* EXECUTE ... MAKE_SYM */
#define LANDLOCK_FS_ABI2 (UINT64_C(1) << 13) /* REFER */
#define LANDLOCK_FS_ABI3 (UINT64_C(1) << 14) /* TRUNCATE */
#define LANDLOCK_FS_ABI5 (UINT64_C(1) << 15) /* IOCTL_DEV */
#define LANDLOCK_NET_ABI4 UINT64_C(3) /* BIND_TCP, CONNECT_TCP */
#define LANDLOCK_SCOPE_ABI6 UINT64_C(3) /* abstract UNIX sockets, signals */

/* The kernel's Landlock ABI version, or 0 when it has none (or has it off). */
static inline int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, (void *)0, 0, 1u);

	return abi < 0 ? 0 : (int)abi;
}

#endif
