/* Configuration text: refused with an error, or a configuration whose dump stands
 * for it. */
#include "config.h"

#include "fuzz.h"
#include "parsed.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct report report;
	struct conf *conf = parsed((const char *)bytes, length, &report);

	if (conf == NULL)
		return 0;
	parsed_use(conf);
	free(conf);
	return 0;
}
