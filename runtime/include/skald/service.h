/* A service: a name, a database, a stream, one or more processes. This is one process of it. */
#ifndef SKALD_SERVICE_H
#define SKALD_SERVICE_H

#include <skald/handler.h>
#include <skald/log.h>
#include <skald/retry.h>
#include <skald/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_service skald_service;

/* Zero means default everywhere. Strings are copied. */
typedef struct skald_options {
    size_t size;                /* sizeof(skald_options) */
    const char *database;       /* libpq connection string or URI; default: libpq's PG* variables */
    const char *nats_url;       /* default: NATS_URL; with neither, the service follows only itself,
                                   straight from its outbox */
    uint32_t partitions;        /* of the service's own events; fixed at its first start; 16 */
    uint32_t workers;           /* threads that run handlers, each with a connection; 4 */
    uint32_t batch_max;         /* messages in one transaction, at most; 256 */
    uint32_t lease_ms;          /* after this long without a sign of life a process has lost its
                                   partitions; 5000, at least 500 */
    uint32_t drain_ms;          /* how long a stop waits for handlers in hand; 15000 */
    const skald_policy *policy; /* what is done about failures, where a subscription has none of its
                                   own; kept alive by the caller */
    const char *allow;          /* names of unsafe settings that are accepted, separated by blanks;
                                   default: SKALD_ALLOW */
    skald_log_function *log;    /* default: logfmt lines on stderr, level by SKALD_LOG */
    void *log_user;
    void *user; /* for skald_context_user */
    /* Called once by skald_service_run and skald_main when the service runs, on their thread; any
     * other status than SKALD_OK stops the service with `error`. */
    skald_status (*on_start)(skald_service *service, void *user, skald_error *error);
    /* Called once after on_start succeeded, when a stop was requested and before the drain, on the
     * same thread: the place to close doors through which new work comes in, an HTTP server for
     * example, while publishing still works. */
    void (*on_stop)(skald_service *service, void *user);
    uint32_t processes;        /* worker processes that skald_main keeps running; 1 */
    uint32_t handler_ms;       /* how long one handler may take; 60000. Under skald_main its process
                                  is ended then, and the attempt counts as timed out */
    const char *alert_command; /* a program that is told of new groups of dead messages, see
                                  <skald/queue.h>; default: SKALD_ALERT_COMMAND */
    uint32_t alert_interval_ms; /* people are told of one group once in this time; 15 minutes */
} skald_options;

#define SKALD_OPTIONS_INIT                                                                         \
    {                                                                                              \
        .size = sizeof(skald_options)                                                              \
    }

#define SKALD_WORKERS_DEFAULT 4u
#define SKALD_WORKERS_MAX 64u
#define SKALD_BATCH_MAX_DEFAULT 256u
#define SKALD_BATCH_MAX_MAX 4096u
#define SKALD_LEASE_MS_DEFAULT 5000u
#define SKALD_LEASE_MS_MIN 500u
#define SKALD_DRAIN_MS_DEFAULT 15000u
#define SKALD_ALERT_INTERVAL_MS_DEFAULT 900000u
#define SKALD_HANDLER_MS_DEFAULT 60000u

/* Makes a service that does nothing yet. `name` is lower-case letters, digits and "-", begins with
 * a letter, has at most 32 characters, and is the name of its stream. No I/O. A wrong name or
 * option is remembered and answered by skald_service_start. NULL only when memory is exhausted;
 * every call below accepts NULL. Free with skald_service_free. */
SKALD_API skald_service *skald_service_open(const char *name, const skald_options *options);

/* How much a subscription may keep of what waits behind failures and of what is dead; zero fields
 * mean default. Checked about once a second. */
typedef struct skald_caps {
    uint64_t rows;   /* 1,000,000 */
    uint64_t bytes;  /* of bodies; 4 GiB */
    uint64_t age_ms; /* of what is dead; 0: any age */
    bool discard; /* above rows or bytes, or too old: discards the oldest dead ones, with a row in
                     skald.audit. Otherwise the subscription takes nothing new until a person has
                     made room, and people are alerted; nothing is lost */
} skald_caps;

/* Where a follower that is seen for the first time begins. Later starts go on from its position. */
typedef enum skald_follow_from {
    SKALD_FROM_BEGINNING = 0, /* of what the stream still holds */
    SKALD_FROM_NOW,
    SKALD_FROM_TIME, /* the first message published at or after from_time_us */
} skald_follow_from;

typedef struct skald_follow_options {
    size_t size;      /* sizeof(skald_follow_options) */
    const char *name; /* the follower's name in this service; default: the stream's name. Two
                         names follow the same stream independently */
    skald_follow_from from;
    int64_t from_time_us;        /* microseconds since 1970-01-01 UTC */
    bool foreign;                /* the stream is not written by Skald: the position is the stream
                                    sequence, and repeats are known by ce-id or Nats-Msg-Id */
    const char *foreign_type;    /* type of foreign messages without ce-type */
    uint32_t foreign_partitions; /* how many partitions to divide a foreign stream in; 16 */
    const skald_policy *policy;  /* what is done about failures; default: that of the service */
    skald_caps caps;
    uint64_t expire_ms; /* messages older than this are not handled but kept as "expired";
                           0: any age */
} skald_follow_options;

#define SKALD_FOLLOW_OPTIONS_INIT                                                                  \
    {                                                                                              \
        .size = sizeof(skald_follow_options)                                                       \
    }

/* Follows `stream` (the name of a service, this one included, or of a foreign stream) with a
 * handler for one message type. Call it once per handler, before the start; several calls for one
 * follower add handlers, a second handler for the same type is SKALD_INVALID. Messages of types
 * without a handler are skipped and counted. What is wrong is remembered and answered by
 * skald_service_start too. */
SKALD_API skald_status skald_follow(skald_service *service, const char *stream,
                                    const skald_handler *handler);

/* The same, with options (NULL: none). */
SKALD_API skald_status skald_follow_with(skald_service *service, const char *stream,
                                         const skald_handler *handler,
                                         const skald_follow_options *options);

/* Connects, checks the schema and the servers' settings, and starts the threads: returns when the
 * service runs. Fails at once, with one sentence that says what to do, on SKALD_INVALID,
 * SKALD_SCHEMA, SKALD_UNSAFE, SKALD_HISTORY_LOST, SKALD_UNAVAILABLE. Later outages are waited out.
 * Once per service; not from a handler. */
SKALD_API skald_status skald_service_start(skald_service *service, skald_error *error);

/* Asks a running service to stop; returns at once. Async-signal-safe. Any thread. */
SKALD_API void skald_service_request_stop(skald_service *service);

/* Drains: takes no new messages, finishes those in hand (for drain_ms at most), gives the
 * partitions back so that others take them at once, and ends all threads. SKALD_TIMEOUT when a
 * handler did not return in time (its transaction is then rolled back by PostgreSQL and its message
 * handled by whoever has the partition next; the process should exit). Not from a handler. */
SKALD_API skald_status skald_service_stop(skald_service *service, skald_error *error);

/* Starts, waits until a stop is requested, stops. Not from a handler. */
SKALD_API skald_status skald_service_run(skald_service *service, skald_error *error);

/* Stops if need be, and frees. NULL is accepted. */
SKALD_API void skald_service_free(skald_service *service);

/* The whole main() of a service: `run` (the default), `plan`, `what-if`, `--help` and `--version`;
 * prints what is wrong as one sentence on stderr and returns the exit code: 0, or sysexits' 64
 * usage, 69 servers cannot be reached, 70 internal, 75 drain took too long, 77 unsafe setting
 * refused, 78 wrong option or schema.
 *
 * `run` forks: this process becomes a supervisor, which never touches PostgreSQL or NATS, and keeps
 * skald_options.processes workers running. A worker that crashes in user code, or whose handler is
 * past its deadline, is replaced at once, and what it had in hand is quarantined (see
 * runtime/supervisor/README.md). SIGTERM, SIGINT and SIGHUP drain, a second one leaves at once, with
 * 128 + its number. systemd's notify and watchdog protocols are spoken when NOTIFY_SOCKET is set.
 * With SKALD_SUPERVISE=no there is no fork, and user code runs in this very process, for debuggers.
 * skald_options.log is called in all of these processes, on_start and on_stop in each worker;
 * skald_main returns in each of them, with the exit code for it.
 *
 * Call it from the thread that main() runs on, before other threads are started and before libpq,
 * cnats or a TLS library is used: what needs those is made in on_start. */
SKALD_API int skald_main(skald_service *service, int argc, char **argv);

/* What a process has done since its start. */
typedef struct skald_counters {
    uint64_t handled;         /* messages whose handler's effects were committed */
    uint64_t skipped;         /* messages of types without a handler */
    uint64_t repeated;        /* messages seen again and not applied again */
    uint64_t failed;          /* attempts that failed */
    uint64_t set_aside;       /* messages that could not be decoded */
    uint64_t batches;         /* transactions that moved a position */
    uint64_t relayed;         /* outbox rows confirmed by the stream, by this process as relay */
    uint64_t partitions_held; /* now */
    bool relay_leads;         /* now */
    uint64_t dead;            /* messages and jobs given up */
    uint64_t jobs_done;       /* of queues, by this process */
    uint64_t jobs_failed;     /* attempts */
    bool keeper_leads;        /* now */
} skald_counters;

/* Any thread. */
SKALD_API void skald_service_counters(const skald_service *service, skald_counters *out);

#ifdef __cplusplus
}
#endif

#endif
