/* Naming the system call for which the filter killed a trial client. */
#include "config.h"

#include "master/generations/diagnose.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/generations/filter.h"
#include "master/generations/snapshot.h"
#include "shared/plan.h"

static void
kill_to_trap(struct plan *plan)
{
	struct sock_filter *op = (struct sock_filter *)(void *)(
	    (char *)plan + plan->filter_offset);
	struct sock_filter *end = op + plan->filter_length;

	for (; op < end; op++)
		if (op->code == (BPF_RET | BPF_K) &&
		    op->k == SECCOMP_RET_KILL_PROCESS)
			op->k = SECCOMP_RET_TRAP;
}

int
diagnose_plan(const struct plan *plan)
{
	struct plan *copy = malloc(plan->size);
	int fd;

	if (copy == NULL)
		return -1;
	memcpy(copy, plan, plan->size);
	copy->sandbox = PLAN_SANDBOX_DIAGNOSE;
	kill_to_trap(copy);
	fd = snapshot_seal(copy);
	free(copy);
	return fd;
}

void
diagnose_explain(char *failure, size_t size, int32_t row)
{
	size_t length = strlen(failure);
	char *name;

	if (row <= 0)
		return;
	name = filter_call_name(row - 1);
	snprintf(failure + length, size - length, ": system call %s (%d)",
	    name != NULL ? name : "unknown", (int)row - 1);
	free(name);
}
