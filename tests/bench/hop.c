/* How long from a commit to the commit of its handler, when there is little to do: one event at a
 * time, the next one at its appointed moment. */
#include "bench/by_hand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_US = 20, WARM_UP = 20 };

/* Publishes one event; returns when its transaction was committed. */
typedef void publish_function(void *publisher, uint32_t i);
/* What comes after the commit. */
typedef void announce_function(void *publisher, uint32_t i);

static void moment_await(uint64_t moment_ns)
{
    const struct timespec moment = {(time_t)(moment_ns / 1000000000u),
                                    (long)(moment_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR) {
    }
}

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void hops_measure(bench_round *bench, figure_id p50, figure_id p99,
                         publish_function *publish, announce_function *announce, void *publisher,
                         bench_counter *handled, void *handler)
{
    uint64_t *taken = calloc(bench->hops, sizeof *taken);
    if (taken == NULL)
        bench_die("no memory");
    uint64_t next_ns = bench_clock_ns();
    for (uint32_t i = 0; i < WARM_UP + bench->hops; i++) {
        moment_await(next_ns);
        publish(publisher, i);
        const uint64_t committed_ns = bench_clock_ns();
        announce(publisher, i);
        bench_await(handled, handler, i + 1, LOOK_US);
        if (i >= WARM_UP)
            taken[i - WARM_UP] = bench_clock_ns() - committed_ns;
        next_ns += 1000000000u / bench->hops_second;
    }
    qsort(taken, bench->hops, sizeof *taken, compare);
    figures_note(bench->figures, p50, (double)taken[bench->hops / 2] / 1e3, NULL);
    figures_note(bench->figures, p99, (double)taken[bench->hops * 99 / 100] / 1e3, NULL);
    free(taken);
}

/* ---- Ours ---- */

typedef struct our_publisher {
    skald_service *service;
    PGconn *connection;
} our_publisher;

static void our_publish(void *user, uint32_t i)
{
    our_publisher *publisher = user;
    bench_publish(publisher->service, publisher->connection, i);
}

static void our_announce(void *user, uint32_t i)
{
    our_publisher *publisher = user;
    (void)i;
    skald_ring(publisher->service);
}

static void through_nats(bench_round *bench)
{
    const bench_database origin = bench_database_new(bench, "hop_origin");
    const bench_database following = bench_database_new(bench, "hop_following");
    char name[32];
    snprintf(name, sizeof name, "hop%u", bench->round);
    our_publisher publisher = {bench_service(bench, name, &origin, true, NULL, NULL),
                               hand_connect(&origin)};
    skald_service *follower =
        bench_service(bench, "following", &following, true, name, bench_insert_handler);
    hops_measure(bench, FIGURE_HOP_P50, FIGURE_HOP_P99, our_publish, our_announce, &publisher,
                 bench_handled, follower);
    bench_service_end(follower);
    bench_service_end(publisher.service);
    PQfinish(publisher.connection);
    bench_database_drop(bench, &origin);
    bench_database_drop(bench, &following);
}

static void without_nats(bench_round *bench)
{
    const bench_database database = bench_database_new(bench, "hop_direct");
    our_publisher publisher = {
        bench_service(bench, "direct", &database, false, "direct", bench_insert_handler),
        hand_connect(&database)};
    hops_measure(bench, FIGURE_HOP_DIRECT_P50, FIGURE_HOP_DIRECT_P99, our_publish, our_announce,
                 &publisher, bench_handled, publisher.service);
    bench_service_end(publisher.service);
    PQfinish(publisher.connection);
    bench_database_drop(bench, &database);
}

/* ---- By hand ---- */

typedef struct hand_publisher {
    PGconn *connection;
    hand_bus bus;
    const char *stream;
} hand_publisher;

static void hand_commit_one(void *user, uint32_t i)
{
    hand_publisher *publisher = user;
    hand_insert(publisher->connection, i);
}

static void hand_announce(void *user, uint32_t i)
{
    hand_publisher *publisher = user;
    hand_publish(&publisher->bus, publisher->stream, i);
}

static void by_hand(bench_round *bench)
{
    const bench_database origin = bench_database_new(bench, "hop_hand_origin");
    const bench_database following = bench_database_new(bench, "hop_hand_following");
    char name[32];
    snprintf(name, sizeof name, "hophand%u", bench->round);
    hand_publisher publisher = {hand_connect(&origin), hand_bus_open(bench), name};
    hand_stream_make(&publisher.bus, name);
    hand_consumer *consumer = hand_consumer_start(bench, name, &following, 1);
    hops_measure(bench, FIGURE_HOP_HAND_P50, FIGURE_HOP_HAND_P99, hand_commit_one, hand_announce,
                 &publisher, hand_consumer_handled, consumer);
    hand_consumer_end(consumer);
    hand_stream_delete(&publisher.bus, name);
    hand_bus_close(&publisher.bus);
    PQfinish(publisher.connection);
    bench_database_drop(bench, &origin);
    bench_database_drop(bench, &following);
}

void bench_hop(bench_round *bench)
{
    by_hand(bench);
    through_nats(bench);
    without_nats(bench);
}
