/* A terminal that a program has for itself for a while. */
#include "config.h"

#include "ctl/terminal.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "shared/deadline.h"

#define WIDTH 80 /* when nobody knows */
#define HEIGHT 24
#define SIZE_MAX_SHOWN 500
#define SECOND 1000000000
#define STOPS_MAX 1000 /* in the background, where nobody says to continue */

/* ECMA-48; the other screen is xterm's, and others leave it out. */
#define ENTER "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE "\033[2J\033[H\033[?25h\033[?1049l"

static struct {
	bool has_keys; /* standard input is a terminal, and before is its mode */
	bool keys_over; /* it has ended */
	struct termios before;
	sigset_t waiting; /* blocked while we wait */
} terminal;

static volatile sig_atomic_t changed, stopped, continued;

bool
terminal_is_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && term != NULL && *term != '\0' &&
	    strcmp(term, "dumb") != 0;
}

/* All that follows up to the handlers may be called by one. */
static void
say(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDOUT_FILENO, text, length);

		if (n == -1)
			return;
		text += n;
		length -= (size_t)n;
	}
}

/* A job in the background leaves the terminal to the others, and is stopped.  The
 * kernel does not stop it when there is no shell that could continue it. */
static void
await_foreground(void)
{
	pid_t group;
	int i;

	for (i = 0; i < STOPS_MAX; i++) {
		group = tcgetpgrp(STDOUT_FILENO);
		if (group == -1 || group == getpgrp())
			return;
		raise(SIGTTIN);
	}
}

static void
take(void)
{
	struct termios mode = terminal.before;

	if (terminal.has_keys) {
		mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		mode.c_cc[VMIN] = 1;
		mode.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &mode);
	}
	say(ENTER, sizeof(ENTER) - 1);
}

void
terminal_leave(void)
{
	say(LEAVE, sizeof(LEAVE) - 1);
	if (terminal.has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
}

static void
on_end(int number)
{
	terminal_leave();
	if (number == SIGINT)
		_exit(0);
	signal(number, SIG_DFL);
	raise(number);
}

static void
on_change(int number)
{
	(void)number;
	changed = 1;
}

static void
on_stop(int number)
{
	(void)number;
	stopped = 1;
}

static void
on_continue(int number)
{
	(void)number;
	continued = 1;
}

/* Without SA_RESTART: a wait ends. */
static void
handle(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void
terminal_enter(void)
{
	sigset_t mask;

	await_foreground();
	terminal.has_keys = tcgetattr(STDIN_FILENO, &terminal.before) == 0;
	/* These come only while we wait: nothing is half drawn then. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigaddset(&mask, SIGTSTP);
	sigaddset(&mask, SIGCONT);
	sigprocmask(SIG_BLOCK, &mask, &terminal.waiting);
	sigdelset(&terminal.waiting, SIGWINCH);
	sigdelset(&terminal.waiting, SIGTSTP);
	sigdelset(&terminal.waiting, SIGCONT);
	handle(SIGWINCH, on_change);
	handle(SIGTSTP, on_stop);
	handle(SIGCONT, on_continue);
	handle(SIGINT, on_end);
	handle(SIGTERM, on_end);
	handle(SIGHUP, on_end);
	handle(SIGQUIT, on_end);
	take();
}

/* A number of the environment, as shells have it; 0. */
static int
environment(const char *name)
{
	const char *value = getenv(name);
	long n = value == NULL ? 0 : strtol(value, NULL, 10);

	return n > 0 && n <= SIZE_MAX_SHOWN ? (int)n : 0;
}

static int
choose(const char *name, unsigned said, int otherwise)
{
	int n = environment(name);

	if (said > 0)
		return said < SIZE_MAX_SHOWN ? (int)said : SIZE_MAX_SHOWN;
	return n > 0 ? n : otherwise;
}

void
terminal_size(int *width, int *height)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1)
		size = (struct winsize) { 0 };
	*width = choose("COLUMNS", size.ws_col, WIDTH);
	*height = choose("LINES", size.ws_row, HEIGHT);
}

/* Returns the key, or -1. */
static int
key_read(void)
{
	unsigned char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 1)
		return key;
	terminal.keys_over = n == 0 || (errno != EINTR && errno != EAGAIN);
	return -1;
}

/* Whoever had the terminal meanwhile has set it in another way.  SIGSTOP leaves no
 * time to give it back; SIGCONT is all that is seen of it. */
static void
stop_and_continue(void)
{
	if (stopped) {
		terminal_leave();
		raise(SIGSTOP);
	} else if (!continued) {
		return;
	}
	await_foreground();
	stopped = continued = 0;
	changed = 1;
	take();
}

int
terminal_wait(long long deadline)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec pause;
	long long left;
	int n, key;

	while ((left = deadline_left(deadline)) > 0) {
		if (!terminal.has_keys || terminal.keys_over)
			keys.fd = -1;
		pause = (struct timespec) { left / SECOND, left % SECOND };
		n = ppoll(&keys, 1, &pause, &terminal.waiting);
		stop_and_continue();
		if (changed) {
			changed = 0;
			return 0;
		}
		key = n > 0 ? key_read() : -1;
		if (key > 0)
			return key;
	}
	return -1;
}
