/* One child for each client that the master hands over. */
#ifndef SPAWNER_SERVE_H
#define SPAWNER_SERVE_H

#include <stdint.h>

struct plan;

/* Obeys orders until the master wants no more: clones, and says on the page what
 * came of it (shared/plan.h). */
void serve(const struct plan *plan, int32_t *page);

#endif
