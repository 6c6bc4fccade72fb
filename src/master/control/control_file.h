/* The control socket's file. */
#ifndef MASTER_CONTROL_FILE_H
#define MASTER_CONTROL_FILE_H

#include <stdint.h>

struct control_group;
struct identity;

/*
 * Creates a listening socket at path, mode 0600, with the rights of identity
 * (NULL: our own); mode 0660 and that group when one is set, of which a warning
 * says so when it cannot be.  When identity is given, that is, by root, a missing
 * directory is created in a parent that only root can change, and given to the
 * identity.  The directory must not be a symbolic link, must belong to root or
 * to us, and must not be writable by anyone else.  The socket of a dead daemon
 * is replaced; anything else at path is left alone.  The caller closes the
 * descriptor; at exit(3) the file is removed if it is still ours.  Returns -1
 * without a warning for "", and with a warning in the log when the socket
 * cannot be created.
 */
int control_file_make(const char *path, const struct identity *identity,
    const struct control_group *group);

/* Which file that is, so that it can go over an exec; 0 and 0: there is none. */
void control_file_identify(uint64_t *device, uint64_t *inode);

/* After an exec, instead of control_file_make(): the file of the socket at path has
 * those numbers. */
void control_file_keep(const char *path, const struct control_group *group,
    uint64_t device, uint64_t inode);

/*
 * Makes the socket at path anew when its file has been removed; fd is the one
 * that control_file_make() or this function returned.  Returns a new descriptor,
 * and fd is closed; or fd, when the file is there, is another one now, or cannot
 * be made, of which a warning is logged.
 */
int control_file_restore(int fd, const char *path);

#endif
