/* Connections to the control socket go over an exec: forkgreetctl upgrade is
 * answered by the program that came. */
#ifndef MASTER_CONTROL_PEERS_H
#define MASTER_CONTROL_PEERS_H

struct control;
struct pack;
struct unpack;

/* Writes those that wait, or have not said what they want yet.  One that is being
 * answered is not among them: it ends with us. */
void peers_pack(struct pack *pack, const struct control *control);

/* After control_init(): they go on where they were. */
void peers_unpack(const struct unpack *unpack, struct control *control);

#endif
