/* A log record in the journal's own form. */
#ifndef MASTER_SYSTEM_LOG_NATIVE_H
#define MASTER_SYSTEM_LOG_NATIVE_H

#include "master/system/log_record.h"

/* The counters of a listener, our longest record, take 1.5 KiB. */
#define LOG_NATIVE_MAX 8192

/*
 * Writes the record to datagram as systemd's "Native Journal Protocol" has it and
 * returns its length: MESSAGE (that text), PRIORITY, SYSLOG_FACILITY,
 * SYSLOG_IDENTIFIER, FORKGREET_EVENT (the record's word), then each field as
 * FORKGREET_ and its key in upper case.  Fields hold the bytes as they are: a
 * value that could not be shown goes in the binary form, which has its length.
 * It is cut after LOG_LINE_MAX bytes; a field that does not fit is left out.
 * facility as LOG_DAEMON.
 */
size_t log_native(char datagram[LOG_NATIVE_MAX],
    const struct log_record *record, int facility, const char *message);

#endif
