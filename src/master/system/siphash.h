/* A keyed hash: without the key nobody can cause collisions. */
#ifndef MASTER_SIPHASH_H
#define MASTER_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of length bytes. */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t length);

#endif
