/* Gives a fuzz target the inputs in its corpus, one test each: what was found
 * once stays tested in every build. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX (64u << 10)
#define SECONDS 60 /* for one input, on a busy machine */

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In memory of just that length, so that a sanitizer sees a step beyond. */
static void
replay(int dir, const char *name)
{
	static uint8_t buffer[INPUT_MAX];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	uint8_t *bytes;

	MUST(fd != -1);
	length = read(fd, buffer, sizeof(buffer));
	MUST(length >= 0 && length < (ssize_t)sizeof(buffer));
	close(fd);
	bytes = malloc((size_t)length + (length == 0));
	MUST(bytes != NULL);
	memcpy(bytes, buffer, (size_t)length);
	alarm(SECONDS);
	LLVMFuzzerTestOneInput(bytes, (size_t)length);
	alarm(0);
	free(bytes);
}

/* "fuzz_conf" has its inputs in tests/fuzz/corpus/conf. */
int
main(int argc, char *argv[])
{
	const char *source = getenv("top_srcdir");
	const char *target = strstr(argv[0], "fuzz_");
	struct dirent **entries;
	char path[4096];
	int dir, i, n;

	MUST(argc == 1 && target != NULL);
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
	    source != NULL ? source : ".", target + strlen("fuzz_"));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = scandir(path, &entries, is_input, alphasort);
	MUST(dir != -1 && n > 0);
	printf("1..%d\n", n);
	for (i = 0; i < n; i++) {
		/* Out before the target may crash. */
		printf("# %s\n", entries[i]->d_name);
		fflush(stdout);
		replay(dir, entries[i]->d_name);
		printf("ok %d - %s\n", i + 1, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	close(dir);
	return 0;
}
