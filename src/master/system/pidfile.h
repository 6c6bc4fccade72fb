/* The PID file, which is also the lock against a second instance. */
#ifndef MASTER_PIDFILE_H
#define MASTER_PIDFILE_H

/*
 * Creates path, takes an fcntl(2) write lock on it for the life of this
 * process, and writes our pid.  To be called by the process that will serve:
 * the lock is not inherited.  What the file contained before does not matter,
 * only the lock does.  Does nothing for "".  Ends the process when another
 * instance holds the lock (EXIT_RUNNING, with its pid) or the file cannot be
 * created.  At exit(3) the file is emptied, and removed if that is still
 * permitted.
 */
void pidfile_take(const char *path);

#endif
