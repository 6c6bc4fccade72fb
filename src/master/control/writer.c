/* Writes texts into memory. */
#include "config.h"

#include "master/control/writer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

FILE *
writer_open(struct writer *writer)
{
	*writer = (struct writer) { 0 };
	writer->file = open_memstream(&writer->text, &writer->length);
	return writer->file;
}

char *
writer_close(struct writer *writer)
{
	bool bad = ferror(writer->file) != 0;

	if (fclose(writer->file) == 0 && !bad)
		return writer->text;
	free(writer->text);
	return NULL;
}

void
writer_json(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, out);
	fputc('"', out);
}

const char *
writer_time(int64_t seconds, char *text)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(text, WRITER_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, WRITER_TIME_MAX, "?");
	return text;
}
