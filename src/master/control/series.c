/* Writing samples of a metric. */
#include "config.h"

#include "master/control/series.h"

void
series_put(const struct series *series, struct exposition_label first,
    struct exposition_label second, int64_t value)
{
	exposition_put(series->out, series->metric->name, first, second,
	    series->metric->unit, value);
}
