/* The few facts that we read from JetStream's own JSON answers, whose shape is known: no general
 * parser, and none of it comes from users. */
#ifndef SKALD_NATS_JSON_H
#define SKALD_NATS_JSON_H

#include <skald/message.h>
#include <stdbool.h>
#include <stdint.h>

enum { SKALD_JSON_TEXT_SIZE = 256 };

/* JetStream's complaint about a request. */
typedef struct skald_json_error {
    uint64_t code; /* JetStream's err_code, e.g. 10071 */
    char text[SKALD_JSON_TEXT_SIZE];
} skald_json_error;

/* False when the answer carries no error. */
bool skald_json_find_error(skald_json_error *out, skald_bytes answer);

/* The number of the first member of that name; false when there is none. */
bool skald_json_find_number(uint64_t *out, skald_bytes answer, const char *name);

#endif
