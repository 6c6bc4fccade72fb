/* The table of events. */
#include "config.h"

#include "master/system/log_events.h"

#include "master/system/log_record.h"

/* Of who came over a UNIX socket uid and pid, else the others. */
#define CLIENT "id listener [src] [sport] [dst] [dport] [uid] [pid] "
#define PROXY "[psrc] [psport]"

const struct log_event_row log_events[] = {
	{ "start", "version pid uid listeners max_clients sandbox landlock_abi "
		   "spawner_libc" },
	{ "listen", "listener address [port]" },
	{ "lost", "listener address [port] error" },
	{ "client", CLIENT "outcome [bytes] duration_ms cpu_us [state] "
			   PROXY " [generation]" },
	{ "refused", CLIENT "reason suppressed " PROXY },
	{ "quiet", "listener clients greeted" },
	{ "full", "listener clients max_clients [undeclared]" },
	{ "full ended", "clients" },
	{ "state", "listener state [until] [reason]" },
	{ "state file", "path error kept" },
	{ "refresh", "result [listener] [greeting_file] [step] [error]" },
	{ "reload", "result [errors] generation [added] [removed]" },
	{ "upgrade", "result [program] [reason] [version] [was] [clients]" },
	{ "log_level", "set was uid pid" },
	{ "control", "[result] [verb] uid pid [suppressed]" },
	{ "spawner start", "pid generation" },
	{ "spawner rotates", "generation reason" },
	{ "spawner replaced", "pid generation in_flight reason" },
	{ "spawner end", "pid generation [signal] [status] in_flight" },
	{ "spawner failed", "suppressed error" },
	{ "spawner left", "waited_ms" },
	/* REASON and OUTCOME stand for each of them. */
	{ "counters", "[listener] [accepted] live lingering [refused_REASON] "
		      "[ended_OUTCOME] [sent_bytes] [child_cpu_us] "
		      "[accept_failures] [fork_failures] [spawner_starts] "
		      "[spawner_standby] [reloads_ok] [reloads_failed] "
		      "[log_dropped]" },
	{ "stop", "signal clients" },
	{ "stopped", "clients log_dropped" },
	{ "log", "dropped" },
	{ LOG_MESSAGE, LOG_MESSAGE },
};

const size_t log_n_events = sizeof(log_events) / sizeof(log_events[0]);
