/* Takes the place of standard error as what the log goes to. */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "master/system/log.h"
#include "master/system/log_stderr.h"
#include "shared/escape.h"

bool __wrap_log_stderr_put(int priority, const char *begin, const char *text);

/* A line has nothing that a terminal would obey. */
bool
__wrap_log_stderr_put(int priority, const char *begin, const char *text)
{
	size_t left = strlen(text), n;

	MUST(strcmp(begin, "forkgreetd: ") == 0);
	MUST(priority >= LOG_ERR && priority <= LOG_DEBUG);
	for (; left > 0; left -= n, text += n) {
		n = escape_shown(text, left);
		MUST(n > 0);
	}
	return true;
}
