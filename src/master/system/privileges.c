/* Giving up root. */
#include "config.h"

#include "master/system/privileges.h"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <errno.h>
#include <grp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"
#include "shared/userns.h"

/* For capget(2), version 3. The last capability of Linux 5.9, the oldest kernel
 * with close_range(2), is CAP_CHECKPOINT_RESTORE. */
#define CAPABILITIES_MAX 64

static const cap_value_t kept[] = { CAP_NET_BIND_SERVICE };
static bool dropped; /* before that, root needs all it has */

bool
privileges_are_root(void)
{
	return geteuid() == 0 && !userns_has_one_user();
}

static void
must(bool done, const char *step)
{
	if (!done)
		fatal(cause_of(errno, EXIT_PRIVILEGE), "privileges: %s: %s%s",
		    step, strerror(errno),
		    errno == EINVAL ?
			" (has this user namespace no such user or group?)" :
			"");
}

/* A condition that must hold, whatever the call before it returned. */
static void
verify(bool right, const char *what)
{
	if (!right)
		fatal(EXIT_PRIVILEGE, "privileges: %s: not in effect", what);
}

static bool
only_group_is(gid_t gid)
{
	gid_t group;

	return getgroups(1, &group) == 1 && group == gid;
}

void
privileges_borrow(const struct identity *identity)
{
	must(setgroups(1, &identity->gid) == 0, "setgroups");
	must(setegid(identity->gid) == 0, "setegid");
	must(seteuid(identity->uid) == 0, "seteuid");
	verify(only_group_is(identity->gid), "setgroups");
	verify(getegid() == identity->gid, "setegid");
	verify(geteuid() == identity->uid, "seteuid");
}

void
privileges_return(void)
{
	gid_t group = 0;

	must(seteuid(0) == 0, "seteuid");
	must(setegid(0) == 0, "setegid");
	must(setgroups(1, &group) == 0, "setgroups");
	verify(geteuid() == 0, "seteuid");
	verify(getegid() == 0, "setegid");
	verify(only_group_is(group), "setgroups");
}

static void
user_change(const struct identity *identity)
{
	must(setgroups(1, &identity->gid) == 0, "setgroups");
	must(setresgid(identity->gid, identity->gid, identity->gid) == 0,
	    "setresgid");
	must(setresuid(identity->uid, identity->uid, identity->uid) == 0,
	    "setresuid");
}

/*
 * How many capabilities the kernel has; 0 when it does not say.  libcap counts
 * them too, before main(), but silently when that fails.
 */
static cap_value_t
cap_count(void)
{
	cap_value_t cap = 0;

	while (cap < CAPABILITIES_MAX && prctl(PR_CAPBSET_READ, cap) >= 0)
		cap++;
	return cap > CAP_CHECKPOINT_RESTORE ? cap : 0;
}

/* Only root may do this; under a unit with User= the unit does it, and in a user
 * namespace with one user what there is to gain is that user's. */
static void
bounding_empty(void)
{
	cap_value_t cap, count = cap_count();

	must(count > 0, "prctl PR_CAPBSET_READ");
	for (cap = 0; cap < count; cap++)
		must(cap_drop_bound(cap) == 0, "capability bounding set");
}

/* Sets permitted to CAP_NET_BIND_SERVICE, if it is there, and effective to that
 * or nothing; the inheritable set becomes empty. */
static int
caps_set(bool keep, bool effective)
{
	cap_t now = cap_get_proc(), want = cap_init();
	cap_flag_value_t have = CAP_CLEAR, passed = CAP_CLEAR;
	int result = -1;

	if (now == NULL || want == NULL ||
	    cap_get_flag(now, kept[0], CAP_PERMITTED, &have) == -1 ||
	    cap_get_flag(now, kept[0], CAP_INHERITABLE, &passed) == -1)
		goto out;
	if (keep && passed == CAP_SET &&
	    cap_set_flag(want, CAP_INHERITABLE, 1, kept, CAP_SET) == -1)
		goto out;
	if (keep && have == CAP_SET &&
	    cap_set_flag(want, CAP_PERMITTED, 1, kept, CAP_SET) == -1)
		goto out;
	if (effective && have == CAP_SET &&
	    cap_set_flag(want, CAP_EFFECTIVE, 1, kept, CAP_SET) == -1)
		goto out;
	result = cap_set_proc(want);
out:
	cap_free(now);
	cap_free(want);
	return result;
}

int
privileges_bind(bool on)
{
	return dropped ? caps_set(true, on) : 0;
}

/* cap_reset_ambient(3) loops for ever when prctl(2) claims success without
 * effect. */
static int
ambient_clear(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* What is permitted becomes inheritable, as long as the bounding set has it: it
 * passes through an exec only if it is also made ambient, privileges_pass(). */
static int
inheritable_set(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t have = CAP_CLEAR;
	int result = -1;

	if (caps != NULL &&
	    cap_get_flag(caps, kept[0], CAP_PERMITTED, &have) == 0 &&
	    cap_set_flag(caps, CAP_INHERITABLE, 1, kept, have) == 0)
		result = cap_set_proc(caps);
	cap_free(caps);
	return result;
}

static bool
inheritable_is_set(void)
{
	cap_t now = cap_get_proc();
	cap_flag_value_t have, passed;
	bool set = now != NULL &&
	    cap_get_flag(now, kept[0], CAP_PERMITTED, &have) == 0 &&
	    cap_get_flag(now, kept[0], CAP_INHERITABLE, &passed) == 0 &&
	    passed == have;

	cap_free(now);
	return set;
}

int
privileges_pass(bool on)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t have = CAP_CLEAR, passed = CAP_CLEAR;
	int result = -1;

	if (caps != NULL &&
	    cap_get_flag(caps, kept[0], CAP_PERMITTED, &have) == 0 &&
	    cap_get_flag(caps, kept[0], CAP_INHERITABLE, &passed) == 0)
		result = have == CAP_SET && passed == CAP_SET ?
		    prctl(PR_CAP_AMBIENT,
			on ? PR_CAP_AMBIENT_RAISE : PR_CAP_AMBIENT_LOWER,
			kept[0], 0, 0) :
		    0;
	cap_free(caps);
	return result;
}

/* All sets are empty, except that permitted may have what is kept.  When this is
 * false, errno is 0, or says why the sets could not be read. */
static bool
caps_are_gone(bool keep)
{
	cap_flag_value_t permitted, effective, inheritable;
	cap_value_t cap, count = cap_count();
	cap_t now;
	bool gone;

	if (count == 0)
		return false;
	errno = 0;
	now = cap_get_proc();
	gone = now != NULL;
	for (cap = 0; gone && cap < count; cap++)
		gone = cap_get_flag(now, cap, CAP_PERMITTED, &permitted) == 0 &&
		    cap_get_flag(now, cap, CAP_EFFECTIVE, &effective) == 0 &&
		    cap_get_flag(now, cap, CAP_INHERITABLE, &inheritable) ==
			0 &&
		    effective == CAP_CLEAR &&
		    ((permitted == CAP_CLEAR && inheritable == CAP_CLEAR) ||
			(keep && cap == kept[0])) &&
		    cap_get_ambient(cap) != 1;
	cap_free(now);
	return gone;
}

int
privileges_none(void)
{
	if (ambient_clear() == -1 || caps_set(false, false) == -1)
		return -1;
	return caps_are_gone(false) ? 0 : -1;
}

static void
verify_identity(const struct identity *identity)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	must(getresuid(&ruid, &euid, &suid) == 0, "getresuid");
	must(getresgid(&rgid, &egid, &sgid) == 0, "getresgid");
	verify(ruid == identity->uid && euid == identity->uid &&
		suid == identity->uid,
	    "setresuid");
	verify(rgid == identity->gid && egid == identity->gid &&
		sgid == identity->gid,
	    "setresgid");
	verify(only_group_is(identity->gid), "setgroups");
	verify(setresuid(0, 0, 0) == -1, "setresuid (root can be had back)");
	verify(setresgid(0, 0, 0) == -1, "setresgid (root can be had back)");
}

static bool
bounding_is_empty(void)
{
	cap_value_t cap, count = cap_count();

	for (cap = 0; cap < count; cap++)
		if (cap_get_bound(cap) != 0)
			return false;
	return count > 0;
}

void
privileges_drop(const struct identity *identity)
{
	if (identity != NULL) {
		must(inheritable_set() == 0, "capset");
		verify(inheritable_is_set(), "capset");
		bounding_empty();
		must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0,
		    "prctl PR_SET_KEEPCAPS");
		verify(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1,
		    "prctl PR_SET_KEEPCAPS");
		user_change(identity);
		must(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0,
		    "prctl PR_SET_KEEPCAPS");
	}
	must(ambient_clear() == 0, "prctl PR_CAP_AMBIENT");
	must(caps_set(true, false) == 0, "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
	    "prctl PR_SET_NO_NEW_PRIVS");
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
	    "prctl PR_SET_DUMPABLE");

	dropped = true;

	verify(caps_are_gone(true), "capset");
	verify(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0,
	    "prctl PR_SET_KEEPCAPS");
	verify(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	    "prctl PR_SET_NO_NEW_PRIVS");
	verify(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0,
	    "prctl PR_SET_DUMPABLE");
	if (identity != NULL) {
		verify(bounding_is_empty(), "capability bounding set");
		verify_identity(identity);
	}
}
