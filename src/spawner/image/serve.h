/* One child for each client that the master hands over. */
#ifndef SPAWNER_IMAGE_SERVE_H
#define SPAWNER_IMAGE_SERVE_H

struct image;

/* Obeys orders until the master wants no more: clones, and says on the page what
 * came of it (shared/plan.h). */
void serve(const struct image *image);

#endif
