/* Queues of jobs, and activities: code that touches the outside world.
 *
 * A job is enqueued in a transaction and run later, outside of any: by an activity, on a thread of
 * its queue in any process of the service. That it begins is committed before it runs, and its end
 * commits together with what it did to the database, its events and its result. It is tried again
 * as the queue's policy says. What it calls outside may happen more than once only if the outside
 * does not know the job's idempotency key and there is no `verify`.
 *
 * When jobs die, people are told once per group and interval: by a message on the NATS subject
 * `skald.alert.<service>`, whose body is one JSON object, and by skald_options.alert_command, which
 * gets the same object on its stdin. */
#ifndef SKALD_QUEUE_H
#define SKALD_QUEUE_H

#include <protobuf-c/protobuf-c.h>
#include <skald/context.h>
#include <skald/publish.h>
#include <skald/retry.h>
#include <skald/service.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pg_conn; /* libpq's PGconn */

/* Runs one job. `input` lives as long as the call. Returns SKALD_OK when it is done, or an answer
 * of <skald/context.h>. SKALD_TIMEOUT says that it is unknown whether the call had its effect (no
 * answer came): then `verify` is asked before it runs again. */
typedef skald_status skald_activity_function(skald_context *context, const ProtobufCMessage *input);

/* Jobs of this input type are run by that function. A constant that the program keeps alive as long
 * as the service. SKALD_ACTIVITY makes one. */
typedef struct skald_activity {
    const char *name; /* for logs and errors */
    const ProtobufCMessageDescriptor *descriptor;
    skald_activity_function *run;
    /* Asked instead of `run` when an earlier attempt may have had its effect outside: its process
     * or host is gone, it was past its deadline, or it answered SKALD_TIMEOUT. SKALD_OK: the call
     * has happened, and this function has collected the effects as `run` would have.
     * SKALD_NOT_FOUND: it has not, `run` is called. Anything else: ask again later. NULL: `run` is
     * simply called again, with the same idempotency key. */
    skald_activity_function *verify;
} skald_activity;

typedef struct skald_queue_options {
    size_t size;      /* sizeof(skald_queue_options) */
    uint32_t threads; /* that run its jobs, in each process; 4 */
    /* Limits over all processes, 0: none. They are kept in skald.queue, where a person may change
     * them while jobs run (`skald queue set`); such a change stays until the program declares other
     * limits than before. */
    uint32_t concurrency; /* running at a time */
    double rate;          /* starts per second */
    uint32_t burst;       /* starts at once after a pause; 1 */
    uint32_t key_concurrency;
    double key_rate;
    uint32_t key_burst;
    bool unordered; /* jobs of one key may overtake each other; else they run one after another, in
                       the order in which they were first due */
    uint32_t timeout_ms; /* one attempt may take so long without a heartbeat; 60000 */
    uint64_t
        expire_ms;    /* jobs that have waited longer do not matter any more: "expired"; 0: never */
    uint64_t keep_ms; /* how long ended jobs can be looked at; 1 hour */
    uint32_t breaker_failures;  /* so many failures in a row open the circuit; 0: no breaker */
    uint64_t breaker_open_ms;   /* until one job is let through as a probe; 30000 */
    const skald_policy *policy; /* default: that of the service */
    skald_caps caps;
} skald_queue_options;

#define SKALD_QUEUE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .size = sizeof(skald_queue_options)                                                        \
    }

/* This process takes part in the work of a queue, with an activity for one input type. `queue` is
 * named like a service. Call it once per activity, before the start; the options (NULL: defaults)
 * of the first call for a queue count, later ones pass NULL or the same. What is wrong is
 * remembered and answered by skald_service_start too. */
SKALD_API skald_status skald_queue(skald_service *service, const char *queue,
                                   const skald_activity *activity,
                                   const skald_queue_options *options);

/* --- enqueueing ------------------------------------------------------------------------------ */

typedef enum skald_priority {
    SKALD_PRIORITY_NORMAL = 0, /* the zero default; skald.job.priority orders 0 low to 3 urgent */
    SKALD_PRIORITY_LOW,
    SKALD_PRIORITY_HIGH,
    SKALD_PRIORITY_URGENT,
} skald_priority;

/* Everything is optional. */
typedef struct skald_enqueue_options {
    size_t size;     /* sizeof(skald_enqueue_options) */
    const char *key; /* default: in a handler that of the message in hand, else none: "" */
    const char *id;  /* a UUID; default: a new UUIDv7. The job's idempotency key */
    const char
        *unique; /* while a job of the queue with this text is not over, no second one is made */
    skald_priority priority;
    uint64_t delay_ms;  /* due so long after now, by the database's clock */
    int64_t at_us;      /* or at this time, microseconds since 1970-01-01 UTC; 0: now */
    uint64_t expire_ms; /* default: that of the queue */
    const char *correlation_id;
    const char *causation_id;
    const char *traceparent;
    const char *tracestate;
} skald_enqueue_options;

#define SKALD_ENQUEUE_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .size = sizeof(skald_enqueue_options)                                                      \
    }

/* Puts a job into a queue of this service, in the transaction of the handler, or in the one that
 * notes the end of the activity. `queue` must have been declared with skald_queue by a program of
 * the service, or the transaction fails. Statuses as skald_publish. Thread: the handler's. */
SKALD_API skald_status skald_enqueue(skald_context *context, const char *queue,
                                     const ProtobufCMessage *input,
                                     const skald_enqueue_options *options);

/* The same on the caller's own libpq connection, in whatever transaction is open there; statuses as
 * skald_publish_on, and SKALD_NOT_FOUND for a queue that nobody declared. `id` (NULL: not wanted)
 * receives the job's id, 36 characters and a NUL: with options->unique that of the job that is
 * there already. After the COMMIT, call skald_ring. */
SKALD_API skald_status skald_enqueue_on(skald_service *service, struct pg_conn *connection,
                                        const char *queue, const ProtobufCMessage *input,
                                        const skald_enqueue_options *options, char id[37],
                                        skald_error *error);

/* --- looking and cancelling ------------------------------------------------------------------ */

typedef enum skald_job_state {
    SKALD_JOB_WAITING,
    SKALD_JOB_RUNNING,
    SKALD_JOB_DONE,
    SKALD_JOB_DEAD,
    SKALD_JOB_CANCELLED,
    SKALD_JOB_OVER, /* discarded, skipped, expired or replaced by an edited one */
} skald_job_state;

typedef struct skald_job_view {
    skald_job_state state;
    double progress; /* 0 to 1 */
    char note[128];  /* what skald_progress said last */
    uint32_t attempts;
    char reason[256]; /* of the last failure */
    char result_type[SKALD_TYPE_SIZE_MAX + 1];
    size_t result_size; /* of the result, which may be larger than the buffer given */
} skald_job_view;

/* Looks at a job by its id, on the caller's own connection. The encoded result, if there is one, is
 * copied to `result` up to `result_room` bytes (NULL and 0: not wanted). SKALD_NOT_FOUND: there is
 * no such job, or it ended longer ago than the queue keeps it. */
SKALD_API skald_status skald_job_look_on(skald_service *service, struct pg_conn *connection,
                                         const char *id, skald_job_view *out, void *result,
                                         size_t result_room, skald_error *error);

/* Cancels a job, or a delayed message, by its id, in whatever transaction is open: one that waits
 * is over, one that runs is told by skald_cancelled. SKALD_NOT_FOUND when there is no such job in a
 * queue or it is over already. */
SKALD_API skald_status skald_cancel_on(skald_service *service, struct pg_conn *connection,
                                       const char *id, const char *reason, skald_error *error);

/* The same in a handler's transaction, without an answer whether there was one. */
SKALD_API skald_status skald_cancel(skald_context *context, const char *id, const char *reason);

/* --- inside an activity ---------------------------------------------------------------------- */

/* The text by which the outside knows a repeat: the same for every attempt of a job (its id); in a
 * handler the id of the message. Never NULL. */
SKALD_API const char *skald_idempotency_key(const skald_context *context);

/* Says that the activity is alive: its time begins anew. SKALD_CANCELLED when somebody asked to
 * cancel it, SKALD_STOPPED when the service drains, SKALD_FENCED when the job is no longer ours;
 * then it should return soon, with what is called here. Cheap; call it as often as you like. */
SKALD_API skald_status skald_heartbeat(skald_context *context);

/* The same, and notes how far it is, for skald_job_look_on: `fraction` from 0 to 1, and a few words
 * (NULL: none), 127 bytes at most. */
SKALD_API skald_status skald_progress(skald_context *context, double fraction, const char *note);

/* Sets what callers find as the job's result; encoded during the call. */
SKALD_API skald_status skald_result(skald_context *context, const ProtobufCMessage *result);

#ifdef __cplusplus
}
#endif

/* Defines a typed activity, as SKALD_HANDLER does a handler:
 *
 *     SKALD_ACTIVITY(charge_card, shop__v1__charge_card)
 *     {
 *         ... call the provider with skald_idempotency_key(context) ...
 *         return skald_publish(context, &completed.base);
 *     }
 *
 * SKALD_ACTIVITY_VERIFIED takes the name of a function made with SKALD_VERIFY besides. */
#define SKALD_ACTIVITY(activity_name, prefix) SKALD_ACTIVITY_VERIFIED_(activity_name, prefix, NULL)
#define SKALD_ACTIVITY_VERIFIED(activity_name, prefix, verify_name)                                \
    SKALD_ACTIVITY_VERIFIED_(activity_name, prefix, verify_name##_run)
#define SKALD_ACTIVITY_VERIFIED_(activity_name, prefix, verify_function)                           \
    SKALD_ACTIVITY_FUNCTION_(activity_name, prefix)                                                \
    static const skald_activity activity_name[1] = {                                               \
        {#activity_name, &prefix##__descriptor, activity_name##_run, verify_function}};            \
    SKALD_ACTIVITY_BODY_(activity_name, prefix)
#define SKALD_VERIFY(verify_name, prefix)                                                          \
    SKALD_ACTIVITY_FUNCTION_(verify_name, prefix)                                                  \
    SKALD_ACTIVITY_BODY_(verify_name, prefix)
#define SKALD_ACTIVITY_FUNCTION_(function_name, prefix)                                            \
    static skald_status function_name##_typed(                                                     \
        skald_context *context, const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *input);        \
    static skald_status function_name##_run(skald_context *context,                                \
                                            const ProtobufCMessage *message)                       \
    {                                                                                              \
        return function_name##_typed(                                                              \
            context, (const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *)message);               \
    }
#define SKALD_ACTIVITY_BODY_(function_name, prefix)                                                \
    static skald_status function_name##_typed(                                                     \
        __attribute__((unused)) skald_context *context,                                            \
        __attribute__((unused)) const __typeof__(*prefix##__unpack(NULL, 0, NULL)) *input)

#endif
