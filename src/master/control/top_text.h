/* What "forkgreetctl top" makes its view of. */
#ifndef MASTER_CONTROL_TOP_TEXT_H
#define MASTER_CONTROL_TOP_TEXT_H

#include <stdint.h>
#include <stdio.h>

struct overview;

/* Lines "NAME VALUE": shared/control.h says which. */
void top_text(FILE *out, const struct overview *overview, int64_t now);

#endif
