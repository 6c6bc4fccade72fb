/* A request over the control socket, from its first byte to its answer. */
#include "config.h"

#include "master/control/request.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/control/credentials.h"
#include "master/control/log_level.h"
#include "master/control/peer.h"
#include "master/control/places.h"
#include "master/control/verbs.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

/* NULL, or why no more requests for a reload or an upgrade are taken. */
static const char *
refusal_of(const struct control *control, bool upgrade)
{
	const struct control_peer *peer = control->peers;
	int waiting = 0;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		waiting += peer->state == CONTROL_WAITING;
	if (control->closed_why != NULL || waiting < CONTROL_WAITING_MAX)
		return control->closed_why;
	return upgrade ? "upgrade: too many requests are waiting" :
			 "reload: too many requests are waiting for one";
}

/* One that has begun may have read the file, or the program, already. */
static void
work_want(struct control *control, struct control_peer *peer, bool upgrade,
    int64_t now)
{
	const char *refusal = refusal_of(control, upgrade);

	if (refusal != NULL) {
		peer_refuse(control, peer, CONTROL_REFUSED, refusal, now);
		return;
	}
	log_event(LOG_INFO, "control",
	    LOG_WORD("verb", upgrade ? "upgrade" : "reload"),
	    LOG_SIGNED("uid", (int)peer->who.uid),
	    LOG_SIGNED("pid", (int)peer->who.pid));
	if (upgrade)
		control->upgrade_wanted = true;
	else
		control->reload_wanted = true;
	peer->state = CONTROL_WAITING;
	peer->deadline = CLOCK_NEVER;
	peer->for_upgrade = upgrade;
	peer->ticket = 1 + (upgrade ? control->upgrades : control->reloads);
	peer_watch(control, peer, 0); /* its end is told all the same */
}

/* In the log whatever its level is now: it explains why lines are missing. */
static void
say_log_level(const struct control_peer *peer, int was)
{
	log_event(LOG_NOTICE | LOG_ASKED, "log_level",
	    LOG_WORD("set", log_level_name(log_level())),
	    LOG_WORD("was", log_level_name(was)),
	    LOG_SIGNED("uid", (int)peer->who.uid),
	    LOG_SIGNED("pid", (int)peer->who.pid));
}

void
request_deny(struct control *control, struct control_peer *peer,
    const char *verb, int64_t now)
{
	credentials_denied(&peer->who, verb, &control->denials, now);
	peer_refuse(control, peer, CONTROL_DENIED,
	    verb == NULL ? "control: not allowed: root may, and the user that "
			   "the daemon runs as" :
			   "control: this verb is not for members of "
			   "control_group, root may, and the user that the "
			   "daemon runs as",
	    now);
}

void
request_run(struct control *control, struct control_peer *peer, int64_t now)
{
	struct verb_result result;

	verbs_run(&result, peer->request, peer->line, peer->rights,
	    control->overview, control->actions, now);
	peer->json = result.json;
	if (result.log_level)
		say_log_level(peer, result.old_log_level);
	if (result.denied != NULL)
		request_deny(control, peer, result.denied, now);
	else if (result.refusal != NULL)
		peer_refuse(control, peer, CONTROL_USAGE, result.refusal, now);
	else if (result.reload || result.upgrade)
		work_want(control, peer, result.upgrade, now);
	else if (result.list)
		peer_list(control, peer, &result.rows, now);
	else if (result.failed)
		peer_refuse(control, peer, CONTROL_REFUSED, result.text, now);
	else
		peer_answer(control, peer, CONTROL_OK, result.text, "", now);
	free(result.text);
}

void
request_read(struct control *control, struct control_peer *peer, int64_t now)
{
	ssize_t n = recv(peer->fd, peer->request + peer->have,
	    sizeof(peer->request) - peer->have, MSG_DONTWAIT);
	char *newline;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_end(control, peer);
		return;
	}
	peer->have += (size_t)n;
	newline = memchr(peer->request, '\n', peer->have);
	if (newline != NULL) {
		*newline = '\0';
		peer->line = (size_t)(newline - peer->request);
		peer->state = CONTROL_ASKED;
	} else if (peer->have == sizeof(peer->request)) {
		peer_refuse(control, peer, CONTROL_USAGE, "control: request too long",
		    now);
	}
}
