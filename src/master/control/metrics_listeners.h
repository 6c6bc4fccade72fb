/* The metrics that each listener has. */
#ifndef MASTER_CONTROL_METRICS_LISTENERS_H
#define MASTER_CONTROL_METRICS_LISTENERS_H

struct series;

/* For struct metric, by what they write; those of listeners that are gone are
 * summed up in a sample of which the label "listener" is empty. */
void metrics_accepted(const struct series *series);
void metrics_refused(const struct series *series);
void metrics_ended(const struct series *series);
void metrics_clients(const struct series *series);
void metrics_lingering(const struct series *series);

/* Only of those in the running configuration. */
void metrics_listen_queue(const struct series *series);
void metrics_state(const struct series *series);
void metrics_greeting_age(const struct series *series);

#endif
