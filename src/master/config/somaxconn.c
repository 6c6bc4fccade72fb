/* Backlogs that the kernel would cut. */
#include "config.h"

#include "master/config/somaxconn.h"

#include "master/system/kernel_number.h"
#include "master/config/report.h"

void
somaxconn_check(const struct conf *conf, const char *file, const char *path,
    struct report *report)
{
	const struct conf_listener *listener = conf->listener;
	int64_t most;

	if (figure_read(file, &most) == -1)
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
