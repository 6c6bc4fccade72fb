/* Sends the log to where the configuration says. */
#include "config.h"

#include "master/log_target.h"

#include "master/config/conf.h"
#include "master/config/schema.h"
#include "master/system/log.h"

void
log_target_set(const struct conf *conf, bool foreground)
{
	bool to_stderr = conf->log.target == CONF_LOG_STDERR ||
	    (foreground && !schema_given(conf, "log.target"));

	log_open(!to_stderr, (int)conf->log.facility, (int)conf->log.level);
}
