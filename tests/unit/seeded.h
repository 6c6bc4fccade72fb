/* Random numbers that come again with the same seed. */
#ifndef TEST_SEEDED_H
#define TEST_SEEDED_H

#include <stdint.h>

/* Begins with $SEED, or with one of the time, and says which ("# SEED=N"). */
void seeded_begin(void);

/* xorshift64: the same everywhere. */
uint64_t seeded_number(void);

/* From 0 to n - 1. */
unsigned seeded_below(unsigned n);

#endif
