/* A terminal that a program has for itself for a while. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>

/* True when standard output is a terminal on which a cursor can be moved. */
bool terminal_is_there(void);

/*
 * Takes it: the other screen, no cursor, keys without Return and without echo.
 * It is given back by terminal_leave(), and by signals that end the program;
 * SIGINT, Ctrl-C, ends it with status 0.  Stopped by Ctrl-Z it is given back,
 * too, until the program continues in the foreground; in the background it waits
 * for that.
 */
void terminal_enter(void);
void terminal_leave(void);

/* The size of the window now, in characters. */
void terminal_size(int *width, int *height);

/* Waits until the deadline (shared/deadline.h).  Returns a key, or 0 when the
 * window has changed, so that all of it is to be drawn, or -1 at the deadline. */
int terminal_wait(long long deadline);

#endif
