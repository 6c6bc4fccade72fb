/* forkgreet-reader: reads the text of one configuration, says what is in it, and
 * ends. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/cage.h"
#include "reader/tree.h"
#include "shared/entries.h"
#include "shared/number.h"

/* The machine lacks something; the cage is not to blame. */
static bool
is_shortage(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ||
	    error == EAGAIN || error == ENOBUFS;
}

/* Tells the master what failed, and why (errno); 0: it had no effect. */
_Noreturn static void
fail(FILE *out, int status, const char *step)
{
	char text[128];
	int error = errno;

	snprintf(text, sizeof(text), "%s the reader: %s: %s",
	    status == READER_UNCONFINED ? "confining" : "starting", step,
	    error == 0 ? "not in effect" : strerror(error));
	tree_put(out, ENTRY_FAILURE, 0, "", text);
	tree_put(out, ENTRY_END, 0, "", "");
	fflush(out);
	_exit(is_shortage(error) ? READER_UNABLE : status);
}

/* A copy that can be written to: the file stays as it is. */
static char *
text_map(size_t *length)
{
	struct stat status;
	char *text;

	if (fstat(READER_TEXT, &status) == -1)
		return NULL;
	errno = EPROTO;
	if (status.st_size < 2 || status.st_size > ENTRY_TEXT_MAX + 2)
		return NULL;
	*length = (size_t)status.st_size - 1;
	text = mmap(NULL, *length + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE,
	    READER_TEXT, 0);
	if (text == MAP_FAILED)
		return NULL;
	errno = EPROTO;
	return text[*length - 1] == '\n' && text[*length] == '\0' ? text
								   : NULL;
}

int
main(int argc, char **argv)
{
	FILE *out = fdopen(READER_PIPE, "w");
	const char *step;
	int64_t parent;
	size_t length;
	char *text;

	if (out == NULL && errno != EBADF)
		return READER_UNABLE;
	if (out == NULL || argc != 2 ||
	    number_parse(argv[1], 1, INT32_MAX, &parent) == -1) {
		fputs("forkgreet-reader is started by forkgreetd only\n",
		    stderr);
		return EXIT_FAILURE;
	}
	/* Else the first write asks whether it goes to a terminal. */
	setvbuf(out, NULL, _IOFBF, 1 << 16);
	text = text_map(&length);
	if (text == NULL)
		fail(out, READER_UNABLE, "mapping the text");
	step = cage_enter((pid_t)parent, READER_SECONDS);
	if (step != NULL)
		fail(out, READER_UNCONFINED, step);
	_exit(tree_send(text, length, out) == 0 ? EXIT_SUCCESS : READER_UNABLE);
}
