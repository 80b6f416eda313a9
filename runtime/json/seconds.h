/* google.protobuf.Timestamp and Duration as text. */
#ifndef SKALD_JSON_SECONDS_H
#define SKALD_JSON_SECONDS_H

#include "json/field.h"

enum { SKALD_JSON_SECONDS_SIZE = 96 };

/* "2026-11-24T07:09:27.125Z", years 1 to 9999; "-1.500s", 10,000 years either way. False when the
 * value lies outside, or seconds and nanos contradict each other. */
bool skald_json_timestamp_print(skald_json_seconds value, char out[SKALD_JSON_SECONDS_SIZE]);
bool skald_json_duration_print(skald_json_seconds value, char out[SKALD_JSON_SECONDS_SIZE]);

/* The same backwards; a timestamp may also have an offset from UTC. False when it is no such text.
 */
bool skald_json_timestamp_parse(const char *text, skald_json_seconds *out);
bool skald_json_duration_parse(const char *text, skald_json_seconds *out);

#endif
