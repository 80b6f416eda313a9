/* A service "shop" with a queue "errands", whose jobs are messages test.v1.Counted. What one does
 * is told by its note; what it did stands in table "errand" (its effect, committed with its end)
 * and in table "called" (what the outside has seen: one row per call, committed at once). */
#ifndef TEST_SUPPORT_ERRANDS_H
#define TEST_SUPPORT_ERRANDS_H

#include "support/child.h"

#include <libpq-fe.h>
#include <skald/skald.h>

/* Notes:
 *   ""             done
 *   "result"       publishes test.v1.Answered and gives it as its result
 *   "fail"         fails, always; "fail <n>": the first n times
 *   "refuse"       says that it can never succeed; "refuse <n>": the first n calls
 *   "early <n>"    something it depends on has not arrived, the first n times
 *   "later <ms>"   is told to come back after so long, the first time
 *   "skip"         need not be done
 *   "unknown"      no answer came, the first time
 *   "sql"          leaves a statement that PostgreSQL refuses
 *   "wait"         waits until table "gate" has a row of its key, with heartbeats, and returns what
 *                  the heartbeat says as soon as that is not SKALD_OK
 *   "deaf"         the same without heartbeats
 *   "sleep <ms>"   takes so long
 *   "progress"     reports half, then waits like "wait"
 *   "more"         enqueues two jobs more of its key
 */
typedef struct errands_options {
    skald_queue_options queue; /* size 0: defaults, 4 threads, unordered */
    const char *nats_url;
    const skald_policy *policy; /* NULL: "1ms..20ms" for ever */
    uint32_t drain_ms;
    uint32_t lease_ms; /* 1000 */
    bool handing_on;   /* follows its own events test.v1.Counted: each becomes a job of its key */
} errands_options;

typedef struct errands {
    const char *database;
    skald_service *service;
    PGconn *connection;
} errands;

/* A new database with the service running in this process. */
errands errands_begin(const errands_options *options);

/* The database and a connection, without a service. */
errands errands_prepare(void);

/* Another service on the same database. */
skald_service *errands_service(const char *database, const errands_options *options);

void errands_stop(errands *shop); /* the service only */
void errands_end(errands *shop);

/* Enqueues one job, commits, rings. `id` may be NULL. */
void errands_add(errands *shop, const char *key, int64_t number, const char *note,
                 const skald_enqueue_options *options, char id[37]);

skald_job_view errands_look(errands *shop, const char *id);
skald_job_state errands_state(errands *shop, const char *id);

/* Lets "wait" and "deaf" of this key go on. */
void errands_open(errands *shop, const char *key);

/* Rows in "errand", and calls that the outside has seen. */
int64_t errands_done(const errands *shop);
int64_t errands_seen(const errands *shop);

/* The service as a process of its own, with SKALD_SUPERVISE=no. */
typedef struct errands_child_options {
    const char *crash; /* SKALD_CRASH; NULL: none */
    int threads;       /* 0: 4 */
    int lease_ms;      /* 0: 1000 */
    int drain_ms;      /* 0: 15000 */
    int timeout_ms;    /* 0: default */
    bool ordered;
    const char *nats_url;
} errands_child_options;
test_child *errands_child(const char *database, const errands_child_options *options);

/* SIGTERM drains it: it ends with 0. Frees it. */
void errands_child_stop(test_child *child);

/* First thing in main(). */
void errands_child_become(int argc, char **argv);

#endif
