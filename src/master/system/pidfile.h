/* The PID file, which is also the lock against a second instance. */
#ifndef MASTER_PIDFILE_H
#define MASTER_PIDFILE_H

/*
 * Creates path, takes an fcntl(2) write lock on it for the life of this
 * process, and writes our pid.  To be called by the process that will serve:
 * the lock is not inherited.  What the file said before does not matter, only
 * the lock does.  "" does nothing.  Ends the process when another instance
 * holds the lock (EXIT_RUNNING, with its pid) or the file cannot be had.  At the
 * process's exit(3) the file is emptied, and removed if we still may.
 */
void pidfile_take(const char *path);

#endif
