/* What a spawner does first: the plan is taken as it should be or not at all,
 * and each step that fails ends it, with a message to the master. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/filter.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/descriptors.h"
#include "shared/plan.h"

static int begin_close(int fd);
static bool begin_descriptors_closed(unsigned first, unsigned end);
static _Noreturn void begin_exit(int status);
static int begin_fstat(int fd, struct stat *st);
static pid_t begin_getppid(void);
static int begin_madvise(void *at, size_t length, int advice);
static void *begin_mmap(
    void *at, size_t length, int protection, int flags, int fd, off_t offset);
static int begin_prctl(int option, ...);
static ssize_t begin_send(int fd, const void *bytes, size_t length, int flags);

/* The whole program, in a system of our own. */
#define close begin_close
#define descriptors_closed begin_descriptors_closed
#define _exit begin_exit
#define fstat begin_fstat
#define getppid begin_getppid
#define madvise begin_madvise
#define mmap begin_mmap
#define prctl begin_prctl
#define send begin_send
#define main spawner_main
int spawner_main(void);
#include "spawner/spawner.c"
#undef main

#include <cmocka.h> /* which has a fail(), too */

#define MASTER 7
#define SESSIONS 2
#define INSTRUCTIONS 3
#define GREETINGS 40

/* The steps, in their order. */
enum step {
	NOTHING,
	FSTAT,
	MMAP_PLAN,
	MMAP_PAGE,
	MADVISE,
	SIGACTION, /* in a diagnosis, instead of that one */
	CLOSED_BELOW,
	CLOSED_ABOVE,
	NAME,
	DEATH,
	RELRO,
	LOCKDOWN,
};

static struct {
	struct plan plan;
	struct plan_session session[SESSIONS];
	struct sock_filter filter[INSTRUCTIONS];
	char greetings[GREETINGS];
} given;

static off_t size; /* of the plan, as the kernel has it */
static enum step fails; /* with that error */
static int error;
static pid_t parent;
static int32_t page[PLAN_SLOTS];
static unsigned closed; /* bits of what was */
static struct plan_failure sent;
static unsigned times_sent;
static const struct image *began;
static jmp_buf ended;

static bool
fails_at(enum step step)
{
	if (fails == step)
		errno = error;
	return fails == step;
}

static int
begin_close(int fd)
{
	closed |= 1u << fd;
	return 0;
}

static bool
begin_descriptors_closed(unsigned first, unsigned end)
{
	assert_true(
	    first == 0 ? end == SPAWNER_SOCKET : first == SPAWNER_SOCKET + 1);
	assert_int_equal(closed, 1u << SPAWNER_PLAN | 1u << SPAWNER_PAGE);
	assert_int_equal(errno, 0); /* no other failure's */
	return !fails_at(first == 0 ? CLOSED_BELOW : CLOSED_ABOVE);
}

static _Noreturn void
begin_exit(int status)
{
	longjmp(ended, status + 1);
}

static int
begin_fstat(int fd, struct stat *st)
{
	assert_int_equal(fd, SPAWNER_PLAN);
	memset(st, 0, sizeof(*st));
	st->st_size = size;
	return fails_at(FSTAT) ? -1 : 0;
}

static pid_t
begin_getppid(void)
{
	return parent;
}

static int
begin_madvise(void *at, size_t length, int advice)
{
	assert_ptr_equal(at, page);
	assert_int_equal(length, PLAN_PAGE_BYTES);
	assert_int_equal(advice, MADV_DONTFORK);
	return fails_at(MADVISE) ? -1 : 0;
}

static void *
begin_mmap(
    void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	assert_null(at);
	assert_int_equal(offset, 0);
	assert_int_equal(flags, MAP_SHARED);
	if (fd == SPAWNER_PLAN) {
		assert_int_equal(length, size);
		assert_int_equal(protection, PROT_READ);
		return fails_at(MMAP_PLAN) ? MAP_FAILED : &given;
	}
	assert_int_equal(fd, SPAWNER_PAGE);
	assert_int_equal(length, PLAN_PAGE_BYTES);
	return fails_at(MMAP_PAGE) ? MAP_FAILED : page;
}

static int
begin_prctl(int option, ...)
{
	assert_int_equal(option, PR_SET_NAME);
	return fails_at(NAME) ? -1 : 0;
}

static ssize_t
begin_send(int fd, const void *bytes, size_t length, int flags)
{
	assert_int_equal(fd, SPAWNER_SOCKET);
	assert_int_equal(length, sizeof(sent));
	assert_int_equal(flags, MSG_NOSIGNAL);
	memcpy(&sent, bytes, length);
	times_sent++;
	return (ssize_t)length;
}

int
diagnose_install(int32_t *row)
{
	assert_ptr_equal(row, page);
	return fails_at(SIGACTION) ? -1 : 0;
}

bool
proof_of_death(void)
{
	return !fails_at(DEATH);
}

int
relro_apply(void)
{
	return fails_at(RELRO) ? -1 : 0;
}

const char *
lockdown(const struct plan *plan)
{
	assert_ptr_equal(plan, &given);
	return fails_at(LOCKDOWN) ? "a step of the lockdown" : NULL;
}

void
image_begin(const struct image *image)
{
	began = image;
	longjmp(ended, 1);
}

static int
setup(void **state)
{
	size_t i;

	(void)state;
	memset(&given, 0, sizeof(given));
	given.plan = (struct plan){
		.magic = PLAN_MAGIC,
		.size = sizeof(given),
		.master = MASTER,
		.sandbox = PLAN_SANDBOX_REQUIRED,
		.filter_offset = offsetof(__typeof__(given), filter),
		.filter_length = INSTRUCTIONS,
		.n_sessions = SESSIONS,
		.descriptors = 2,
	};
	/* Each ends where the plan does. */
	for (i = 0; i < SESSIONS; i++) {
		given.session[i].greeting_offset = sizeof(given) - 10;
		given.session[i].greeting_length = 10;
		given.session[i].head_offset = sizeof(given);
	}
	size = sizeof(given);
	fails = NOTHING;
	parent = MASTER;
	closed = times_sent = 0;
	memset(&sent, 0, sizeof(sent));
	began = NULL;
	return 0;
}

/* Its exit status; 0: it began to serve. */
static int
run(void)
{
	int status = setjmp(ended);

	if (status == 0)
		spawner_main();
	return status - 1;
}

static void
begins(void **state)
{
	(void)state;
	assert_int_equal(run(), 0);
	assert_non_null(began);
	assert_ptr_equal(began->plan, &given);
	assert_ptr_equal(began->page, page);
	assert_non_null(began->memory);
	assert_int_equal(began->n_parts, 0);
	assert_int_equal(times_sent, 0);
	setup(NULL);
	given.plan.sandbox = PLAN_SANDBOX_DIAGNOSE;
	fails = MADVISE; /* is not called */
	assert_int_equal(run(), 0);
	assert_non_null(began);
}

static void
refused(const char *step, int why)
{
	assert_int_equal(run(), EXIT_FAILURE);
	assert_null(began);
	assert_int_equal(times_sent, 1);
	assert_string_equal(sent.step, step);
	assert_int_equal(sent.error, why);
}

static void
each_step_fails(void **state)
{
	static const struct {
		enum step step;
		int error;
		const char *name;
	} rows[] = {
		{ FSTAT, EIO, "fstat of the plan" },
		{ MMAP_PLAN, ENOMEM, "mmap of the plan" },
		{ MMAP_PAGE, ENFILE, "mmap of the pid page" },
		{ MADVISE, EINVAL, "madvise MADV_DONTFORK" },
		{ SIGACTION, EINVAL, "sigaction" },
		{ CLOSED_BELOW, 0, "closing other descriptors" },
		{ CLOSED_ABOVE, ENOMEM, "closing other descriptors" },
		{ NAME, EFAULT, "prctl PR_SET_NAME" },
		{ DEATH, 0, "prctl PR_SET_PDEATHSIG" },
		{ RELRO, ENOMEM, "mprotect of what is relocated" },
		{ LOCKDOWN, EPERM, "a step of the lockdown" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(state);
		fails = rows[i].step;
		error = rows[i].error;
		if (fails == SIGACTION)
			given.plan.sandbox = PLAN_SANDBOX_DIAGNOSE;
		refused(rows[i].name, rows[i].error);
	}
}

/* Nobody is there to be told. */
static void
master_has_died(void **state)
{
	(void)state;
	parent = 1;
	assert_int_equal(spawner_main(), EXIT_FAILURE);
	assert_null(began);
	assert_int_equal(times_sent, 0);
}

static void
no_such_plan(void)
{
	refused("reading the plan (spawner and daemon differ?)", EPROTO);
	assert_int_equal(closed, 0);
	setup(NULL);
}

/* What lies beyond its end is never sent to anybody. */
static void
plan_is_not_whole(void **state)
{
	(void)state;
	size = 0;
	no_such_plan();
	size = sizeof(struct plan) - 1;
	no_such_plan();
	size++;
	no_such_plan();
	given.plan.magic++;
	no_such_plan();
	given.plan.size--;
	no_such_plan();
	given.plan.descriptors = 0;
	no_such_plan();
	given.plan.descriptors = 3;
	no_such_plan();
	given.plan.n_sessions = (sizeof(given) - sizeof(struct plan)) /
		sizeof(struct plan_session) +
	    1;
	no_such_plan();
	given.plan.n_sessions = 1u << 29; /* in 32 bits the product is 0 */
	no_such_plan();
	given.plan.filter_offset = sizeof(given) + 1;
	given.plan.filter_length = 0;
	no_such_plan();
	given.plan.filter_offset =
	    (uint32_t)(sizeof(given) - sizeof(given.filter) + 1);
	no_such_plan();
	given.session[0].greeting_length++;
	no_such_plan();
	given.session[SESSIONS - 1].greeting_offset = UINT32_MAX;
	no_such_plan();
	given.session[0].head_length = 1;
	no_such_plan();
	given.session[SESSIONS - 1].head_offset++;
	no_such_plan();
	given.plan.n_sessions = 0; /* which is one */
	assert_int_equal(run(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(begins, setup),
		cmocka_unit_test_setup(each_step_fails, setup),
		cmocka_unit_test_setup(master_has_died, setup),
		cmocka_unit_test_setup(plan_is_not_whole, setup),
	};

	return cmocka_run_group_tests_name("begin", tests, NULL, NULL);
}
