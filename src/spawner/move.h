/* Moving into the small image. */
#ifndef SPAWNER_MOVE_H
#define SPAWNER_MOVE_H

struct image;

/*
 * Puts the parts of the small image (image/image.h) into a random place and goes
 * on in image_begin() there, without a way back.  Returns only when that cannot
 * be: NULL when the kernel seals its own mappings in each program (mseal(2) of
 * the vdso, Linux 6.16), so that the program stays as it is; or the step that
 * failed (static text), with errno, which is 0 when it went through but is not in
 * effect.
 */
const char *move(const struct image *image);

#endif
