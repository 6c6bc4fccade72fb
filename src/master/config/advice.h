/* Warnings of texts that clients should not be sent. */
#ifndef MASTER_ADVICE_H
#define MASTER_ADVICE_H

struct conf;
struct greeting;
struct report;
struct text_names;

/*
 * Warns of all texts of the configuration that have what they should not
 * (text_advice.h): greetings, as greetings_load() has made them, and refusals;
 * only those that the file, or a greeting_file, has.  For -t: the log at a start
 * has more important things to say.  path is the configuration's, for messages.
 */
void advice_find(const struct conf *conf, const struct greeting *greetings,
    const struct text_names *names, const char *path, struct report *report);

#endif
