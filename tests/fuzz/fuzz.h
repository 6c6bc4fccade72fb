/* What all fuzz targets share. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The target: uses the bytes, whatever they are.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* What must hold for any input; if not, that is a finding. */
#define MUST(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, \
			    __LINE__, #what); \
			abort(); \
		} \
	} while (0)

/* An input that says one thing after the other; at its end it says 0. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline uint32_t
input_word(struct input *input)
{
	uint32_t low = input_byte(input);
	uint32_t high = input_byte(input);

	return low | high << 8;
}

static inline uint32_t
input_long(struct input *input)
{
	uint32_t low = input_word(input);

	return low | input_word(input) << 16;
}

#endif
