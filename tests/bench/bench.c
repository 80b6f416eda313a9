/* Servers, databases, events and services for the parts. */
#include "bench/bench.h"

#include "pg/connection.h"
#include "schema/schema.h"
#include "test/v1/events.pb-c.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "skald_bench: ");
    vfprintf(stderr, format, values);
    fprintf(stderr, "\n");
    va_end(values);
    exit(1);
}

void bench_must(skald_status status, const char *what, const skald_error *error)
{
    if (status != SKALD_OK)
        bench_die("%s: %s: %s", what, skald_status_name(status), error->text);
}

/* ---- Databases ---- */

static skald_pg *open_to(const char *conninfo)
{
    skald_pg *pg = NULL;
    skald_error error = {0};
    bench_must(skald_pg_open(&pg, conninfo, "skald_bench", &error), "connecting", &error);
    return pg;
}

void bench_run(const bench_database *database, const char *sql)
{
    skald_error error = {0};
    skald_pg *pg = open_to(database->conninfo);
    bench_must(skald_pg_script(pg, sql, &error), sql, &error);
    skald_pg_close(pg);
}

bench_database bench_database_new(bench_round *bench, const char *purpose)
{
    bench_database made;
    skald_error error = {0};
    snprintf(made.name, sizeof made.name, "%.40s_%u", purpose, bench->round);
    bench_must(skald_servers_create_database(bench->servers, made.name, NULL, &error),
               "a new database", &error);
    skald_servers_conninfo(bench->servers, made.name, made.conninfo, sizeof made.conninfo);
    skald_pg *pg = open_to(made.conninfo);
    bench_must(skald_schema_migrate(pg, &skald_migrations, NULL, NULL, &error), "migrating",
               &error);
    skald_pg_close(pg);
    bench_run(&made, "CREATE TABLE fact (key text NOT NULL, number bigint NOT NULL)");
    return made;
}

void bench_database_drop(bench_round *bench, const bench_database *database)
{
    char conninfo[1200];
    char sql[160];
    skald_error error = {0};
    skald_servers_conninfo(bench->servers, "postgres", conninfo, sizeof conninfo);
    snprintf(sql, sizeof sql, "DROP DATABASE \"%s\" WITH (FORCE)", database->name);
    skald_pg *pg = open_to(conninfo);
    bench_must(skald_pg_run(pg, NULL, sql, 0, NULL, &error), sql, &error);
    skald_pg_close(pg);
}

void bench_outbox_fill(bench_round *bench, const bench_database *database)
{
    skald_error error = {0};
    skald_pg *pg = open_to(database->conninfo);
    bench_must(skald_pg_do(pg, NULL, &error,
                           "CREATE TEMPORARY TABLE template (i int, key text, partition smallint,"
                           " body bytea)"),
               "filling", &error);
    for (uint32_t i = 0; i < BENCH_KEYS; i++) {
        const skald_bytes body = bench_body(i);
        const skald_param params[] = {
            skald_integer(i), skald_text(bench_key(i)),
            skald_integer(
                skald_partition_of(bench_key(i), strlen(bench_key(i)), SKALD_PARTITIONS_DEFAULT)),
            skald_bytea(body.data, body.size)};
        bench_must(skald_pg_run(pg, NULL, "INSERT INTO template VALUES ($1, $2, $3, $4)", 4, params,
                                &error),
                   "filling", &error);
    }
    bench_must(skald_pg_do(pg, NULL, &error,
                           "INSERT INTO skald.outbox (event_id, partition, type, key, body,"
                           " correlation_id) SELECT gen_random_uuid(), t.partition,"
                           " 'test.v1.Counted', t.key, t.body, gen_random_uuid()::text"
                           " FROM generate_series(0, $1 - 1) AS n JOIN template AS t"
                           " ON t.i = n % $2 ORDER BY n",
                           (int64_t)bench->events, (int64_t)BENCH_KEYS),
               "filling", &error);
    skald_pg_close(pg);
    bench_run(database, "VACUUM ANALYZE skald.outbox");
    bench_run(database, "CHECKPOINT");
}

/* ---- Events ---- */

const char *bench_key(uint32_t i)
{
    static char keys[BENCH_KEYS][16];
    char *key = keys[i % BENCH_KEYS];
    if (key[0] == '\0')
        snprintf(key, sizeof keys[0], "order-%u", i % BENCH_KEYS);
    return key;
}

static Test__V1__Counted counted(uint32_t i)
{
    static char note[BENCH_NOTE_SIZE + 1];
    memset(note, 'n', BENCH_NOTE_SIZE);
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.key = (char *)(uintptr_t)bench_key(i);
    event.number = i % BENCH_KEYS;
    event.note = note;
    return event;
}

skald_bytes bench_body(uint32_t i)
{
    static unsigned char bodies[BENCH_KEYS][BENCH_NOTE_SIZE + 64];
    static size_t sizes[BENCH_KEYS];
    const uint32_t at = i % BENCH_KEYS;
    if (sizes[at] == 0) {
        const Test__V1__Counted event = counted(i);
        sizes[at] = test__v1__counted__pack(&event, bodies[at]);
    }
    return (skald_bytes){bodies[at], sizes[at]};
}

void bench_publish(skald_service *service, struct pg_conn *connection, uint32_t i)
{
    const Test__V1__Counted event = counted(i);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    skald_error error = {0};
    options.key = bench_key(i);
    bench_must(skald_publish_on(service, connection, &event.base, &options, &error), "publishing",
               &error);
}

/* ---- Services ---- */

SKALD_HANDLER(insert_fact, test__v1__counted)
{
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

SKALD_HANDLER(answer, test__v1__counted)
{
    Test__V1__Answered answered = TEST__V1__ANSWERED__INIT;
    answered.key = event->key;
    answered.number = event->number;
    return skald_publish(context, &answered.base);
}

const skald_handler *const bench_insert_handler = insert_fact;
const skald_handler *const bench_answer_handler = answer;

skald_service *bench_service(bench_round *bench, const char *name, const bench_database *database,
                             bool nats, const char *stream, const skald_handler *handler)
{
    skald_options options = SKALD_OPTIONS_INIT;
    skald_error error = {0};
    options.database = database->conninfo;
    options.nats_url = nats ? skald_servers_nats_url(bench->servers) : NULL;
    options.allow = skald_servers_allow(bench->servers);
    skald_service *service = skald_service_open(name, &options);
    if (stream != NULL)
        (void)skald_follow(service, stream, handler);
    bench_must(skald_service_start(service, &error), name, &error);
    return service;
}

void bench_service_end(skald_service *service)
{
    skald_error error = {0};
    bench_must(skald_service_stop(service, &error), "stopping", &error);
    skald_service_free(service);
}

/* ---- Counting and waiting ---- */

uint64_t bench_handled(void *service)
{
    skald_counters counters;
    skald_service_counters(service, &counters);
    return counters.handled;
}

uint64_t bench_relayed(void *service)
{
    skald_counters counters;
    skald_service_counters(service, &counters);
    return counters.relayed;
}

uint64_t bench_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_await(bench_counter *counter, void *object, uint64_t count, uint32_t look_us)
{
    const uint64_t begun_ns = bench_clock_ns();
    while (counter(object) < count) {
        nanosleep(&(struct timespec){.tv_nsec = (long)look_us * 1000}, NULL);
        if (bench_clock_ns() - begun_ns > 300u * 1000000000ull)
            bench_die("only %" PRIu64 " of %" PRIu64 " events came in 300 s", counter(object),
                      count);
    }
}

bench_span bench_begin(bench_round *bench)
{
    return (bench_span){bench_clock_ns(),
                        cost_now(skald_servers_pid(bench->servers, SKALD_SERVER_POSTGRES),
                                 skald_servers_pid(bench->servers, SKALD_SERVER_NATS))};
}

void bench_end(bench_round *bench, figure_id id, const bench_span *span, uint64_t count)
{
    const bench_span ended = bench_begin(bench);
    const cost each = cost_per_event_us(span->begun, ended.begun, (double)count);
    figures_note(bench->figures, id,
                 (double)count * 1e9 / (double)(ended.begun_ns - span->begun_ns), &each);
}

void bench_rate(bench_round *bench, figure_id id, bench_counter *counter, void *object,
                uint64_t count)
{
    bench_await(counter, object, 1, 200);
    const bench_span span = bench_begin(bench);
    const uint64_t before = counter(object);
    if (before >= count)
        bench_die("all was done before it could be measured: use more --events");
    bench_await(counter, object, count, 500);
    bench_end(bench, id, &span, count - before);
}
