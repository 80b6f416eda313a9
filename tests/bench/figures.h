/* What was measured, over several rounds, and how it is shown. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "bench/cost.h"

#include <stdbool.h>

/* Name, id in JSON, words, unit, and the figure that it is compared with (itself: none). */
#define FIGURE_LIST(X)                                                                             \
    X(HOP_HAND_P50, "hop_hand_p50", "hop by hand, p50", "us", HOP_HAND_P50)                        \
    X(HOP_P50, "hop_p50", "hop, p50", "us", HOP_HAND_P50)                                          \
    X(HOP_DIRECT_P50, "hop_direct_p50", "hop without NATS, p50", "us", HOP_HAND_P50)               \
    X(HOP_HAND_P99, "hop_hand_p99", "hop by hand, p99", "us", HOP_HAND_P99)                        \
    X(HOP_P99, "hop_p99", "hop, p99", "us", HOP_HAND_P99)                                          \
    X(HOP_DIRECT_P99, "hop_direct_p99", "hop without NATS, p99", "us", HOP_HAND_P99)               \
    X(WRITE_ONE_HAND, "write_one_hand", "INSERT, one per transaction", "/s", WRITE_ONE_HAND)       \
    X(WRITE_ONE, "write_one", "publish_on, one per transaction", "/s", WRITE_ONE_HAND)             \
    X(WRITE_MANY_HAND, "write_many_hand", "INSERT, 100 per transaction", "/s", WRITE_MANY_HAND)    \
    X(WRITE_MANY, "write_many", "publish_on, 100 per transaction", "/s", WRITE_MANY_HAND)          \
    X(WRITE_BATCH_HAND, "write_batch_hand", "INSERTs pipelined, 256 per transaction", "/s",        \
      WRITE_BATCH_HAND)                                                                            \
    X(WRITE_BATCH, "write_batch", "read, handled, answered by an event", "/s", WRITE_BATCH_HAND)   \
    X(RELAY_HAND, "relay_hand", "js_PublishAsync from memory", "/s", RELAY_HAND)                   \
    X(RELAY, "relay", "relay, from a full outbox", "/s", RELAY_HAND)                               \
    X(FOLLOW_HAND, "follow_hand", "Fetch 256, INSERTs pipelined", "/s", FOLLOW_HAND)               \
    X(FOLLOW, "follow", "follower, one INSERT each", "/s", FOLLOW_HAND)                            \
    X(END_HAND, "end_to_end_hand", "end to end by hand", "/s", END_HAND)                           \
    X(END, "end_to_end", "end to end", "/s", END_HAND)                                             \
    X(QUEUE_HAND, "queue_hand", "SKIP LOCKED, one job per transaction", "/s", QUEUE_HAND)          \
    X(QUEUE, "queue", "jobs of a queue", "/s", QUEUE_HAND)                                         \
    X(SAGA_HAND, "saga_hand", "saga by hand, four plain commits", "/s", SAGA_HAND)                 \
    X(SAGA, "saga", "sagas of four local steps", "/s", SAGA_HAND)                                  \
    X(SAGA_EACH, "saga_each", "sagas, each step commits", "/s", SAGA_HAND)                         \
    X(SAGA_SET, "saga_set", "sagas by hand, set-based, 64 at a time", "/s", SAGA_HAND)             \
    X(SAGA_HAND_COMMITS, "saga_hand_commits", "commits per 1,000 sagas: by hand", "",              \
      SAGA_HAND_COMMITS)                                                                           \
    X(SAGA_COMMITS, "saga_commits", "  sagas", "", SAGA_HAND_COMMITS)                              \
    X(SAGA_EACH_COMMITS, "saga_each_commits", "  sagas, each step commits", "", SAGA_HAND_COMMITS) \
    X(SAGA_SET_COMMITS, "saga_set_commits", "  by hand, set-based", "", SAGA_HAND_COMMITS)         \
    X(SAGA_HAND_P50, "saga_hand_p50", "start to end by hand, p50", "us", SAGA_HAND_P50)            \
    X(SAGA_P50, "saga_p50", "saga, start to end, p50", "us", SAGA_HAND_P50)                        \
    X(SAGA_EACH_P50, "saga_each_p50", "saga, each step commits, p50", "us", SAGA_HAND_P50)         \
    X(SAGA_HAND_P99, "saga_hand_p99", "start to end by hand, p99", "us", SAGA_HAND_P99)            \
    X(SAGA_P99, "saga_p99", "saga, start to end, p99", "us", SAGA_HAND_P99)                        \
    X(SAGA_EACH_P99, "saga_each_p99", "saga, each step commits, p99", "us", SAGA_HAND_P99)

typedef enum figure_id {
#define FIGURE_ENUM(name, id, words, unit, compared) FIGURE_##name,
    FIGURE_LIST(FIGURE_ENUM)
#undef FIGURE_ENUM
        FIGURE_COUNT
} figure_id;

enum { FIGURE_ROUNDS_MAX = 99 };

typedef struct figure {
    unsigned count;
    double values[FIGURE_ROUNDS_MAX];
    cost costs[FIGURE_ROUNDS_MAX]; /* zero where it was not asked */
} figure;

typedef struct figure_table {
    figure of[FIGURE_COUNT];
} figure_table;

/* One round's value, and what an event cost (NULL: not known). */
void figures_note(figure_table *figures, figure_id id, double value, const cost *per_event_us);

/* A table for people: median, range, and the ratio to the same work by hand. */
void figures_print(const figure_table *figures);

/* One object on one line. */
void figures_print_json(const figure_table *figures, unsigned rounds, unsigned events);

#endif
