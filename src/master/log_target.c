/* Sends the log to where the configuration says. */
#include "config.h"

#include "master/log_target.h"

#include "master/config/conf.h"
#include "master/config/schema.h"
#include "master/system/log.h"

void
log_target_set(const struct conf *conf, bool foreground)
{
	static const enum log_target targets[] = {
		[CONF_LOG_SYSLOG] = LOG_TO_SYSLOG,
		[CONF_LOG_STDERR] = LOG_TO_STDERR,
		[CONF_LOG_JOURNAL] = LOG_TO_JOURNAL,
	};
	struct log_options options = {
		.target = targets[conf->log.target],
		.json = conf->log.format == CONF_LOG_JSON,
		.timestamps = conf->log.timestamps != 0,
		.facility = (int)conf->log.facility,
		.level = (int)conf->log.level,
	};

	if (foreground && !schema_given(conf, "log.target"))
		options.target = LOG_TO_STDERR;
	log_open(&options);
}
