/* What the Landlock domain of spawner and children refuses, tried one by one
 * behind a filter that allows everything: spawner/lockdown.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/landlock.h"
#include "shared/plan.h"
#include "spawner/lockdown.h"

#define NOBODY 65534
/* A call that fails gives its errno as the child's exit code. */
#define NOT_REFUSED 0
#define NOT_LOCKED 250

static char folder[] = "/tmp/forkgreet-test-XXXXXX";
static struct sockaddr_un abstract = { .sun_family = AF_UNIX };
static socklen_t abstract_length;
static int listener = -1;

/* A plan without sessions, whose filter allows everything. */
static union {
	struct plan plan;
	char bytes[sizeof(struct plan) + sizeof(struct sock_filter)];
} all = { .plan = { .magic = PLAN_MAGIC, .sandbox = PLAN_SANDBOX_REQUIRED,
	      .filter_offset = sizeof(struct plan), .filter_length = 1,
	      .descriptors = 1 } };

static int
read_folder(void)
{
	return open(folder, O_RDONLY | O_DIRECTORY);
}

static int
read_file(void)
{
	return open("file", O_RDONLY);
}

static int
write_file(void)
{
	return open("file", O_WRONLY);
}

static int
make_file(void)
{
	return open("new", O_WRONLY | O_CREAT, 0600);
}

static int
make_folder(void)
{
	return mkdir("new", 0700);
}

static int
make_fifo(void)
{
	return mkfifo("new", 0600);
}

static int
make_link(void)
{
	return symlink("file", "new");
}

static int
remove_file(void)
{
	return unlink("file");
}

static int
remove_folder(void)
{
	return rmdir("folder");
}

static int
move_file(void)
{
	return rename("file", "folder/file");
}

static int
cut_file(void)
{
	return truncate("file", 0);
}

static int
execute(void)
{
	char name[] = "/bin/true", *arguments[] = { name, NULL };

	return execv(name, arguments);
}

static int
bind_tcp(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any,
	    sizeof(any));
}

static int
connect_tcp(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return connect(socket(AF_INET, SOCK_STREAM, 0),
	    (struct sockaddr *)&self, sizeof(self));
}

static int
connect_abstract(void)
{
	return connect(socket(AF_UNIX, SOCK_STREAM, 0),
	    (struct sockaddr *)&abstract, abstract_length);
}

static int
signal_outside(void)
{
	return kill(getppid(), 0);
}

static const struct attempt {
	const char *name;
	int (*try)(void);
	int since; /* Landlock ABI */
	int refused_with;
} attempts[] = {
	{ "read a folder", read_folder, 1, EACCES },
	{ "read a file", read_file, 1, EACCES },
	{ "write a file", write_file, 1, EACCES },
	{ "make a file", make_file, 1, EACCES },
	{ "make a folder", make_folder, 1, EACCES },
	{ "make a fifo", make_fifo, 1, EACCES },
	{ "make a symbolic link", make_link, 1, EACCES },
	{ "remove a file", remove_file, 1, EACCES },
	{ "remove a folder", remove_folder, 1, EACCES },
	{ "execute", execute, 1, EACCES },
	{ "move a file", move_file, 1, EACCES },
	{ "truncate a file", cut_file, 3, EACCES },
	{ "bind a TCP port", bind_tcp, 4, EACCES },
	{ "connect by TCP", connect_tcp, 4, EACCES },
	{ "connect to an abstract socket", connect_abstract, 6, EPERM },
	{ "signal somebody outside", signal_outside, 6, EPERM },
};

/* In a child: an ordinary user, with one descriptor, as the spawner is. */
static bool
become_like_spawner(void)
{
	if (getuid() == 0 &&
	    (setgroups(0, NULL) == -1 ||
		setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
		setresuid(NOBODY, NOBODY, NOBODY) == -1))
		return false;
	return chdir(folder) == 0 &&
	    dup2(open("/dev/null", O_RDONLY), SPAWNER_SOCKET) != -1 &&
	    close_range(SPAWNER_SOCKET + 1, ~0u, 0) == 0 && close(0) == 0;
}

_Noreturn static void
child(const struct attempt *attempt, bool locked)
{
	const char *failed;

	if (!become_like_spawner())
		_exit(NOT_LOCKED);
	failed = locked ? lockdown(&all.plan) : NULL;
	if (failed != NULL) {
		fprintf(stderr, "# %s: %s\n", failed, strerror(errno));
		_exit(NOT_LOCKED);
	}
	_exit(attempt->try() == -1 ? errno : NOT_REFUSED);
}

static int
result_of(const struct attempt *attempt, bool locked)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		child(attempt, locked);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
folder_empty(void)
{
	static const char *const names[] = { "new", "file", "folder/file" };
	char path[sizeof(folder) + 16];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (unlink(path) == -1 && errno == EISDIR)
			rmdir(path);
	}
	snprintf(path, sizeof(path), "%s/folder", folder);
	rmdir(path);
}

/* What the attempts need, new for each. */
static void
folder_fill(void)
{
	char path[sizeof(folder) + 16];
	int fd;

	folder_empty();
	snprintf(path, sizeof(path), "%s/folder", folder);
	assert_int_equal(mkdir(path, 0777), 0);
	chmod(path, 0777);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	assert_int_not_equal(fd, -1);
	fchmod(fd, 0666);
	close(fd);
}

static int
setup(void **state)
{
	const struct sock_filter allow = { BPF_RET | BPF_K, 0, 0,
		SECCOMP_RET_ALLOW };

	(void)state;
	memcpy(all.bytes + sizeof(struct plan), &allow, sizeof(allow));
	if (mkdtemp(folder) == NULL || chmod(folder, 0777) == -1)
		return -1;
	abstract_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    1 +
	    (size_t)snprintf(abstract.sun_path + 1,
		sizeof(abstract.sun_path) - 1, "%s", folder));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listener, (struct sockaddr *)&abstract,
		       abstract_length) == -1 ||
		listen(listener, 64) == -1 ?
	    -1 :
	    0;
}

static int
teardown(void **state)
{
	(void)state;
	folder_empty();
	close(listener);
	return rmdir(folder);
}

/* As far as the kernel goes. */
static void
domain_refuses(void **state)
{
	const struct attempt *end =
	    attempts + sizeof(attempts) / sizeof(attempts[0]);
	const struct attempt *attempt;
	int result, abi = landlock_abi();

	(void)state;
	if (abi < 6)
		print_message("# Landlock ABI %d here\n", abi);
	for (attempt = attempts; attempt < end; attempt++) {
		folder_fill();
		result = result_of(attempt, true);
		if (abi >= attempt->since && result != attempt->refused_with)
			fail_msg("%s: %s", attempt->name, strerror(result));
	}
}

/* The same attempts, without the domain: so the test can fail. */
static void
not_otherwise(void **state)
{
	const struct attempt *end =
	    attempts + sizeof(attempts) / sizeof(attempts[0]);
	const struct attempt *attempt;

	(void)state;
	for (attempt = attempts; attempt < end; attempt++) {
		folder_fill();
		/* Signals to root's processes need root. */
		if (attempt->try == signal_outside && getuid() == 0)
			continue;
		if (result_of(attempt, false) == attempt->refused_with)
			fail_msg("%s", attempt->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_otherwise),
		cmocka_unit_test(domain_refuses),
	};

	return cmocka_run_group_tests_name("lockdown", tests, setup, teardown);
}
