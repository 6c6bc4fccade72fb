/* A traced process's registers: the number, an argument and the result of the
 * system call that it is in.  Each sets one, and returns -1 with errno. */
#ifndef TESTS_TRACEE_H
#define TESTS_TRACEE_H

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#ifdef __x86_64__
#define CALL_REGISTER orig_rax
#define RESULT_REGISTER rax
#define SECOND_ARGUMENT rsi
#else
#define CALL_REGISTER orig_eax
#define RESULT_REGISTER eax
#define SECOND_ARGUMENT ecx
#endif

#define REGISTER_SET(pid, name, value) \
	ptrace(PTRACE_POKEUSER, pid, \
	    (void *)offsetof(struct user_regs_struct, name), (void *)(value))

static inline long
set_call(pid_t pid, long number)
{
	return REGISTER_SET(pid, CALL_REGISTER, number);
}

static inline long
set_second_argument(pid_t pid, long value)
{
	return REGISTER_SET(pid, SECOND_ARGUMENT, value);
}

static inline long
set_result(pid_t pid, long value)
{
	return REGISTER_SET(pid, RESULT_REGISTER, value);
}
#elif defined(__aarch64__)
static inline long
set_call(pid_t pid, long number)
{
	int call = (int)number;
	struct iovec part = { &call, sizeof(call) };

	return ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
}

static inline long
set_register(pid_t pid, unsigned index, long value)
{
	struct user_regs_struct registers;
	struct iovec part = { &registers, sizeof(registers) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part) == -1)
		return -1;
	registers.regs[index] = (unsigned long)value;
	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
}

static inline long
set_second_argument(pid_t pid, long value)
{
	return set_register(pid, 1, value);
}

static inline long
set_result(pid_t pid, long value)
{
	return set_register(pid, 0, value);
}
#else
#error "which registers have a system call's number, argument and result?"
#endif

#endif
