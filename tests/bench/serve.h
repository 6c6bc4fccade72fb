/* What the servers that the benchmark compares with have in common. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

/* The whole message, 10 bytes: the default greeting of forkgreetd. */
#define SERVE_GREETING "hi client\n"

/* listen(2)'s backlog, the same for all: above what a run keeps in flight. */
#define SERVE_BACKLOG 4096

/*
 * Listens on 127.0.0.1 and the port that is the program's only argument.
 * flags: 0 or SOCK_NONBLOCK.  The program ends with its parent (SIGTERM), so
 * that a killed bench leaves no server behind.  Returns the listening socket;
 * ends the program with 64 (usage) or 71 on any error.
 */
int serve_listen(int argc, char **argv, int flags);

/*
 * A whole session on a blocking socket: greeting, shutdown(SHUT_WR), then read
 * until the client ends its stream.  Does not close.
 */
void serve_client(int client);

/*
 * The textbook loop: accept, fork, serve_client() in the child.  Nobody waits
 * for the children: SIGCHLD is ignored.  prepare, when not NULL, is called
 * first thing in each child.  Ends the program with 71 when accept(2) fails.
 */
_Noreturn void serve_by_fork(int listener, void (*prepare)(void));

#endif
