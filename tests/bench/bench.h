/* What the parts of the benchmark share: servers, databases, the events that are carried, waiting
 * and counting. A benchmark that cannot go on says why and ends. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "bench/figures.h"
#include "servers/servers.h"

#include <skald/skald.h>
#include <stdint.h>

enum { BENCH_KEYS = 64, BENCH_NOTE_SIZE = 160, BENCH_BATCH = 256 };

typedef struct bench_round {
    skald_servers *servers;
    figure_table *figures;
    uint32_t events; /* of the measures of rates */
    uint32_t hops;   /* of the measures of latency, and how many of them in a second */
    uint32_t hops_second;
    unsigned round;
} bench_round;

/* One round each, ours and by hand one after the other. */
void bench_hop(bench_round *bench);
void bench_write(bench_round *bench);
void bench_relay_and_follow(bench_round *bench);
void bench_end_to_end(bench_round *bench);
void bench_queue(bench_round *bench);
void bench_saga(bench_round *bench);

/* ---- Ends the program ---- */

void bench_die(const char *format, ...) SKALD_PRINTF(1, 2) __attribute__((noreturn));
void bench_must(skald_status status, const char *what, const skald_error *error);

/* ---- Databases ---- */

typedef struct bench_database {
    char name[64];
    char conninfo[1200];
} bench_database;

/* A new one with Skald's schema and the tables that the parts write to. */
bench_database bench_database_new(bench_round *bench, const char *purpose);
void bench_database_drop(bench_round *bench, const bench_database *database);
void bench_run(const bench_database *database, const char *sql);

/* Fills the outbox with bench->events rows in one statement, and settles what that left to do. */
void bench_outbox_fill(bench_round *bench, const bench_database *database);

/* ---- Events ---- */

/* The key of event number `i`, and its encoded body (test.v1.Counted), the same for ever. */
const char *bench_key(uint32_t i);
skald_bytes bench_body(uint32_t i);

/* Publishes event number `i` on a connection of the user's. */
struct pg_conn;
void bench_publish(skald_service *service, struct pg_conn *connection, uint32_t i);

/* ---- Services ---- */

/* Writes each event into table "fact" by one INSERT; answers each by an event. */
extern const skald_handler *const bench_insert_handler;
extern const skald_handler *const bench_answer_handler;

/* Starts one; `stream` (NULL: follows nothing) is followed from its beginning. */
skald_service *bench_service(bench_round *bench, const char *name, const bench_database *database,
                             bool nats, const char *stream, const skald_handler *handler);
void bench_service_end(skald_service *service);

/* ---- Counting and waiting ---- */

typedef uint64_t bench_counter(void *object);

uint64_t bench_handled(void *service);
uint64_t bench_relayed(void *service);

uint64_t bench_clock_ns(void);

/* Waits until the counter has reached `count`, looking every `look_us`. */
void bench_await(bench_counter *counter, void *object, uint64_t count, uint32_t look_us);

/* Notes under `id` the events per second from the first that is counted to number `count`, and what
 * they cost. */
void bench_rate(bench_round *bench, figure_id id, bench_counter *counter, void *object,
                uint64_t count);

/* The same for work that is done between the two calls. */
typedef struct bench_span {
    uint64_t begun_ns;
    cost begun;
} bench_span;
bench_span bench_begin(bench_round *bench);
void bench_end(bench_round *bench, figure_id id, const bench_span *span, uint64_t count);

#endif
