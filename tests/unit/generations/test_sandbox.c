/* The filter allows exactly what the golden table below says: its compiled
 * program is run here, and the kernel is asked with real calls. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/generations/filter.h"
#include "unit/exempt.h"

#define NUMBERS 1024 /* far above the last system call there is */
#define X32_BIT 0x40000000u
#define ARGUMENTS 6
#define PROXIED 0x100u /* only where there are clients behind a proxy */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#ifdef SYS_ppoll_time64
#define PPOLL SYS_ppoll_time64
#else
#define PPOLL SYS_ppoll
#endif

/* Written down here a second time on purpose: the daemon's own table is what is
 * tested. */
static const struct golden {
	long number;
	unsigned checked; /* bit i: argument i must be value[i]; PROXIED */
	uint64_t value[ARGUMENTS];
} golden[] = {
	{ SYS_recvmsg, 1 | 4, { 3, 0, 0 } },
	{ SYS_clone, 1 | 2, { 0x8000 | 0x100000 | 17, 0 } },
	{ SYS_close, 1, { 0 } },
	{ SYS_close, 1 | PROXIED, { 1 } },
	{ SYS_close, 1, { 3 } },
	{ SYS_prctl, 1 | 2, { 1, 9 } },
	{ SYS_getppid, 0, { 0 } },
	{ SYS_prlimit64, 1 | 2 | 8, { 0, 6, 0, 0 } },
	{ SYS_prlimit64, 1 | 2 | 8, { 0, 0, 0, 0 } },
	{ SYS_setitimer, 1 | 4, { 0, 0, 0 } },
	{ SYS_sendto, 1 | 8 | 16, { 0, 0, 0, 0x4040, 0 } },
	{ SYS_sendto, 1 | 8 | 16, { 0, 0, 0, 0xc040, 0 } },
	{ SYS_sendto, 1 | 8 | 16 | PROXIED, { 1, 0, 0, 0x4040, 0 } },
	{ SYS_recvfrom, 1 | 8 | 16 | PROXIED, { 1, 0, 0, 0, 0 } },
	{ SYS_recvfrom, 1 | 8 | 16 | PROXIED, { 0, 0, 0, 0x42, 0 } },
	{ SYS_recvfrom, 1 | 8 | 16, { 0, 0, 0, 0x40, 0 } },
	{ SYS_recvfrom, 1 | 8 | 16, { 0, 0, 0, 0x60, 0 } },
	{ SYS_shutdown, 1 | 2, { 0, 1 } },
	{ PPOLL, 2 | 8, { 0, 0, 0, 0 } },
	{ PPOLL, 2 | 8, { 0, 1, 0, 0 } },
	{ SYS_ioctl, 1 | 2, { 0, 0x5411, 0 } },
	{ SYS_restart_syscall, 0, { 0 } },
	{ SYS_exit_group, 0, { 0 } },
#ifdef WITH_SANITIZERS
	{ SYS_sigaltstack, 0, { 0 } },
#endif
};

#define ROWS (sizeof(golden) / sizeof(golden[0]))
/* What issue and README promise: calls, not rows. */
#define CALLS_MAX 14

static struct sock_filter code[FILTER_MAX];
static size_t length;

static int
compile(void **state)
{
	(void)state;
	return filter_compile(code, &length, true) == NULL ? 0 : -1;
}

/* ------------------------------------------------------- the program, run here */

static uint32_t
load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	assert_true(offset <= sizeof(*data) - sizeof(word));
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool
jumps(const struct sock_filter *op, uint32_t a)
{
	switch (BPF_OP(op->code)) {
	case BPF_JEQ:
		return a == op->k;
	case BPF_JGT:
		return a > op->k;
	case BPF_JGE:
		return a >= op->k;
	case BPF_JSET:
		return (a & op->k) != 0;
	default:
		fail_msg("jump %#x", op->code);
		return false;
	}
}

/* The verdict of the compiled filter. */
static uint32_t
run(const struct seccomp_data *data)
{
	const struct sock_filter *op;
	uint32_t a = 0;
	size_t pc;

	for (pc = 0; pc < length; pc++) {
		op = &code[pc];
		switch (BPF_CLASS(op->code)) {
		case BPF_LD:
			assert_int_equal(op->code, BPF_LD | BPF_W | BPF_ABS);
			a = load(data, op->k);
			break;
		case BPF_ALU:
			assert_int_equal(op->code, BPF_ALU | BPF_AND | BPF_K);
			a &= op->k;
			break;
		case BPF_JMP:
			if (BPF_OP(op->code) == BPF_JA)
				pc += op->k;
			else
				pc += jumps(op, a) ? op->jt : op->jf;
			break;
		case BPF_RET:
			return op->k;
		default:
			fail_msg("instruction %#x", op->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

static uint32_t
verdict(uint32_t arch, uint32_t number, const uint64_t *arguments)
{
	struct seccomp_data data = { .nr = (int)number, .arch = arch };
	size_t i;

	for (i = 0; i < ARGUMENTS; i++)
		data.args[i] = arguments[i];
	return run(&data);
}

static bool
row_allows(const struct golden *row, long number, const uint64_t *arguments)
{
	size_t i;

	if (row->number != number)
		return false;
	for (i = 0; i < ARGUMENTS; i++)
		if (row->checked >> i & 1 && arguments[i] != row->value[i])
			return false;
	return true;
}

static uint32_t
expected(long number, const uint64_t *arguments)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (row_allows(&golden[i], number, arguments))
			return SECCOMP_RET_ALLOW;
	return SECCOMP_RET_KILL_PROCESS;
}

/* An argument is a register; filters for 32 bits look at no more. */
static uint64_t
random_argument(void)
{
	static const uint64_t likely[] = { 0, 1, 2, 3, 4, 6, 7, 9, 17, 0x40,
		0x42, 0x60, 0x4040, 0xc040, 0x5411, 0x108011, UINT64_MAX,
		UINT64_C(1) << 32, (UINT64_C(1) << 32) | 3 };

	if (random() % 4 == 0)
		return (unsigned long)((uint64_t)random() << 32 |
		    (uint64_t)random());
	return (unsigned long)likely[(size_t)random() %
	    (sizeof(likely) / sizeof(likely[0]))];
}

static void
arguments_random(uint64_t *arguments)
{
	size_t i;

	for (i = 0; i < ARGUMENTS; i++)
		arguments[i] = random_argument();
}

static void
every_number_with_many_arguments(void **state)
{
	uint64_t arguments[ARGUMENTS];
	unsigned seed = (unsigned)time(NULL);
	uint32_t number;
	int i;

	(void)state;
	print_message("# seed %u\n", seed);
	srandom(seed);
	for (number = 0; number <= NUMBERS; number++)
		for (i = 0; i < 2000; i++) {
			arguments_random(arguments);
			assert_int_equal(verdict(NATIVE, number, arguments),
			    expected((long)number, arguments));
		}
}

/* Each row as it stands, then with each checked argument spoilt in turn. */
static void
every_row_and_its_neighbours(void **state)
{
	static const uint64_t spoil[] = { 1, 2, 4, 8, 0x80, 0x20000000,
		UINT64_C(1) << 32, UINT64_C(1) << 63 };
	uint64_t arguments[ARGUMENTS];
	const struct golden *row;
	size_t i, j;

	(void)state;
	for (row = golden; row < golden + ROWS; row++) {
		memcpy(arguments, row->value, sizeof(arguments));
		assert_int_equal(
		    verdict(NATIVE, (uint32_t)row->number, arguments),
		    SECCOMP_RET_ALLOW);
		for (i = 0; i < ARGUMENTS; i++)
			for (j = 0; j < sizeof(spoil) / sizeof(spoil[0]);
			     j++) {
				arguments[i] ^= (unsigned long)spoil[j];
				assert_int_equal(
				    verdict(NATIVE, (uint32_t)row->number,
					arguments),
				    expected(row->number, arguments));
				arguments[i] ^= (unsigned long)spoil[j];
			}
	}
}

static void
rows_of_proxies_are_not_there_without(void **state)
{
	const struct golden *row;

	assert_null(filter_compile(code, &length, false));
	for (row = golden; row < golden + ROWS; row++)
		assert_int_equal(
		    verdict(NATIVE, (uint32_t)row->number, row->value),
		    (row->checked & PROXIED) != 0 ? SECCOMP_RET_KILL_PROCESS :
						    SECCOMP_RET_ALLOW);
	assert_int_equal(compile(state), 0);
}

static void
other_architectures_are_killed(void **state)
{
	static const uint32_t others[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,
		AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_S390X, 0 };
	const uint64_t none[ARGUMENTS] = { 0 };
	uint32_t number;
	size_t i;

	(void)state;
	for (number = 0; number <= NUMBERS; number++) {
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (others[i] != NATIVE)
				assert_int_equal(
				    verdict(others[i], number, none),
				    SECCOMP_RET_KILL_PROCESS);
		assert_int_equal(verdict(NATIVE, number | X32_BIT, none),
		    SECCOMP_RET_KILL_PROCESS);
	}
	assert_int_equal(verdict(NATIVE, UINT32_MAX, none),
	    SECCOMP_RET_KILL_PROCESS);
}

static void
calls_are_few(void **state)
{
	size_t calls = 0, i, j;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		for (j = 0; j < i; j++)
			if (golden[j].number == golden[i].number)
				break;
		calls += j == i;
	}
#ifdef WITH_SANITIZERS
	calls--; /* sigaltstack */
#endif
	assert_true(calls <= CALLS_MAX);
}

/* ---------------------------------------------------------- the kernel, asked */

/* In a child: as a client child has it, then the one call. */
_Noreturn static void
try_call(long number, const uint64_t *arguments)
{
	struct sock_fprog program = { (unsigned short)length, code };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if ((geteuid() == 0 && setresuid(65534, 65534, 65534) == -1) ||
	    setrlimit(RLIMIT_NPROC, &none) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) == -1)
		_exit(99);
	syscall(number, (long)arguments[0], (long)arguments[1],
	    (long)arguments[2], (long)arguments[3], (long)arguments[4],
	    (long)arguments[5]);
	for (;;)
		syscall(SYS_exit_group, 0);
}

static int
status_of_call(long number, const uint64_t *arguments)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		try_call(number, arguments);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
assert_killed(long number, const uint64_t *arguments)
{
	int status = status_of_call(number, arguments);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("call %ld: status %#x", number, (unsigned)status);
}

static bool
is_golden(long number)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (golden[i].number == number)
			return true;
	return false;
}

static void
assert_killed_or_harmless(long number, const uint64_t *arguments)
{
	int status = status_of_call(number, arguments);

	assert_true(status == 0 || WTERMSIG(status) == SIGSYS ||
	    WTERMSIG(status) == SIGILL);
}

static void
the_kernel_kills_every_other_number(void **state)
{
	const uint64_t none[ARGUMENTS] = { 0 };
	long number;

	(void)state;
	for (number = 0; number <= NUMBERS; number++)
		if (is_exempt(number))
			assert_killed_or_harmless(number, none);
		else if (!is_golden(number))
			assert_killed(number, none);
#ifdef __x86_64__
	assert_killed((long)(SYS_getppid | X32_BIT), none);
	assert_killed((long)(SYS_execve | X32_BIT), none);
#endif
}

static void
the_kernel_kills_spoilt_arguments(void **state)
{
	uint64_t arguments[ARGUMENTS];
	const struct golden *row;
	size_t i;

	(void)state;
	for (row = golden; row < golden + ROWS; row++)
		for (i = 0; i < ARGUMENTS; i++) {
			if ((row->checked >> i & 1) == 0)
				continue;
			memcpy(arguments, row->value, sizeof(arguments));
			arguments[i] ^= 0x20000000;
			assert_killed(row->number, arguments);
		}
}

/* Allowed is allowed: the child lives to exit by itself. */
static void
the_kernel_allows_the_rows(void **state)
{
	static int64_t zero[2]; /* what ppoll_time64 takes, too */
	uint64_t arguments[ARGUMENTS];
	const struct golden *row;

	(void)state;
	for (row = golden; row < golden + ROWS; row++) {
		memcpy(arguments, row->value, sizeof(arguments));
		if (row->number == PPOLL) /* else it waits for ever */
			arguments[2] = (uintptr_t)&zero;
		assert_int_equal(status_of_call(row->number, arguments), 0);
	}
}

#ifdef __x86_64__
/* getppid by the 32-bit entry: number 64 there, semctl's here. */
_Noreturn static void
enter_32_bit(bool filtered)
{
	struct sock_fprog program = { (unsigned short)length, code };
	struct rlimit none = { 0, 0 };
	int result = 64;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (filtered)
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program);
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	for (;;)
		syscall(SYS_exit_group, result > 0 ? 0 : 1);
}

static int
status_of_entry(bool filtered)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		enter_32_bit(filtered);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
the_32_bit_entry_is_shut(void **state)
{
	int status;

	(void)state;
	if (status_of_entry(false) != 0) {
		print_message("# this kernel has no 32-bit entry\n");
		return;
	}
	status = status_of_entry(true);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_with_many_arguments),
		cmocka_unit_test(every_row_and_its_neighbours),
		cmocka_unit_test(rows_of_proxies_are_not_there_without),
		cmocka_unit_test(other_architectures_are_killed),
		cmocka_unit_test(calls_are_few),
		cmocka_unit_test(the_kernel_kills_every_other_number),
		cmocka_unit_test(the_kernel_kills_spoilt_arguments),
		cmocka_unit_test(the_kernel_allows_the_rows),
#ifdef __x86_64__
		cmocka_unit_test(the_32_bit_entry_is_shut),
#endif
	};

	return cmocka_run_group_tests_name("sandbox", tests, compile, NULL);
}
