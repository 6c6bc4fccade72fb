/* UNIX sockets that listeners have, and their files. */
#ifndef MASTER_LISTENERS_SOCKET_FILE_H
#define MASTER_LISTENERS_SOCKET_FILE_H

#include <stdbool.h>

struct identity;
struct listener;

/*
 * Who the daemon becomes, while it is root still: files are made with that user's
 * rights, so that a reload can do what the start did; NULL: nobody else.  What
 * that user may not do in a directory that only root can change, root does.
 */
void socket_file_begin(const struct identity *identity);

/*
 * Opens and binds listener->fd, and notes the file.  A file that a dead daemon
 * has left is replaced, and anything else is left alone.  The file has its mode
 * from the first moment, and owner and group before anybody can connect.
 * Returns 0, or -1 with errno and a reason in *why, which may be NULL.
 */
int socket_file_bind(struct listener *listener, const char **why);

/* True when it stays behind at the stop: its directory is not ours to change. */
bool socket_file_stays(const struct listener *listener);

/* False when there is something there that is no socket: then it cannot be bound, for
 * that reason. */
#define SOCKET_FILE_OTHER "there is something other than a socket"
bool socket_file_may_be(const char *path);

/* True when the listener's file is there, and is the one that was made for it; it
 * is also when it has none.  *gone: nothing is there, or what a dead program left. */
bool socket_file_is_ours(const struct listener *listener, bool *gone);

/* Gives the file its mode, owner and group.  Returns 0, or -1 with errno. */
int socket_file_change(const struct listener *listener);

/* Nothing can fail any more: sockets that have been bound are in use. */
void socket_file_commit(void);

/* Removes the file, if it is still the one that was made. */
void socket_file_remove(const struct listener *listener);

#endif
