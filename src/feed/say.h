/* Lines on standard error that must not stop the feed. */
#ifndef FEED_SAY_H
#define FEED_SAY_H

/*
 * output_error() that ends within a fifth of a second when nobody reads
 * standard error; the line is lost then.  Takes SIGALRM and ITIMER_REAL, as
 * deadline_interrupt() does, and leaves the timer stopped.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Stops the timer of deadline_interrupt(). */
void say_calm(void);

#endif
