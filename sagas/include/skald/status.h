/* What a call can answer, and the words that go with it.
 *
 * A bug in the caller's code that cannot be answered sensibly is an assert. The world failing is a
 * skald_status. Business saying no is an event, and never appears here. */
#ifndef SKALD_STATUS_H
#define SKALD_STATUS_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One list for code, name and text. The numbers are part of the ABI: append, never reorder. */
#define SKALD_STATUS_LIST(X)                                                                       \
    X(OK, 0, "done")                                                                               \
    X(INVALID, 1, "an argument or a setting is wrong; correct it")                                 \
    X(NOT_FOUND, 2, "there is no such thing")                                                      \
    X(FULL, 3, "a limit with a name is reached")                                                   \
    X(MALFORMED, 4, "bytes or headers cannot be decoded")                                          \
    X(NO_MEMORY, 5, "memory is exhausted")                                                         \
    X(UNAVAILABLE, 6, "PostgreSQL or NATS cannot be reached; try again")                           \
    X(CONFLICT, 7, "the transaction met another one; run it again")                                \
    X(FENCED, 8, "another process owns this now; stop working on it")                              \
    X(DATABASE, 9, "PostgreSQL refused a statement")                                               \
    X(BROKER, 10, "NATS refused a request")                                                        \
    X(SCHEMA, 11, "the database does not have this program's schema")                              \
    X(UNSAFE, 12, "a setting of the servers would break a promise")                                \
    X(HISTORY_LOST, 13, "events that were already sent are missing from the database")             \
    X(TIMEOUT, 14, "it took longer than allowed; the outcome may be unknown")                      \
    X(STOPPED, 15, "the service is stopping")                                                      \
    X(FAILED, 16, "user code failed; try again later")                                             \
    X(NOT_YET, 17, "something it depends on has not arrived; try again soon")                      \
    X(DEAD, 18, "it can never succeed; keep it for a person")                                      \
    X(SKIPPED, 19, "it need not be done; go on")                                                   \
    X(CANCELLED, 20, "somebody asked to end it")                                                   \
    X(REFUSED, 21, "business says no")

typedef enum skald_status {
#define SKALD_STATUS_ENUM(name, number, text) SKALD_##name = number,
    SKALD_STATUS_LIST(SKALD_STATUS_ENUM)
#undef SKALD_STATUS_ENUM
} skald_status;

/* Size of skald_error.text: a sentence that names the object, the cause and the remedy. */
#define SKALD_ERROR_TEXT_SIZE 512

/* Filled by the callee where the cause is known; the caller provides it, on its stack if it likes.
 * Every function that takes one accepts NULL. It is only meaningful after a call that did not
 * answer SKALD_OK. */
typedef struct skald_error {
    skald_status status;
    char sqlstate[6]; /* five characters where PostgreSQL gave them, otherwise empty */
    char text[SKALD_ERROR_TEXT_SIZE];
} skald_error;

/* The name of a status as it is written in C, for example "SKALD_FENCED"; never NULL. */
SKALD_API const char *skald_status_name(skald_status status);

/* What a status means, in a few words, never NULL. */
SKALD_API const char *skald_status_text(skald_status status);

/* Fills `error` (NULL is accepted) with a status and a sentence, clears the SQLSTATE, and returns
 * `status`, so that a function can end with `return skald_error_set(error, ...)`. A text longer
 * than the field is cut. */
SKALD_API skald_status skald_error_set(skald_error *error, skald_status status, const char *format,
                                       ...) SKALD_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
