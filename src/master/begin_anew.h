/* A program that goes on for another one, resume.h, and lacks something. */
#ifndef MASTER_BEGIN_ANEW_H
#define MASTER_BEGIN_ANEW_H

#include <stdbool.h>

struct resume_env;
struct unpack;

/*
 * From now on fatal() executes this program anew, a few times, after a pause, with
 * the same state, which stays the caller's, and the same files.  The trial has
 * passed with both, so what has failed may work soon; until resume_end() nothing of
 * the state is used up, and all clients wait.
 */
void begin_anew_at_fatal(char **argv, const struct resume_env *env,
    const struct unpack *state);

/* The end of that. */
void begin_anew_no_more(void);

/* A signal was read that is to be obeyed once clients are served: it comes again
 * with the next try.  Without effect outside of all this. */
void begin_anew_note(int signal);

/* The same for one that means to stop: false outside of all this, and for a second
 * one. */
bool begin_anew_defers(int signal);

#endif
