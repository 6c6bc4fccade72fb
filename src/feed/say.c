/* Lines on standard error that must not stop the feed. */
#include "config.h"

#include "feed/say.h"

#include <sys/time.h>

#include <stdarg.h>
#include <stdio.h>

#include "shared/deadline.h"
#include "shared/output.h"

void
say_calm(void)
{
	const struct itimerval never = { .it_value = { 0 } };

	setitimer(ITIMER_REAL, &never, NULL);
}

void
say(const char *format, ...)
{
	char text[OUTPUT_ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	deadline_interrupt(deadline_after(0));
	output_error("%s", text);
	say_calm();
}
