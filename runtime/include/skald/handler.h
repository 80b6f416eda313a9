/* A handler: the C function that runs for each message of one type, inside the follower's
 * transaction. */
#ifndef SKALD_HANDLER_H
#define SKALD_HANDLER_H

#include <protobuf-c/protobuf-c.h>
#include <skald/context.h>
#include <skald/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs with a decoded message of the handler's type. What it did in the database commits together
 * with the position, or not at all.
 *
 * Returns SKALD_OK when the message is done, or one of the answers in <skald/context.h>:
 * skald_fail, skald_retry_after, skald_not_yet, skald_dead, skald_skip. Any other status counts as
 * skald_fail. When a message fails its transaction is rolled back; it is tried again as the policy
 * of its subscription says, later messages of its key wait behind it, and all others go on.
 *
 * It can run more than once for the same message when a transaction is rolled back, so it must not
 * keep effects outside the database that a repeat would double, unless it passes the message's id
 * on as an idempotency key. It runs on one of the service's worker threads; `message` and
 * everything reached from it is freed after the call. */
typedef skald_status skald_handler_function(skald_context *context,
                                            const ProtobufCMessage *message);

/* One row: this type is handled by that function. A constant that the program keeps alive as long
 * as the service. SKALD_HANDLER makes one; C++ and other languages fill it themselves. */
typedef struct skald_handler {
    const char *name; /* for logs and errors */
    const ProtobufCMessageDescriptor *descriptor;
    skald_handler_function *run;
} skald_handler;

#ifdef __cplusplus
}
#endif

/* Defines a typed handler called `name` for the message whose lower-case protobuf-c prefix is
 * given:
 *
 *     SKALD_HANDLER(on_order_created, shop__v1__order_created)
 *     {
 *         return skald_exec(context, "INSERT INTO payment(order_id) VALUES ($1)", event->order_id);
 *     }
 *
 * The body sees `skald_context *context` and `const Shop__V1__OrderCreated *event`. `name` can then
 * be passed to skald_follow. */
#define SKALD_HANDLER(handler_name, prefix)                                                        \
    static skald_status handler_name##_typed(                                                      \
        skald_context *context, const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *event);        \
    static skald_status handler_name##_run(skald_context *context,                                 \
                                           const ProtobufCMessage *message)                        \
    {                                                                                              \
        return handler_name##_typed(                                                               \
            context, (const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *)message);               \
    }                                                                                              \
    static const skald_handler handler_name[1] = {                                                 \
        {#handler_name, &prefix##__descriptor, handler_name##_run}};                               \
    static skald_status handler_name##_typed(                                                      \
        __attribute__((unused)) skald_context *context,                                            \
        __attribute__((unused)) const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *event)

#endif
