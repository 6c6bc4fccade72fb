/* What a system call looks like; see shape.h. */
#include "config.h"

#include "shape.h"

#include <sys/uio.h>

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 64
#define SMALL 4096 /* what is more is an address, a size or a time */

/* How many arguments tell one from another, where it is not three; what is
 * beyond a call's arguments is chance. */
static const struct arity {
	const char *name;
	int count;
} arities[] = {
	{ "accept", 1 }, { "accept4", 1 }, { "brk", 0 }, { "capget", 0 },
	{ "capset", 0 }, { "chdir", 1 }, { "clock_nanosleep", 0 },
	{ "clock_getres", 0 }, { "clock_gettime", 0 },
	{ "clone", 1 }, { "clone3", 0 }, { "close", 1 }, { "close_range", 0 },
	{ "connect", 1 }, { "dup", 1 }, { "dup2", 2 }, { "epoll_create1", 1 },
	{ "epoll_ctl", 2 }, { "epoll_wait", 1 }, { "epoll_pwait", 1 },
	{ "execve", 1 }, { "execveat", 2 }, { "exit_group", 1 },
	{ "fchdir", 1 }, { "fchmod", 1 }, { "flock", 2 }, { "fsync", 1 },
	{ "fdatasync", 1 }, { "fcntl", 2 }, { "fork", 0 }, { "vfork", 0 }, { "fstat", 1 },
	{ "ftruncate", 1 }, { "futex", 2 }, { "getdents64", 1 },
	{ "getegid", 0 }, { "geteuid", 0 }, { "getgid", 0 },
	{ "getgroups", 0 }, { "getpeername", 1 }, { "getpgid", 0 },
	{ "getitimer", 0 }, { "getpgrp", 0 }, { "set_robust_list", 0 },
	{ "set_tid_address", 0 }, { "rseq", 0 }, { "prctl", 1 },
	{ "ptrace", 1 }, { "renameat", 2 }, { "readlink", 1 },
	{ "getpid", 0 }, { "getppid", 0 }, { "getrandom", 0 },
	{ "getresgid", 0 }, { "getresuid", 0 }, { "getsockname", 1 },
	{ "gettid", 0 }, { "getuid", 0 }, { "kill", 2 }, { "listen", 1 },
	{ "lseek", 1 }, { "madvise", 0 }, { "mmap", 4 }, { "mprotect", 0 },
	{ "mremap", 0 }, { "munmap", 0 }, { "newfstatat", 2 }, { "pipe2", 0 },
	{ "pidfd_open", 0 }, { "poll", 0 }, { "ppoll", 0 }, { "pread64", 1 },
	{ "prlimit64", 2 }, { "pwrite64", 1 }, { "read", 1 },
	{ "recvfrom", 1 }, { "recvmsg", 1 }, { "rt_sigaction", 1 },
	{ "rt_sigprocmask", 1 }, { "rt_sigreturn", 0 },
	{ "sched_getaffinity", 0 }, { "sendmsg", 1 }, { "sendto", 1 },
	{ "setgroups", 0 }, { "setitimer", 1 }, { "setpgid", 0 },
	{ "setsid", 0 }, { "setsockopt", 3 }, { "shutdown", 1 },
	{ "signalfd4", 0 }, { "socket", 2 }, { "socketpair", 2 },
	{ "statfs", 1 }, { "sysinfo", 0 }, { "timerfd_create", 0 },
	{ "timerfd_settime", 1 }, { "umask", 0 }, { "uname", 0 },
	{ "unlink", 1 }, { "unlinkat", 2 }, { "wait4", 0 }, { "waitid", 0 },
	{ "write", 1 }, { "writev", 1 }, { "memfd_create", 1 },
};

/* Calls whose first argument is no descriptor. */
static const char *const without_descriptor[] = { "access", "capget", "capset",
	"clone", "execve", "exit_group", "futex", "kill", "landlock_create_ruleset",
	"prctl", "prlimit64", "rt_sigaction", "rt_sigprocmask", "seccomp",
	"setitimer", "setresgid", "setresuid", "socket", "socketpair" };

void
loader_find(struct loader *loader, pid_t pid)
{
	char path[64], line[PATH_MAX + 128];
	uint64_t begin, end;
	FILE *file;

	*loader = (struct loader){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strstr(line, "/ld-") == NULL ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &begin, &end) != 2)
			continue;
		if (loader->begin == 0)
			loader->begin = begin;
		loader->end = end;
	}
	fclose(file);
}

bool
is_loaders(const struct loader *loader, uint64_t address)
{
	return address >= loader->begin && address < loader->end;
}

/* A number of two digits or more is "N", a folder in /tmp is "*". */
static void
mask(char *to, size_t size, const char *from)
{
	size_t n = 0;

	while (*from != '\0' && n + 2 < size) {
		if (strncmp(from, "/tmp/", 5) == 0 && n + 8 < size) {
			memcpy(to + n, "/tmp/*", 6);
			n += 6;
			from += 5 + strcspn(from + 5, "/");
		} else if (isdigit((unsigned char)from[0]) &&
		    isdigit((unsigned char)from[1])) {
			to[n++] = 'N';
			from += strspn(from, "0123456789");
		} else {
			to[n++] = *from++;
		}
	}
	to[n] = '\0';
}

/* The text there, or "" when it is none. */
static void
text_at(char text[TEXT_MAX], pid_t pid, uint64_t address)
{
	char bytes[TEXT_MAX] = "";
	struct iovec to = { bytes, sizeof(bytes) - 1 };
	struct iovec from = { (void *)(uintptr_t)address, sizeof(bytes) - 1 };
	size_t i;

	text[0] = '\0';
	if (process_vm_readv(pid, &to, 1, &from, 1, 0) <= 0)
		return;
	for (i = 0; bytes[i] != '\0'; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return;
	if (i > 1 && (bytes[0] == '/' || isalpha((unsigned char)bytes[0])))
		mask(text, TEXT_MAX, bytes);
}

static int
count_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(arities) / sizeof(arities[0]); i++)
		if (strcmp(arities[i].name, name) == 0)
			return arities[i].count;
	return 3;
}

static bool
has_descriptor(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(without_descriptor) /
		 sizeof(without_descriptor[0]);
	     i++)
		if (strcmp(without_descriptor[i], name) == 0)
			return false;
	return true;
}

/* What the process's descriptor is, "" when it is none. */
static void
kind_of(char text[TEXT_MAX], pid_t pid, uint64_t number)
{
	char path[64], target[PATH_MAX];
	ssize_t length;

	text[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/fd/%" PRIu64, (int)pid, number);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return;
	target[length] = '\0';
	mask(text, TEXT_MAX, target);
}

static void
argument(char text[TEXT_MAX], pid_t pid, uint64_t value, bool is_descriptor)
{
	text[0] = '\0';
	if ((int32_t)value == -100 && is_descriptor) {
		strcpy(text, "AT_FDCWD");
		return;
	}
	if (is_descriptor && value < SMALL)
		kind_of(text, pid, value);
	else if (value >= SMALL)
		text_at(text, pid, value);
	if (text[0] != '\0')
		return;
	if (value < SMALL || value == UINT64_MAX)
		snprintf(text, TEXT_MAX, "%d", (int)value);
	else
		strcpy(text, value > UINT32_MAX ? "P" : "L");
}

void
shape_of(char shape[SHAPE_SIZE], pid_t pid,
    const struct __ptrace_syscall_info *info)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
	    (int)info->entry.nr);
	char text[TEXT_MAX];
	int i, n, length;

	if (name == NULL) {
		snprintf(shape, SHAPE_SIZE, "unknown()");
		return;
	}
	length = snprintf(shape, SHAPE_SIZE, "%s(", name);
	n = count_of(name);
	for (i = 0; i < n; i++) {
		argument(text, pid, info->entry.args[i],
		    i == 0 && has_descriptor(name));
		length += snprintf(shape + length, SHAPE_SIZE - (size_t)length,
		    "%s%s", i > 0 ? "," : "", text);
	}
	snprintf(shape + length, SHAPE_SIZE - (size_t)length, ")");
	free(name);
}
