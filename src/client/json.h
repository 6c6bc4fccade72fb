/* The JSON objects that -j prints, made in memory and written at once. */
#ifndef CLIENT_JSON_H
#define CLIENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* An object, or one in an object, that is being written to a stream. */
struct json {
	FILE *stream; /* of open_memstream(3): its errors show at fclose(3) */
	bool some; /* a member has been written: a comma comes first */
};

/* "{", and "}" of the object; an object in it is begun by its name. */
void json_begin(struct json *json, FILE *stream);
struct json json_object(struct json *json, const char *name);
void json_end(struct json *json);

/* One member.  name is a plain word. */
void json_number(struct json *json, const char *name, uint64_t value);
void json_seconds(struct json *json, const char *name, double value);
void json_bool(struct json *json, const char *name, bool value);

/* A string (RFC 8259) of length bytes: what is not UTF-8 becomes U+FFFD. */
void json_text(
    struct json *json, const char *name, const char *text, size_t length);
void json_string(struct json *json, const char *name, const char *text);

#endif
