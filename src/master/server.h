/* The daemon at work: its parts.  What is done with them stands in the other
 * files of this folder, loop.c first. */
#ifndef MASTER_SERVER_H
#define MASTER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/service.h"
#include "master/config/greetings.h"
#include "master/control/control.h"
#include "master/control/orders.h"
#include "master/control/status.h"
#include "master/generations/generation.h"
#include "master/generations/setup.h"
#include "master/generations/spawners.h"
#include "master/state_words.h"
#include "master/system/file.h"
#include "master/system/file_id.h"
#include "shared/health.h"

struct candidate;
struct load;

/* A reload under way, reload.h. */
struct reload {
	bool wanted; /* SIGHUP came, and has not been looked at */
	struct load *load; /* being parsed */
	struct candidate *candidate; /* parsed; waiting for its trial, or on it */
	bool on_trial;
	struct reload_result last;
};

/* Stages; each begins where the one before ended. */
enum stop_stage {
	STOP_NOT,
	STOP_DRAIN, /* no new clients; the others may finish */
	STOP_TERM, /* children got SIGTERM */
	STOP_KILL, /* children got SIGKILL */
};

/* Stopping, stop.h. */
struct stop {
	enum stop_stage stage;
	int64_t at; /* clock_now() of the next stage, CLOCK_NEVER */
	int early; /* the signal that came before an upgrade was over; 0 */
};

#define STOP_NONE ((struct stop) { .at = CLOCK_NEVER })

/* What was in effect last, to see what has changed; states.h. */
struct state_effect {
	char listener[CONF_NAME_MAX + 1];
	struct listener_state state;
};

struct states {
	struct state_words words; /* the latest of each listener, and of all */
	const char *path; /* of the state file; "": there is none */
	struct state_effect effects[CONF_LISTENERS_MAX];
	struct state_effect fresh[CONF_LISTENERS_MAX];
	uint32_t n_effects;
	int64_t look_at; /* clock_now() of the next look at words that end */
};

/* How old a version of a file is: the wall clock is asked once, for it may be
 * set. */
struct health_age {
	struct file_id file;
	int64_t written_at; /* clock_now() */
	int64_t looked_at; /* at that version, last */
};

/* A health file that is followed, health.h. */
struct health_watch {
	int64_t next_at; /* clock_now() of the next look; CLOCK_NEVER: none */
	bool looked; /* file and said are of the last look */
	bool unfinished; /* it was being written then */
	bool failed; /* it could not be read then; the cause may be elsewhere */
	struct health_age age; /* file: also when there is none any more */
	struct file_id file;
	struct health said; /* by the file */
	struct health now; /* what holds: it may be too old */
};

struct health_watches {
	struct health_watch watches[CONF_LISTENERS_MAX]; /* by listener */
	int64_t next_at; /* the nearest of theirs */
};

/* A greeting file that is followed, follow.h. */
struct followed {
	int64_t next_at; /* clock_now() of the next look; CLOCK_NEVER: none */
	struct file_id last; /* the version that was read last */
	struct greeting fresh; /* of that, when it is not in force */
	bool settling; /* fresh is being written, as it seems */
	bool ready; /* fresh may be put in force */
	bool again; /* last was whole, but its text is gone */
	bool given; /* fresh was ready, and is in the list of greetings */
	unsigned young; /* looks that found it too young, in a row */
	unsigned misses; /* looks that got no text, in a row; up to 2 */
};

enum refresh_stage {
	REFRESH_IDLE, /* looking at files */
	REFRESH_BUILDING, /* the plan with their new texts */
	REFRESH_BUILT, /* it waits for its trial */
	REFRESH_TRYING,
};

/* Texts on their way into force, refresh.h. */
struct refresh {
	struct followed files[CONF_LISTENERS_MAX]; /* by listener */
	uint32_t n_files;
	struct file_reading reading; /* of one of them */
	struct file_id reading_id;
	uint32_t reading_of; /* its index */
	enum refresh_stage stage;
	int64_t earliest; /* clock_now() of the next generation */
	int64_t resume_at; /* of the next piece of work */
	struct greeting *greetings; /* all; only those given are ours */
	struct snapshot_draft draft;
	struct snapshot snapshot;
	struct messages messages;
	bool failed; /* the last one, and the log says so */
};

#define REFRESH_NONE ((struct refresh) { .reading = FILE_READING_NONE, \
	.draft = SNAPSHOT_DRAFT_NONE, .snapshot = SNAPSHOT_NONE })

enum upgrade_stage {
	UPGRADE_NOT,
	UPGRADE_TRYING, /* the new program runs, as a child */
	UPGRADE_SETTLING, /* it will do; some client is on its way to a spawner */
};

/* An upgrade under way, upgrade.h. */
struct upgrade {
	bool wanted;
	enum upgrade_stage stage;
	int program; /* the new one; -1 */
	int kept; /* the files that its trial has read; -1 */
	pid_t trial; /* 0: none */
	int output; /* what the trial says; -1 */
	char said[16384]; /* more than a whole report */
	size_t n_said;
	int deaf; /* errno: it cannot be heard; 0 */
	int64_t until; /* clock_now(): so long for this stage */
};

#define UPGRADE_NONE ((struct upgrade) { .program = -1, .kept = -1, \
	.output = -1 })

struct server {
	/* Set before loop_run(). */
	const char *name; /* of this process, argv[0] */
	const char *path; /* of the configuration */
	bool as_root; /* started by root: chooses defaults at reload */
	bool foreground;
	int reader; /* of the reader, executable_open() */
	int executable; /* of the spawner, executable_open() */
	struct control_group control_group; /* who may look there */
	int control_socket; /* control_file_make() */

	int epoll;
	int signals; /* signalfd */
	bool ready; /* listening; the first generation has been committed */
	struct candidate *first; /* until then: the candidate on trial */
	struct setup running;
	struct spawners spawners;
	struct generation generation;
	struct service service;
	struct states states;
	struct health_watches health;
	struct refresh refresh;
	struct control control;
	struct control_actions actions; /* what control has done */
	struct overview overview; /* what control shows */
	struct reload reload;
	struct upgrade upgrade;
	struct stop stop;
};

/* Only then anything else is begun: not before the first client could come, nor
 * once it stops. */
static inline bool
server_is_serving(const struct server *server)
{
	return server->ready && server->stop.stage == STOP_NOT;
}

#endif
