/* Spawners whose master the test is: the real program, and the one with attacks
 * (tests/hostile). */
#ifndef TEST_SPAWNED_H
#define TEST_SPAWNED_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct conf_listener;
struct snapshot;

#define PATIENCE_MS 30000

enum { REAL, HOSTILE, PROGRAMS };

struct spawner {
	pid_t pid;
	int socket; /* -1: closed */
};

/* The pid page of the spawner that was started last. */
extern int32_t *page;

/* Opens the programs, gives up root, and makes the page.  Returns 0 or -1. */
int spawned_begin(void);

/* The other way round. */
int spawned_end(void);

/*
 * The plan of so many listeners that greet with "hi client\n"; that session is
 * rendered.  make() is told each listener and its first session, and sets what
 * else there is.  Returns 0 or -1.
 */
int spawned_plan(struct snapshot *snapshot, uint32_t listeners,
    uint32_t rendered,
    void (*make)(struct conf_listener *listener, uint32_t session));

struct spawner spawner_start(int program, int plan_fd);

/* It must end with that exit status. */
void spawner_end(struct spawner *spawner, int want);

/* Sends bytes with n descriptors (at most 4), then closes these here. */
void send_with(
    int socket, void *bytes, size_t length, const int *fds, size_t n);

/* Waits until the spawner has decided about the slot. */
int32_t page_wait(uint32_t slot);

/* The slot's child must end with that wait status. */
void assert_child_status(uint32_t slot, int want);

/* Up to the newline, or to the end of stream; at most 63 bytes. */
const char *line_read(int fd);

/* The end of stream is next; closes fd. */
void assert_ended(int fd);

/* Sends the order with n descriptors, at most 4; it must be refused, and all of
 * them let go. */
void assert_refuses(const struct spawner *spawner, void *order, size_t length,
    uint32_t slot, size_t n);

#endif
