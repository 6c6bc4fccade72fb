/* The control socket's place in the file system. */
#ifndef MASTER_CONTROL_FILE_H
#define MASTER_CONTROL_FILE_H

struct identity;

/*
 * Makes a listening socket at path, mode 0600, with the rights of identity
 * (NULL: our own).  A directory that is missing is made when identity is there,
 * i.e. by root, in a parent that only root can change, and given to the
 * identity.  The directory must be no link, belong to root or to us, and be
 * writable by nobody else.  What is left of a daemon that died is replaced; any
 * other thing at path is left alone.  The caller closes the descriptor; at the
 * process's exit(3) the file is removed if it is still ours.  "" gives -1
 * without a word.  Returns -1 with a warning in the log when there can be no
 * socket.
 */
int control_file_make(const char *path, const struct identity *identity);

/*
 * Makes the socket at path anew when its file has been removed; fd is the one
 * that control_file_make() or this function returned.  Returns a new descriptor,
 * and fd is closed; or fd, when the file is there, is another one now, or cannot
 * be made, of which a warning is logged.
 */
int control_file_restore(int fd, const char *path);

#endif
