/* Configurations for tests. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/confs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/dump.h"
#include "master/config/load.h"

static char directory[64];

int
confs_setup(void **state)
{
	(void)state;
	confs_reader();
	snprintf(directory, sizeof(directory), "/tmp/forkgreet-conf-XXXXXX");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

int
confs_teardown(void **state)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	(void)state;
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return rmdir(directory);
}

const char *
confs_path(const char *name)
{
	static char paths[4][sizeof(directory) + 64];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

const char *
confs_write(const char *name, const char *text, size_t length)
{
	const char *path = confs_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	assert_int_not_equal(fd, -1);
	while (length > 0) {
		n = write(fd, text, length);
		assert_true(n > 0);
		text += n;
		length -= (size_t)n;
	}
	close(fd);
	return path;
}

int
confs_program(const char *name)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, 400);
	int fd, i;

	assert_true(n > 0);
	path[n] = '\0';
	for (i = 0; i < 4; i++) /* tests/unit/FOLDER/PROGRAM */
		*strrchr(path, '/') = '\0';
	strcat(strcat(path, "/"), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

int
confs_reader(void)
{
	static int reader = -1;

	if (reader == -1)
		reader = confs_program("forkgreet-reader");
	return reader;
}

static struct conf *
load(const char *path, struct report *report)
{
	return load_wait(confs_reader(), path, true, report);
}

struct conf *
confs_load_bytes(const char *text, size_t length, struct report *report)
{
	struct conf *conf;

	memset(report, 0, sizeof(*report));
	conf = load(confs_write("test.conf", text, length), report);
	assert_true((conf == NULL) == (report->errors > 0));
	return conf;
}

struct conf *
confs_load(const char *text, struct report *report)
{
	return confs_load_bytes(text, strlen(text), report);
}

static void
print_report(const char *text, const struct report *report)
{
	size_t i;

	fprintf(stderr, "--- %.2000s\n", text);
	for (i = 0; i < report->kept; i++)
		fprintf(stderr, "--> %s\n", report->lines[i].text);
}

struct conf *
confs_must_load(const char *text)
{
	struct report report;
	struct conf *conf = confs_load(text, &report);

	if (conf == NULL) {
		print_report(text, &report);
		fail_msg("refused");
	}
	return conf;
}

/* True when the line starts with start, and has each part behind that. */
static bool
says(const char *line, const char *start, va_list parts)
{
	const char *part;

	if (strncmp(line, start, strlen(start)) != 0)
		return false;
	line += strlen(start);
	while ((part = va_arg(parts, const char *)) != NULL)
		if (strstr(line, part) == NULL)
			return false;
	return true;
}

void
confs_must_refuse(const char *text, unsigned line, const char *key, ...)
{
	struct report report;
	struct conf *conf = confs_load(text, &report);
	char start[256];
	bool said = false;
	va_list parts;
	size_t i;

	snprintf(start, sizeof(start), "%s:%u: %s: ", confs_path("test.conf"),
	    line, key);
	for (i = 0; i < report.kept && !said; i++) {
		va_start(parts, key);
		said = says(report.lines[i].text, start, parts);
		va_end(parts);
	}
	if (conf == NULL && said)
		return;
	print_report(text, &report);
	free(conf);
	fail_msg("expected %s... and more", start);
}

void
confs_must_refuse_all(const struct confs_slip *slips, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		confs_must_refuse(slips[i].text, slips[i].line, slips[i].key,
		    slips[i].value, slips[i].why, NULL);
}

void
confs_must_load_all(const char *const *texts, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(confs_must_load(texts[i]));
}

const char *
confs_listener(const char *keys)
{
	static char text[512];

	snprintf(text, sizeof(text), "listeners = (\n{ %s } );\n", keys);
	return text;
}

char *
confs_dump(const struct conf *conf)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	assert_int_equal(dump_write(conf, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

const char *
confs_assign(
    const struct schema_key *key, enum schema_scope scope, const char *value)
{
	static char text[4096];
	const char *dot = strchr(key->name, '.');
	char inner[2048];

	/* What one key needs does no harm to another. */
	if (dot != NULL)
		snprintf(inner, sizeof(inner), "%.*s = { %s%s = %s; };",
		    (int)(dot - key->name), key->name,
		    strcmp(key->name, "proxy_protocol.version") == 0 ?
			"trusted = \"192.0.2.1\"; " : "", dot + 1, value);
	else
		snprintf(inner, sizeof(inner), "%s%s = %s;",
		    strcmp(key->name, "pick") == 0 ?
			"greeting_file = \"/a\"; " : "", key->name, value);
	snprintf(text, sizeof(text),
	    scope == SCHEMA_TOP ? "%s\n" : "listeners = (\n{ %s } );\n", inner);
	return text;
}

unsigned
confs_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}
