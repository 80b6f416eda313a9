/* JSON, written as it comes: the one writer that every command uses. */
#ifndef SKALD_JSON_WRITE_H
#define SKALD_JSON_WRITE_H

#include <skald/message.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Zero-initialised but for `out`. Errors of `out` stay with it (ferror). */
typedef struct skald_json {
    FILE *out;
    bool pretty;    /* one member a line, indented by two blanks; otherwise one line */
    unsigned depth; /* the rest is the writer's own */
    bool filled;    /* the innermost object or array has something in it */
    bool named;     /* a name was written, its value comes next */
} skald_json;

/* '{' or '[', and the '}' or ']' that belongs to it. */
void skald_json_open(skald_json *json, char bracket);
void skald_json_close(skald_json *json, char bracket);

/* The name of the next value in an object. */
void skald_json_name(skald_json *json, const char *name);

/* Values. Text must be UTF-8, bytes that are not become U+FFFD; NULL is null. */
void skald_json_text(skald_json *json, const char *text);
void skald_json_text_sized(skald_json *json, const char *text, size_t size);
void skald_json_integer(skald_json *json, int64_t value);
void skald_json_boolean(skald_json *json, bool value);
void skald_json_null(skald_json *json);

/* The shortest text that reads back as the same number; NaN and infinities as text, as protobuf
 * has it. */
void skald_json_real(skald_json *json, double value);
void skald_json_small_real(skald_json *json, float value);

/* 64-bit numbers as text, which every reader of JSON keeps exact. */
void skald_json_long(skald_json *json, int64_t value);
void skald_json_unsigned_long(skald_json *json, uint64_t value);

/* A value that is JSON already. */
void skald_json_raw(skald_json *json, const char *value);

/* base64 with padding. */
void skald_json_bytes(skald_json *json, skald_bytes bytes);

/* A line break after the outermost value. */
void skald_json_end(skald_json *json);

#endif
