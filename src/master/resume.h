/* Going on with what the daemon before us, the same process, was doing: it has
 * executed us, upgrade.h. */
#ifndef MASTER_RESUME_H
#define MASTER_RESUME_H

#include <stdbool.h>

struct candidate;
struct conf;
struct pack;
struct report;
struct server;
struct state_words;

/* What a trial that has passed says last: another program may also exit with 0. */
#define RESUME_PASSED "forkgreetd goes on with this state\n"

/* Writes what is not the clients': sockets, files, and what of the configuration
 * cannot change while we run. */
void resume_pack(struct pack *pack, const struct server *server);

/*
 * First of all: is there such a state?  Then only its descriptors are kept, and
 * they are closed at the next exec.  Ends the process when the state is not
 * whole.  Until resume_end() a fatal() begins anew, with argv, see
 * begin_anew.h.
 */
bool resume_begin(char **argv);

/* We have been resumed (or tried). */
bool resume_is_on(void);

/* All is done as if we went on, but for what others would notice; the exit
 * status says whether we could. */
bool resume_is_trial(void);

/* The state's part of server, set before loop_run(). */
void resume_server(struct server *server);

/* What others would notice: the PID file, which is pid_path, is ours, and so are
 * the control socket's, which is control_path, and the service manager's socket.
 * Not for a trial. */
void resume_process(const char *pid_path, const char *control_path);

/* Errors for what the new configuration has otherwise than it can be. */
void resume_verdict(const struct conf *conf, const char *path,
    struct report *report);

/* After states_begin(): what the operator has said. */
void resume_words(struct state_words *words);

/* In loop_run(), after its parts have been made; ends the process on failure, which
 * a trial finds out. */
void resume_counters(struct server *server);

/* The same for clients, just before the first configuration is in force. */
void resume_clients(struct server *server);

/* A trial has passed: says so, and ends. */
_Noreturn void resume_passed(void);

/* With the first configuration in force, of which that is the report: levels of
 * limits, and those who have asked for the upgrade hear of it; then the state is
 * forgotten. */
void resume_end(struct server *server, const struct report *report);

#endif
