/* How many events a second one connection, or a service's handlers, can put into an outbox. */
#include "bench/by_hand.h"

enum { PER_TRANSACTION = 100, ONE_SHARE = 20 };

/* ---- In the user's own transactions ---- */

static void publish_ours(skald_service *service, PGconn *connection, uint32_t i)
{
    bench_publish(service, connection, i);
}

static void publish_by_hand(skald_service *service, PGconn *connection, uint32_t i)
{
    (void)service;
    hand_insert(connection, i);
}

static void transactions(bench_round *bench, figure_id id, bool ours, uint32_t count,
                         uint32_t per_transaction)
{
    const bench_database database = bench_database_new(bench, "write");
    skald_service *service = bench_service(bench, "write", &database, false, NULL, NULL);
    PGconn *connection = hand_connect(&database);
    bench_run(&database, "CHECKPOINT");
    const bench_span span = bench_begin(bench);
    for (uint32_t i = 0; i < count; i++) {
        if (per_transaction > 1 && i % per_transaction == 0)
            hand_run(connection, "BEGIN");
        (ours ? publish_ours : publish_by_hand)(service, connection, i);
        if (per_transaction > 1 && (i + 1) % per_transaction == 0)
            hand_run(connection, "COMMIT");
    }
    bench_end(bench, id, &span, count);
    PQfinish(connection);
    bench_service_end(service);
    bench_database_drop(bench, &database);
}

/* ---- In batches ---- */

static void batches_by_hand(bench_round *bench)
{
    const bench_database database = bench_database_new(bench, "write_hand");
    PGconn *connection = hand_connect(&database);
    bench_run(&database, "CHECKPOINT");
    const bench_span span = bench_begin(bench);
    for (uint32_t i = 0; i < bench->events; i += BENCH_BATCH) {
        hand_begin(connection);
        for (uint32_t n = i; n < i + BENCH_BATCH && n < bench->events; n++)
            hand_insert_send(connection, n);
        hand_commit(connection);
    }
    bench_end(bench, FIGURE_WRITE_BATCH_HAND, &span, bench->events);
    PQfinish(connection);
    bench_database_drop(bench, &database);
}

/* Ours reads and decodes an event for each that it writes. */
static void batches_ours(bench_round *bench)
{
    const bench_database database = bench_database_new(bench, "write_batch");
    bench_outbox_fill(bench, &database);
    skald_service *service =
        bench_service(bench, "write", &database, false, "write", bench_answer_handler);
    bench_rate(bench, FIGURE_WRITE_BATCH, bench_handled, service, bench->events);
    bench_service_end(service);
    bench_database_drop(bench, &database);
}

void bench_write(bench_round *bench)
{
    const uint32_t few = bench->events / ONE_SHARE;
    transactions(bench, FIGURE_WRITE_ONE_HAND, false, few, 1);
    transactions(bench, FIGURE_WRITE_ONE, true, few, 1);
    transactions(bench, FIGURE_WRITE_MANY_HAND, false, few * 4, PER_TRANSACTION);
    transactions(bench, FIGURE_WRITE_MANY, true, few * 4, PER_TRANSACTION);
    batches_by_hand(bench);
    batches_ours(bench);
}
