/* How many events a second go from an outbox to its stream, from a stream to its handlers, and all
 * the way. */
#include "bench/by_hand.h"

#include <stdio.h>

enum { PER_TRANSACTION = 100 };

/* ---- From the outbox to the stream ---- */

static void relay_by_hand(bench_round *bench, hand_bus *bus)
{
    char name[32];
    snprintf(name, sizeof name, "relayhand%u", bench->round);
    hand_stream_make(bus, name);
    const bench_span span = bench_begin(bench);
    for (uint32_t i = 0; i < bench->events; i++)
        hand_publish_async(bus, name, i);
    hand_publish_settle(bus);
    bench_end(bench, FIGURE_RELAY_HAND, &span, bench->events);
    hand_stream_delete(bus, name);
}

/* Leaves the full stream behind. */
static void relay_ours(bench_round *bench, const char *name)
{
    const bench_database origin = bench_database_new(bench, "relay");
    bench_outbox_fill(bench, &origin);
    skald_service *service = bench_service(bench, name, &origin, true, NULL, NULL);
    bench_rate(bench, FIGURE_RELAY, bench_relayed, service, bench->events);
    bench_service_end(service);
    bench_database_drop(bench, &origin);
}

/* ---- From the stream to the handlers ---- */

static void follow_by_hand(bench_round *bench, const char *name)
{
    const bench_database database = bench_database_new(bench, "follow_hand");
    bench_run(&database, "CHECKPOINT");
    hand_consumer *consumer = hand_consumer_start(bench, name, &database, BENCH_BATCH);
    bench_rate(bench, FIGURE_FOLLOW_HAND, hand_consumer_handled, consumer, bench->events);
    hand_consumer_end(consumer);
    bench_database_drop(bench, &database);
}

static void follow_ours(bench_round *bench, const char *name)
{
    const bench_database database = bench_database_new(bench, "follow");
    bench_run(&database, "CHECKPOINT");
    skald_service *service =
        bench_service(bench, "following", &database, true, name, bench_insert_handler);
    bench_rate(bench, FIGURE_FOLLOW, bench_handled, service, bench->events);
    bench_service_end(service);
    bench_database_drop(bench, &database);
}

void bench_relay_and_follow(bench_round *bench)
{
    char name[32];
    hand_bus bus = hand_bus_open(bench);
    snprintf(name, sizeof name, "carry%u", bench->round);
    relay_by_hand(bench, &bus);
    relay_ours(bench, name);
    follow_by_hand(bench, name);
    follow_ours(bench, name);
    hand_stream_delete(&bus, name);
    hand_bus_close(&bus);
}

/* ---- All the way ---- */

static void end_by_hand(bench_round *bench)
{
    const bench_database origin = bench_database_new(bench, "end_hand_origin");
    const bench_database following = bench_database_new(bench, "end_hand_following");
    char name[32];
    snprintf(name, sizeof name, "endhand%u", bench->round);
    hand_bus bus = hand_bus_open(bench);
    hand_stream_make(&bus, name);
    hand_consumer *consumer = hand_consumer_start(bench, name, &following, BENCH_BATCH);
    PGconn *connection = hand_connect(&origin);
    const bench_span span = bench_begin(bench);
    for (uint32_t i = 0; i < bench->events; i += PER_TRANSACTION) {
        uint32_t n;
        hand_run(connection, "BEGIN");
        for (n = i; n < i + PER_TRANSACTION && n < bench->events; n++)
            hand_insert(connection, n);
        hand_run(connection, "COMMIT");
        for (n = i; n < i + PER_TRANSACTION && n < bench->events; n++)
            hand_publish_async(&bus, name, n);
    }
    bench_await(hand_consumer_handled, consumer, bench->events, 500);
    bench_end(bench, FIGURE_END_HAND, &span, bench->events);
    hand_publish_settle(&bus);
    hand_consumer_end(consumer);
    hand_stream_delete(&bus, name);
    hand_bus_close(&bus);
    PQfinish(connection);
    bench_database_drop(bench, &origin);
    bench_database_drop(bench, &following);
}

static void end_ours(bench_round *bench)
{
    const bench_database origin = bench_database_new(bench, "end_origin");
    const bench_database following = bench_database_new(bench, "end_following");
    char name[32];
    snprintf(name, sizeof name, "end%u", bench->round);
    skald_service *service = bench_service(bench, name, &origin, true, NULL, NULL);
    skald_service *follower =
        bench_service(bench, "following", &following, true, name, bench_insert_handler);
    PGconn *connection = hand_connect(&origin);
    /* The partitions are dealt out when the first event has come through. */
    bench_publish(service, connection, 0);
    skald_ring(service);
    bench_await(bench_handled, follower, 1, 500);
    const bench_span span = bench_begin(bench);
    for (uint32_t i = 0; i < bench->events; i++) {
        if (i % PER_TRANSACTION == 0)
            hand_run(connection, "BEGIN");
        bench_publish(service, connection, i);
        if ((i + 1) % PER_TRANSACTION == 0 || i + 1 == bench->events) {
            hand_run(connection, "COMMIT");
            skald_ring(service);
        }
    }
    bench_await(bench_handled, follower, bench->events + 1, 500);
    bench_end(bench, FIGURE_END, &span, bench->events);
    bench_service_end(follower);
    bench_service_end(service);
    hand_bus bus = hand_bus_open(bench);
    hand_stream_delete(&bus, name);
    hand_bus_close(&bus);
    PQfinish(connection);
    bench_database_drop(bench, &origin);
    bench_database_drop(bench, &following);
}

void bench_end_to_end(bench_round *bench)
{
    end_by_hand(bench);
    end_ours(bench);
}
