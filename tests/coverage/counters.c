/* For --enable-coverage: keeps gcov's counters in a file that all processes of a
 * program have mapped.  What has run is counted then however a process ends, and
 * in a sandbox where no file can be written.  The program, started with
 * COVERAGE_DUMP in its environment, writes from them what gcov reads. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AFTER_GCOV 101 /* its constructors have 100 */
#define NAME_OF_BUILD "GNU"

/* counters.ld */
extern char coverage_begin[], coverage_end[];
/* The linker: the start of the file in memory. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* The linker has libgcov's calls go to these: nothing is written at an exit or
 * before an exec, and nothing is set to 0, as it would be in a new process. */
void __real___gcov_dump(void);
void __wrap___gcov_dump(void);
void __wrap___gcov_exit(void);
void __wrap___gcov_reset(void);
void __wrap___gcov_reset_int(void);

void
__wrap___gcov_dump(void)
{
}

void
__wrap___gcov_exit(void)
{
}

void
__wrap___gcov_reset(void)
{
}

void
__wrap___gcov_reset_int(void)
{
}

/* Where the build's hash is; NULL when it is not there. */
static const unsigned char *
build_id(size_t *length)
{
	const ElfW(Ehdr) *file = (const void *)__ehdr_start;
	const ElfW(Phdr) *part = (const void *)(__ehdr_start + file->e_phoff);
	const ElfW(Phdr) *last = part + file->e_phnum;

	for (; part < last; part++) {
		const char *at = __ehdr_start + part->p_vaddr;
		const char *end = at + part->p_memsz;

		while (part->p_type == PT_NOTE && at < end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = at + sizeof(*note);
			const char *value = name + ((note->n_namesz + 3) & ~3U);

			*length = note->n_descsz;
			if (note->n_type == NT_GNU_BUILD_ID &&
			    note->n_namesz == sizeof(NAME_OF_BUILD) &&
			    memcmp(name, NAME_OF_BUILD, note->n_namesz) == 0)
				return (const unsigned char *)value;
			at = value + ((note->n_descsz + 3) & ~3U);
		}
	}
	return NULL;
}

static void
say_name(char *name, size_t size)
{
	size_t length, at, i;
	const unsigned char *id = build_id(&length);

	if (id == NULL)
		abort();
	at = (size_t)snprintf(name, size, "%s/", COVERAGE_FOLDER);
	for (i = 0; i < length && at < size; i++)
		at += (size_t)snprintf(name + at, size - at, "%02x", id[i]);
}

/* Without the folder, which tests/coverage/run makes, nothing is counted; nor
 * where a test has these calls fail. */
__attribute__((constructor(AFTER_GCOV))) static void
counters_map(void)
{
	size_t size = (size_t)(coverage_end - coverage_begin);
	bool counts, dump = getenv("COVERAGE_DUMP") != NULL;
	char name[256];
	int fd;

	if (size == 0)
		return;
	say_name(name, sizeof(name));
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd == -1)
		return;
	fchmod(fd, 0666); /* whom the umask keeps out counts too */
	counts = ftruncate(fd, (off_t)size) == 0 &&
	    mmap(coverage_begin, size, PROT_READ | PROT_WRITE,
		(dump ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED, fd,
		0) != MAP_FAILED;
	close(fd);
	if (!dump)
		return;
	if (!counts)
		abort();
	__real___gcov_dump(); /* adds what other programs have written */
	_exit(EXIT_SUCCESS);
}
