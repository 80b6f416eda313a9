/* What services do for each other without anybody in charge, written down: a flow is a const table
 * of events and of what has to follow them, that can be read from top to bottom.
 *
 *     static const skald_flow_event checkout_events[] = {
 *         {.type = "shop.v1.OrderCreated", .from = "orders", .begins = true},
 *         {.type = "shop.v1.PaymentCompleted", .from = "payments"},
 *         {.type = "shop.v1.PaymentFailed", .from = "payments"},
 *         {.type = "shop.v1.OrderShipped", .from = "shipping", .ends = SKALD_FLOW_ENDS_WELL},
 *         {.type = "shop.v1.OrderCancelled", .from = "orders", .ends = SKALD_FLOW_ENDS_BADLY},
 *     };
 *     static const skald_flow_expectation checkout_expectations[] = {
 *         {.after = "shop.v1.OrderCreated",
 *          .expect = {"shop.v1.PaymentCompleted", "shop.v1.PaymentFailed"},
 *          .within_ms = 120000},
 *         {.after = "shop.v1.PaymentCompleted",
 *          .expect = {"shop.v1.OrderShipped"},
 *          .within_ms = 3 * 24 * 3600 * 1000},
 *         {.after = "shop.v1.PaymentFailed",
 *          .expect = {"shop.v1.OrderCancelled"},
 *          .within_ms = 60000},
 *     };
 *     static const skald_flow checkout = {
 *         .name = "checkout",
 *         .events = SKALD_FLOW_EVENTS(checkout_events),
 *         .expectations = SKALD_FLOW_EXPECTATIONS(checkout_expectations)};
 *
 * It changes nothing of how events are handled. Who watches it (see <skald/watch.h>) sees one
 * instance per key: its timeline, what is awaited until when, and an alarm that names the event
 * that did not come.
 *
 * What is known of an instance depends on which events came and when they happened, not on the
 * order in which they were seen: the events of different services come by different streams. */
#ifndef SKALD_FLOW_H
#define SKALD_FLOW_H

#include <skald/saga.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKALD_FLOW_EVENTS_MAX 32u       /* of one flow */
#define SKALD_FLOW_EXPECTATIONS_MAX 32u /* of one flow */
#define SKALD_FLOW_ALTERNATIVES_MAX 8u  /* of one expectation */
#define SKALD_FLOW_KEEP_MS_DEFAULT (7ull * 24 * 3600 * 1000)

struct ProtobufCMessageDescriptor; /* of protobuf-c */

typedef enum skald_flow_end {
    SKALD_FLOW_GOES_ON, /* ends nothing */
    SKALD_FLOW_ENDS_WELL,
    SKALD_FLOW_ENDS_BADLY,
} skald_flow_end;

/* An event that belongs to the flow. */
typedef struct skald_flow_event {
    const char *type;    /* "shop.v1.OrderCreated" */
    const char *from;    /* the service that publishes it, whose stream is followed */
    bool begins;         /* an instance begins with it */
    skald_flow_end ends; /* ... or ends: then nothing is awaited any more */
    /* By default the message's key says which instance it belongs to. Otherwise the name of a text
     * field, "order_id" or "order.order_id", and the descriptor by which the field is found. */
    const char *key_field;
    const struct ProtobufCMessageDescriptor *descriptor;
} skald_flow_event;

/* When `after` has come, one of `expect` has to come too. Several expectations with the same
 * `after` have to be met each. */
typedef struct skald_flow_expectation {
    const char *after;
    const char *expect[SKALD_FLOW_ALTERNATIVES_MAX];
    uint64_t within_ms; /* since `after` happened */
    /* `after` may happen again, and is to be followed again each time, as in a loop of attempts. By
     * default it is met for good once one of `expect` has come. */
    bool each_time;
} skald_flow_expectation;

typedef struct skald_flow_events {
    const skald_flow_event *list;
    size_t count;
} skald_flow_events;

typedef struct skald_flow_expectations {
    const skald_flow_expectation *list;
    size_t count;
} skald_flow_expectations;

#define SKALD_FLOW_EVENTS(array) SKALD_STEPS(array)
#define SKALD_FLOW_EXPECTATIONS(array) SKALD_STEPS(array)

typedef struct skald_flow {
    const char *name; /* a-z, 0-9 and '-', beginning with a letter */
    uint32_t version; /* shown to people; open instances go on with the newest table, by which
                            they are judged from their next event on */
    skald_flow_events events;
    skald_flow_expectations expectations;
    uint64_t keep_ms; /* instances that have ended; 7 days */
} skald_flow;

/* Examines a flow and tells of every mistake there is, as skald_definition_check does. Returns how
 * many; one with none can be watched. Any thread. */
SKALD_API size_t skald_flow_check(const skald_flow *flow, skald_mistake_told *tell, void *context);

#ifdef __cplusplus
}
#endif

#endif
