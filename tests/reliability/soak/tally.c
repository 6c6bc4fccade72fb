/* What came of the clients, as JSON. */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "reliability/soak/tally.h"

static void
put(const struct tally *tally)
{
	printf("\"connected\": %" PRIu64 ", \"unmade\": %" PRIu64
	       ", \"impolite\": %" PRIu64 ", \"reset\": %" PRIu64
	       ", \"empty\": %" PRIu64 ", \"cut\": %" PRIu64
	       ", \"timeout\": %" PRIu64 ", \"wrong\": %" PRIu64,
	    tally->connected, tally->unmade, tally->impolite, tally->reset,
	    tally->empty, tally->cut, tally->timeout, tally->wrong);
	for (unsigned i = 0; i < KINDS; i++)
		printf(", \"whole_%s\": %" PRIu64, kind_names[i],
		    tally->whole[i]);
}

void
tally_print(const struct tally tallies[], const struct target targets[],
    unsigned count)
{
	printf("{");
	for (unsigned i = 0; i < count; i++) {
		printf("%s\"%s\": {", i == 0 ? "" : ", ", targets[i].name);
		put(&tallies[i]);
		printf("}");
	}
	printf("}\n");
	if (fflush(stdout) != 0)
		err(EX_IOERR, "standard output");
}
