/* The same work as a team would write it that uses libpq and cnats and nothing else: what Skald is
 * measured against. */
#ifndef BENCH_BY_HAND_H
#define BENCH_BY_HAND_H

#include "bench/bench.h"

#include <libpq-fe.h>
#include <nats/nats.h>
#include <stdatomic.h>

/* ---- PostgreSQL ---- */

PGconn *hand_connect(const bench_database *database);

/* Runs one statement without parameters and without an answer. */
void hand_run(PGconn *connection, const char *sql);

/* Inserts event number `i` into the outbox and waits. */
void hand_insert(PGconn *connection, uint32_t i);

/* Sends that INSERT, or that of a fact, in pipeline mode; hand_commit sends COMMIT, waits for all
 * and leaves the connection ready for the next BEGIN. */
void hand_begin(PGconn *connection);
void hand_insert_send(PGconn *connection, uint32_t i);
void hand_fact_send(PGconn *connection, const void *body, size_t size);
void hand_commit(PGconn *connection);

/* ---- NATS ---- */

typedef struct hand_bus {
    natsConnection *connection;
    jsCtx *stream;
} hand_bus;

hand_bus hand_bus_open(bench_round *bench);
void hand_bus_close(hand_bus *bus);

void hand_stream_make(hand_bus *bus, const char *name);
void hand_stream_delete(hand_bus *bus, const char *name);

/* Publishes event number `i`: waiting for the confirmation, or not. */
void hand_publish(hand_bus *bus, const char *stream, uint32_t i);
void hand_publish_async(hand_bus *bus, const char *stream, uint32_t i);
void hand_publish_settle(hand_bus *bus);

/* ---- A consumer: a thread that fetches, inserts facts, commits and acknowledges ---- */

typedef struct hand_consumer hand_consumer;

hand_consumer *hand_consumer_start(bench_round *bench, const char *stream,
                                   const bench_database *database, int batch);
uint64_t hand_consumer_handled(void *consumer);
void hand_consumer_end(hand_consumer *consumer);

#endif
