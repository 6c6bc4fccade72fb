/* Log lines as data. */
#include "config.h"

#include "master/system/log_event.h"

void
log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n)
{
	const struct log_record record = { priority, word, fields, n };

	log_record(&record);
}
