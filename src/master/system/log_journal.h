/* The journal's own socket. */
#ifndef MASTER_SYSTEM_LOG_JOURNAL_H
#define MASTER_SYSTEM_LOG_JOURNAL_H

#include <stdbool.h>

#include "master/system/log_record.h"

/* Of systemd-journald.service(8) and "Native Journal Protocol". */
#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* As log_syslog_connect(); it is a datagram socket. */
bool log_journal_connect(void);

/* Sends the record with its fields (log_native.h), message as its MESSAGE, without
 * waiting; returns how many lines were lost. */
unsigned log_journal_put(
    const struct log_record *record, int facility, const char *message);

/* Disconnects; the next line may connect again at once.  Returns how many lines
 * were lost: none. */
unsigned log_journal_close(void);

#endif
