/*
 * The file (state_file of the configuration) that keeps what the operator said
 * of the listeners over a restart; state_words.h has its format.  Beside PATH
 * stand PATH.lock, which stays, PATH.new while it is written, and PATH.damaged
 * when one was set aside.
 */
#ifndef MASTER_STATE_FILE_H
#define MASTER_STATE_FILE_H

#include <sys/types.h>

#include "master/state_words.h"

enum state_file_result {
	STATE_FILE_GOOD,
	STATE_FILE_ABSENT, /* which is no error: nothing was said yet */
	STATE_FILE_DAMAGED, /* to be set aside */
	STATE_FILE_UNREADABLE, /* errno says why */
};

/*
 * Reads the file at path, of anybody, as file_read() does (system/file.h):
 * without blocking, at most STATE_TEXT_MAX bytes.  *words has none unless the
 * result is STATE_FILE_GOOD.  *why is set for the last two results: a static or
 * strerror() text.  Damaged is also what is no regular file, is too large, or
 * could be changed by others.
 */
enum state_file_result state_file_read(
    const char *path, struct state_words *words, const char **why);

/*
 * Replaces the file at path (or the link there), mode 0600, so that a crash of
 * the daemon or the machine at any moment leaves the old or the new one: it
 * writes PATH.new, waits for the disk, renames it, and waits for the directory.
 * A PATH.new that is left from a crash is removed first.  Returns 0, or -1 with
 * errno and in *step what failed (static text).  The old file is then in place
 * and PATH.new is gone; only after "sync directory" the new file is in place,
 * but a crash of the machine may undo that.  "format" with EINVAL: see
 * state_words_format().
 */
int state_file_write(
    const char *path, const struct state_words *words, const char **step);

/* Renames a damaged file to PATH.damaged, over an earlier one.  Returns 0, or
 * -1 with errno. */
int state_file_set_aside(const char *path);

/*
 * Takes the lock that keeps a second daemon off the file: fcntl(F_SETLK) on
 * PATH.lock, which is created, mode 0600, and must not be a link; then removes
 * a PATH.new that is left from a crash.  To be called once for each path, by
 * the process that will serve and as the user that it runs as: the lock is not
 * inherited by fork(2), and ends with the process or with the close of any
 * descriptor of that file.  It survives execve(2) if the descriptor does.
 *
 * Returns the descriptor, O_CLOEXEC, or -1 with errno and *step as above.
 * errno is EAGAIN when another process has the lock; *holder is then its pid,
 * or 0 if that is not known (another pid namespace).  EINVAL: PATH.lock is not
 * a regular file.
 */
int state_file_lock(const char *path, pid_t *holder, const char **step);

#endif
