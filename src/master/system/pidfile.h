/* The PID file, which is also the lock against a second instance. */
#ifndef MASTER_PIDFILE_H
#define MASTER_PIDFILE_H

/*
 * Creates path, writes our pid, and holds an fcntl(2) lock on it for the life of
 * this process, by a descriptor that cannot write: a daemon that has given up
 * root cannot change root's PID file.  To be called by the process that will
 * serve: the lock is not inherited.  A file that is there must be regular, ours
 * or root's, writable by nobody else, and empty or a number; which number does
 * not matter, only the lock does.  "" does nothing.  Ends the process when
 * another instance holds the lock (EXIT_RUNNING, with its pid) or the file will
 * not do.  At the process's exit(3) the file is removed if we still may.
 */
void pidfile_take(const char *path);

/* The descriptor with the lock, -1: there is none.  The lock goes over an exec
 * with it. */
int pidfile_descriptor(void);

/* Instead of pidfile_take(), after an exec: that descriptor has path's lock. */
void pidfile_keep(int fd, const char *path);

#endif
