/* Backlogs that the kernel would cut. */
#include "config.h"

#include "somaxconn.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "shared/number.h"

#define ROOM 32 /* for a number and its newline */

static int
read_number(const char *file, int64_t *number)
{
	char text[ROOM];
	ssize_t n = -1;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return number_parse(text, 0, INT64_MAX, number);
}

void
somaxconn_check(const struct conf *conf, const char *file, const char *path,
    struct report *report)
{
	const struct conf_listener *listener = conf->listener;
	int64_t most;

	if (read_number(file, &most) == -1)
		return;
	for (; listener < conf->listener + conf->n_listeners; listener++)
		if (listener->backlog > most)
			report_warning(report,
			    "%s:%u: listeners[%td].backlog: %lld is more than "
			    "the kernel takes, %lld (net.core.somaxconn)",
			    path, (unsigned)listener->line,
			    listener - conf->listener,
			    (long long)listener->backlog, (long long)most);
}
