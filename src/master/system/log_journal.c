/* Sends log records to the journal's own socket. */
#include "config.h"

#include "master/system/log_journal.h"

#include "master/system/log_native.h"
#include "master/system/log_socket.h"

static struct log_socket journal = LOG_SOCKET(LOG_JOURNAL_SOCKET, false);

bool
log_journal_connect(void)
{
	return log_socket_connect(&journal);
}

unsigned
log_journal_put(
    const struct log_record *record, int facility, const char *message)
{
	char datagram[LOG_NATIVE_MAX];
	size_t length = log_native(datagram, record, facility, message);

	return log_socket_put(&journal, datagram, length);
}

unsigned
log_journal_close(void)
{
	return log_socket_close(&journal);
}
