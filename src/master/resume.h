/* Going on with what the daemon before us, the same process, was doing: it has
 * executed us, upgrade.h. */
#ifndef MASTER_RESUME_H
#define MASTER_RESUME_H

#include <stdbool.h>
#include <stdint.h>

struct candidate;
struct conf;
struct pack;
struct report;
struct server;
struct state_words;

/* For the one that executes: the memfd, and for a trial, that it is one. */
#define RESUME_STATE "FORKGREET_STATE"
#define RESUME_TRIAL "FORKGREET_TRIAL"
/* Another memfd: a trial stores the files that it has read there (kept.h), and
 * who comes after it reads them there. */
#define RESUME_KEPT "FORKGREET_KEPT"
/* How often it has been begun, and was given up. */
#define RESUME_TRIES "FORKGREET_TRIES"

/* What a trial that has passed says last: another program may also exit with 0. */
#define RESUME_PASSED "forkgreetd goes on with this state\n"

/* Writes what is not the clients': sockets, files, and what of the configuration
 * cannot change while we run. */
void resume_pack(struct pack *pack, const struct server *server);

/* Sets these variables but RESUME_TRIAL; removes all of them. */
void resume_env(int state_fd, int kept_fd, int64_t tries);
void resume_env_clear(void);

/*
 * First of all: is there such a state?  Then only its descriptors are kept, and
 * they are closed at the next exec.  Ends the process when the state is not
 * whole.  If we go on and fatal() is called before resume_end(), we begin anew a
 * few times: for that argv is needed.
 */
bool resume_begin(char **argv);

/* A signal to stop came before resume_end(): true when it is to be obeyed then. */
bool resume_defers(int signal);

/* We have been resumed (or tried). */
bool resume_is_on(void);

/* All is done as if we went on, but for what others would notice; the exit
 * status says whether we could. */
bool resume_is_trial(void);

/* The state's part of server, set before loop_run(). */
void resume_server(struct server *server);

/* What others would notice: the PID file, which is pid_path, is ours, and so is
 * the service manager's socket.  Not for a trial. */
void resume_process(const char *pid_path);

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
