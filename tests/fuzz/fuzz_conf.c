/* Configuration text: refused with an error, or a configuration that the master
 * accepts and whose dump stands for it. */
#include "config.h"

#include "fuzz.h"
#include "parsed.h"
#include "master/config/recheck.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct report report;
	struct conf *conf = parsed((const char *)bytes, length, &report);

	if (conf == NULL)
		return 0;
	MUST(conf_recheck(conf, sizeof(*conf) + conf->text_length, "x",
		 &report) == 0);
	parsed_use(conf);
	free(conf);
	return 0;
}
