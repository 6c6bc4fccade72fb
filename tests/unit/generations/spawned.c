/* Spawners whose master the test is. */
#include "config.h"

#include "unit/generations/spawned.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/config/conf.h"
#include "master/generations/launch.h"
#include "master/generations/snapshot.h"
#include "shared/plan.h"

#define NOBODY 65534
#define MOST 4 /* descriptors in a message */

/* Opened before root is given up: the build may be where only root gets to. */
static const char *const programs[PROGRAMS] = { "forkgreet-spawner",
	"tests/hostile/spawner" };
static int program_fds[PROGRAMS];

int32_t *page;
static int page_fd;

static int
programs_open(void)
{
	const char *build = getenv("BUILDDIR");
	char path[4096];
	int i;

	for (i = 0; i < PROGRAMS; i++) {
		snprintf(path, sizeof(path), "%s/%s",
		    build == NULL ? "." : build, programs[i]);
		program_fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (program_fds[i] == -1)
			return -1;
	}
	return 0;
}

/* RLIMIT_NPROC binds nobody, but not root. */
int
spawned_begin(void)
{
	if (programs_open() == -1)
		return -1;
	if (geteuid() == 0 &&
	    (setresgid(NOBODY, NOBODY, 0) == -1 ||
		setresuid(NOBODY, NOBODY, 0) == -1))
		return -1;
	page_fd = memfd_create("pids", MFD_CLOEXEC);
	if (page_fd == -1 || ftruncate(page_fd, PLAN_PAGE_BYTES) == -1)
		return -1;
	page = mmap(NULL, PLAN_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    page_fd, 0);
	return page == MAP_FAILED ? -1 : 0;
}

/* What a sanitizer does at the end needs root again, and leave to be traced. */
int
spawned_end(void)
{
	uid_t real, effective, saved;

	munmap(page, PLAN_PAGE_BYTES);
	close(page_fd);
	close(program_fds[REAL]);
	close(program_fds[HOSTILE]);
	if (getresuid(&real, &effective, &saved) == 0 && saved == 0 &&
	    (setresuid(0, 0, 0) == -1 || setresgid(0, 0, 0) == -1))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int
spawned_plan(struct snapshot *snapshot, uint32_t listeners, uint32_t rendered,
    void (*make)(struct conf_listener *listener, uint32_t session))
{
	static char text[] = "hi client\n";
	struct greeting greetings[CONF_LISTENERS_MAX * STATE_COUNT];
	struct conf *conf = calloc(1, sizeof(*conf));
	const char *failed;
	uint32_t i;

	if (conf == NULL)
		return -1;
	conf->sandbox = CONF_SANDBOX_REQUIRED;
	conf->n_listeners = listeners;
	for (i = 0; i < listeners; i++)
		make(&conf->listener[i], i * STATE_COUNT);
	for (i = 0; i < listeners * STATE_COUNT; i++)
		greetings[i] = (struct greeting) { .bytes = text,
			.length = sizeof(text) - 1, .n_texts = i == rendered };
	failed = snapshot_make(snapshot, conf, greetings);
	free(conf);
	return failed == NULL ? 0 : -1;
}

struct spawner
spawner_start(int program, int plan_fd)
{
	const struct timeval patience = { PATIENCE_MS / 1000, 0 };
	struct spawner spawner;
	int ends[2];

	memset(page, 0, PLAN_PAGE_BYTES);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO,
			     &patience, sizeof(patience)), 0);
	spawner.socket = ends[0];
	spawner.pid = launch(program_fds[program], ends[1], plan_fd, page_fd);
	assert_true(spawner.pid > 0);
	close(ends[1]);
	return spawner;
}

void
spawner_end(struct spawner *spawner, int want)
{
	int status;

	if (spawner->socket != -1)
		close(spawner->socket);
	assert_int_equal(waitpid(spawner->pid, &status, 0), spawner->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), want);
}

/* Attaches n descriptors to a message. */
static void
rights_add(struct msghdr *message, const int *fds, size_t n)
{
	struct cmsghdr *rights;

	message->msg_controllen = CMSG_SPACE(n * sizeof(int));
	rights = CMSG_FIRSTHDR(message);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, n * sizeof(int));
}

void
send_with(int socket, void *bytes, size_t length, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(MOST * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec part = { bytes, length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.bytes };

	if (n > 0)
		rights_add(&message, fds, n);
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), length);
	while (n > 0)
		close(fds[--n]);
}

int32_t
page_wait(uint32_t slot)
{
	int32_t pid = 0;
	int ms;

	for (ms = 0; pid == 0 && ms < PATIENCE_MS; ms++) {
		pid = __atomic_load_n(&page[slot], __ATOMIC_ACQUIRE);
		if (pid == 0)
			usleep(1000);
	}
	return pid;
}

void
assert_child_status(uint32_t slot, int want)
{
	int status;

	assert_true(page[slot] > 0);
	assert_int_equal(waitpid(page[slot], &status, 0), page[slot]);
	assert_int_equal(status, want);
}

const char *
line_read(int fd)
{
	static char line[64];
	struct pollfd wait = { fd, POLLIN, 0 };
	size_t n = 0;

	do {
		assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
		if (read(fd, &line[n], 1) != 1)
			break;
	} while (line[n++] != '\n' && n < sizeof(line) - 1);
	line[n] = '\0';
	return line;
}

void
assert_ended(int fd)
{
	assert_string_equal(line_read(fd), "");
	close(fd);
}

void
assert_refuses(const struct spawner *spawner, void *order, size_t length,
    uint32_t slot, size_t n)
{
	int ends[MOST][2];
	int theirs[MOST] = { 0 };
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(socketpair(AF_UNIX,
				     SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]),
		    0);
		theirs[i] = ends[i][1];
	}
	send_with(spawner->socket, order, length, theirs, n);
	if (slot < PLAN_REFUSED_SLOT)
		assert_int_equal(page_wait(slot), -EPROTO);
	for (i = 0; i < n; i++)
		assert_ended(ends[i][0]);
}
