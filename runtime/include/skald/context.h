/* What a handler or an activity can do. All calls belong to the thread that runs it, during its
 * call; the context must not be kept.
 *
 * A handler runs inside a transaction: its statements go to PostgreSQL as it runs. An activity runs
 * outside: its statements and events are collected, and carried out in the transaction that notes
 * its end; skald_query in an activity is answered at once, outside of that transaction. */
#ifndef SKALD_CONTEXT_H
#define SKALD_CONTEXT_H

#include <skald/message.h>
#include <skald/param.h>
#include <skald/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_context skald_context;
struct pg_result; /* libpq's PGresult */

/* The message in hand: its id, key, time, position and the rest. */
SKALD_API const skald_message *skald_context_message(const skald_context *context);

/* How often this message was tried before and failed; 0 the first time. */
SKALD_API uint32_t skald_context_attempt(const skald_context *context);

/* One of the user's own headers of the message in hand, name compared without case; NULL when it is
 * not there. Lives as long as the handler's call. */
SKALD_API const char *skald_context_header(skald_context *context, const char *name);

/* skald_options.user of the service. */
SKALD_API void *skald_context_user(const skald_context *context);

/* The service that runs the handler. */
SKALD_API struct skald_service *skald_context_service(const skald_context *context);

/* Zeroed memory that is freed after the handler. NULL when it is exhausted or the handler asked for
 * more than SKALD_HANDLER_MEMORY_MAX in all. */
SKALD_API void *skald_alloc(skald_context *context, size_t size);

#define SKALD_HANDLER_MEMORY_MAX (16u * 1024u * 1024u)

/* Queues a statement in the handler's transaction and returns without waiting: the statements of a
 * whole batch go to PostgreSQL together. An error in it fails the message, after the handler
 * returned. Values are copied. SKALD_INVALID on bad arguments, SKALD_NO_MEMORY, or the failure that
 * an earlier statement of this batch met (return it).
 *
 *     skald_exec(context, "UPDATE stock SET held = held + $1 WHERE item = $2", quantity, item)
 *
 * is this call with the values' types found by the compiler (see SKALD_SQL). The SQL must be one
 * statement and must not end the transaction. */
SKALD_API skald_status skald_exec_params(skald_context *context, const char *sql, size_t count,
                                         const skald_param *params);

/* Runs a statement in the handler's transaction and waits for its rows (text format). `*result` is
 * read with libpq's PQgetvalue and friends, belongs to the context, and is cleared after the
 * handler. It sees the effects of everything queued before. Costs one round trip: use skald_exec
 * where no answer is needed. On failure `*result` is left alone; return the status. */
SKALD_API skald_status skald_query_params(skald_context *context, struct pg_result **result,
                                          const char *sql, size_t count, const skald_param *params);

#ifndef __cplusplus
#define skald_exec(context, ...) skald_exec_params((context), SKALD_SQL(__VA_ARGS__))
#define skald_query(context, result, ...)                                                          \
    skald_query_params((context), (result), SKALD_SQL(__VA_ARGS__))
#endif

/* --- answers ---------------------------------------------------------------------------------
 *
 * What a handler or an activity returns when it is not simply done, for `return skald_fail(...)`.
 * The text (a sentence, 511 bytes at most) is kept with the attempt and shown to people. Whatever
 * it did in the database is rolled back, but for skald_skip. */

/* RETRY: cannot be done now; the policy of its subscription says when to try again and when to give
 * up. SKALD_FAILED. */
SKALD_API skald_status skald_fail(skald_context *context, const char *format, ...)
    SKALD_PRINTF(2, 3);

/* The same, with a class of errors, by which the policy's rules and groups of dead messages tell
 * failures apart: one word of at most SKALD_ERROR_CLASS_SIZE_MAX letters, digits, "-", "_" and "."
 */
SKALD_API skald_status skald_fail_as(skald_context *context, const char *error_class,
                                     const char *format, ...) SKALD_PRINTF(3, 4);

/* RETRY_AFTER: the same, not sooner than in `delay_ms` (an HTTP server's Retry-After, for example).
 */
SKALD_API skald_status skald_retry_after(skald_context *context, uint64_t delay_ms,
                                         const char *format, ...) SKALD_PRINTF(3, 4);

/* NOT_YET: something this depends on has not arrived. Tried again by the policy's `not_yet`, which
 * is short, and counts as no failure. SKALD_NOT_YET. */
SKALD_API skald_status skald_not_yet(skald_context *context, const char *format, ...)
    SKALD_PRINTF(2, 3);

/* DEAD: can never succeed as it is; kept for a person at once. SKALD_DEAD. */
SKALD_API skald_status skald_dead(skald_context *context, const char *format, ...)
    SKALD_PRINTF(2, 3);

/* REFUSED: business says no. For steps of sagas and for commands of participants: the saga turns
 * back. Anywhere else it counts as skald_fail. SKALD_REFUSED. */
SKALD_API skald_status skald_refuse(skald_context *context, const char *format, ...)
    SKALD_PRINTF(2, 3);

/* SKIP: need not be done. What was done in the database stays, the message counts as skipped, and
 * it is kept for a while with the reason, so that it can still be replayed. SKALD_SKIPPED. */
SKALD_API skald_status skald_skip(skald_context *context, const char *format, ...)
    SKALD_PRINTF(2, 3);

#define SKALD_ERROR_CLASS_SIZE_MAX 63u

#ifdef __cplusplus
}
#endif

#endif
