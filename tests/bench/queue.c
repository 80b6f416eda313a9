/* How many jobs a second a backlog is worked off at, with eight threads and an activity that takes
 * no time and leaves one INSERT behind. By hand: one job per transaction, which is open while it
 * runs. */
#include "bench/by_hand.h"

#include "test/v1/events.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8 };

SKALD_ACTIVITY(insert_fact, test__v1__counted)
{
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", input->key,
                      input->number);
}

/* The same rows for both: whoever declares the queue finds its row and leaves it. */
static void backlog_make(const bench_database *database, uint32_t count)
{
    const skald_bytes body = bench_body(0);
    char hex[1024];
    for (size_t i = 0; i < body.size && 2 * i + 2 < sizeof hex; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)body.data)[i]);
    char sql[2048];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO skald.queue (name, ordered) VALUES ('work', false) ON CONFLICT DO NOTHING;"
        "INSERT INTO skald.job (queue, state, message_id, type, key, partition, published_at,"
        " due_at, content_type, body) SELECT 'work', 'waiting', gen_random_uuid(),"
        " 'test.v1.Counted', 'k' || i %% %d, 0, now(), now(), 'application/protobuf', '\\x%s'"
        " FROM generate_series(1, %u) AS i; ANALYZE skald.job; CHECKPOINT",
        BENCH_KEYS, hex, count);
    PGconn *connection = hand_connect(database);
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

/* ---- Ours ---- */

static uint64_t jobs_done(void *service)
{
    skald_counters counters;
    skald_service_counters(service, &counters);
    return counters.jobs_done;
}

static void ours(bench_round *bench)
{
    const bench_database database = bench_database_new(bench, "queue");
    backlog_make(&database, bench->events);
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database.conninfo;
    options.allow = skald_servers_allow(bench->servers);
    skald_queue_options queue = SKALD_QUEUE_OPTIONS_INIT;
    queue.threads = THREADS;
    queue.unordered = true;
    skald_service *service = skald_service_open("queues", &options);
    skald_error error = {0};
    (void)skald_queue(service, "work", insert_fact, &queue);
    bench_must(skald_service_start(service, &error), "queues", &error);
    bench_rate(bench, FIGURE_QUEUE, jobs_done, service, bench->events);
    bench_service_end(service);
    bench_database_drop(bench, &database);
}

/* ---- By hand ---- */

typedef struct hand_work {
    const bench_database *database;
    atomic_uint_fast64_t done;
} hand_work;

static uint64_t hand_done(void *work)
{
    return atomic_load(&((hand_work *)work)->done);
}

static PGresult *step(PGconn *connection, const char *name, int count, const char *const *values)
{
    PGresult *result = PQexecPrepared(connection, name, count, values, NULL, NULL, 0);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        bench_die("%s", PQerrorMessage(connection));
    return result;
}

static void *hand_thread(void *argument)
{
    hand_work *work = argument;
    PGconn *connection = hand_connect(work->database);
    PQclear(PQprepare(connection, "take",
                      "SELECT id, key, body FROM skald.job WHERE queue = 'work'"
                      " AND state = 'waiting' AND priority = 1 AND due_at <= now()"
                      " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
                      0, NULL));
    PQclear(
        PQprepare(connection, "effect", "INSERT INTO fact (key, number) VALUES ($1, $2)", 2, NULL));
    PQclear(PQprepare(connection, "done",
                      "UPDATE skald.job SET state = 'done', ended_at = now() WHERE id = $1", 1,
                      NULL));
    for (;;) {
        hand_run(connection, "BEGIN");
        PGresult *job = step(connection, "take", 0, NULL);
        if (PQntuples(job) == 0) {
            PQclear(job);
            break;
        }
        const char *effect[] = {PQgetvalue(job, 0, 1), "0"};
        const char *done[] = {PQgetvalue(job, 0, 0)};
        PQclear(step(connection, "effect", 2, effect));
        PQclear(step(connection, "done", 1, done));
        PQclear(job);
        hand_run(connection, "COMMIT");
        atomic_fetch_add(&work->done, 1);
    }
    PQfinish(connection);
    return NULL;
}

static void by_hand(bench_round *bench)
{
    const bench_database database = bench_database_new(bench, "queue_hand");
    backlog_make(&database, bench->events);
    hand_work work = {.database = &database};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, hand_thread, &work) != 0)
            bench_die("no thread");
    }
    bench_rate(bench, FIGURE_QUEUE_HAND, hand_done, &work, bench->events);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    bench_database_drop(bench, &database);
}

void bench_queue(bench_round *bench)
{
    by_hand(bench);
    ours(bench);
}
