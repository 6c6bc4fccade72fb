/* The descriptors that a new program takes over, as its state names them. */
#ifndef MASTER_RESUME_FDS_H
#define MASTER_RESUME_FDS_H

struct unpack;

/* Only what the state names stays open, and it itself, and that no longer than
 * we run.  fd: the state's. */
void resume_fds_keep(const struct unpack *state, int fd);

/* The same ones are inherited by what we execute. */
void resume_fds_pass(const struct unpack *state, int fd);

#endif
