/* Guessing what was meant by an unknown key. */
#include "config.h"

#include "master/config/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 32 /* the longest part of a key's name is 13 */
#define FAR 99

/* The part of a dotted name after its group. */
static const char *
last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

static bool
is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned
smallest(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make b of a
 * ("optimal string alignment"). */
static unsigned
count_edits(const char *a, const char *b)
{
	unsigned cost[WORD_MAX + 1][WORD_MAX + 1];
	size_t i, j, n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return FAR;
	for (i = 0; i <= n; i++)
		cost[i][0] = (unsigned)i;
	for (j = 0; j <= m; j++)
		cost[0][j] = (unsigned)j;
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++) {
			cost[i][j] = smallest(cost[i - 1][j] + 1,
			    cost[i][j - 1] + 1,
			    cost[i - 1][j - 1] + !is_same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
			    is_same(a[i - 2], b[j - 1]) &&
			    cost[i][j] > cost[i - 2][j - 2] + 1)
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	return cost[n][m];
}

const char *
suggest_word(const char *word, const char *const *words, size_t n)
{
	unsigned nearest = (unsigned)strlen(word) / 3 + 1, edits;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		edits = count_edits(word, words[i]);
		if (edits >= nearest)
			continue;
		nearest = edits;
		found = words[i];
	}
	return found;
}

/* The distance between two names; the group counts a little. */
static unsigned
distance(const char *name, const char *other)
{
	unsigned edits = count_edits(last_part(name), last_part(other));
	size_t group = (size_t)(last_part(name) - name);

	if (edits > 0 && edits > strlen(last_part(name)) / 3)
		return FAR;
	return edits * 2 +
	    (group != (size_t)(last_part(other) - other) ||
		strncmp(name, other, group) != 0);
}

/* The nearest key that is allowed in that scope, or NULL. */
static const struct schema_key *
find_nearest(const char *name, enum schema_scope scope, unsigned *nearest)
{
	const struct schema_key *key, *found = NULL;
	unsigned far;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		far = schema_has(key, scope) ? distance(name, key->name) : FAR;
		if (far < *nearest) {
			*nearest = far;
			found = key;
		}
	}
	return found;
}

/* The group ("limits") with a similar name, or "". */
static const char *
find_group(const char *name, enum schema_scope scope, char *group)
{
	const struct schema_key *key;
	size_t length;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		length = (size_t)(last_part(key->name) - key->name);
		if (length == 0 || length > WORD_MAX || !schema_has(key, scope))
			continue;
		memcpy(group, key->name, length - 1);
		group[length - 1] = '\0';
		if (distance(name, group) < FAR)
			return group;
	}
	group[0] = '\0';
	return group;
}

/* Everything that is valid next to the name: keys of its group, or keys and
 * groups. */
static void
list_allowed(const char *name, enum schema_scope scope, char *text)
{
	size_t group = (size_t)(last_part(name) - name);
	size_t used = strlen(text), length, last = 0;
	const struct schema_key *key;
	const char *part, *dot, *previous = "";

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, scope) ||
		    strncmp(key->name, name, group) != 0)
			continue;
		part = key->name + group;
		dot = strchr(part, '.');
		length = dot != NULL ? (size_t)(dot - part) : strlen(part);
		if (length == last && strncmp(part, previous, length) == 0)
			continue;
		if (used < SUGGEST_TEXT_MAX)
			used += (size_t)snprintf(text + used,
			    SUGGEST_TEXT_MAX - used, "%s %.*s",
			    last > 0 ? "," : "", (int)length, part);
		previous = part;
		last = length;
	}
}

const char *
suggest_key(const char *name, enum schema_scope scope, char *text)
{
	enum schema_scope other =
	    scope == SCHEMA_TOP ? SCHEMA_LISTENER : SCHEMA_TOP;
	const char *where = other == SCHEMA_TOP
	    ? "at the top level"
	    : "in a listener, listeners = ( { } )";
	const struct schema_key *key = schema_find(name);
	char group[WORD_MAX + 1];
	unsigned nearest = FAR;

	if (key != NULL ||
	    (scope != SCHEMA_RULE && schema_is_group(name, other))) {
		snprintf(text, SUGGEST_TEXT_MAX,
		    "not allowed here, expected %s %s", name, where);
		return text;
	}
	key = find_nearest(name, scope, &nearest);
	if (key == NULL && *find_group(name, scope, group) != '\0')
		snprintf(text, SUGGEST_TEXT_MAX,
		    "unknown key, did you mean %s = { }?", group);
	else if (key != NULL)
		snprintf(text, SUGGEST_TEXT_MAX,
		    "unknown key, did you mean %s?",
		    schema_name_in(key, scope));
	else if (scope != SCHEMA_RULE &&
	    (key = find_nearest(name, other, &nearest)) != NULL)
		snprintf(text, SUGGEST_TEXT_MAX,
		    "unknown key, did you mean %s %s?", key->name, where);
	else {
		snprintf(text, SUGGEST_TEXT_MAX, "unknown key, valid here:");
		list_allowed(name, scope, text);
	}
	return text;
}
