/* The two services of counting.h, each with its database, under one name that no other pair has:
 * the publisher in the test's own process, followers as children. */
#ifndef TEST_SUPPORT_COUNTING_PAIR_H
#define TEST_SUPPORT_COUNTING_PAIR_H

#include "support/counting.h"

enum { PAIR_KEYS = 20 };

typedef struct counting_pair {
    char *origin;    /* the publisher's database */
    char *following; /* the followers' */
    skald_service *publisher;
    counting_child_options child; /* a follower; change it as you like */
    int published;
} counting_pair;

counting_pair pair_begin(void);
void pair_end(counting_pair *pair);

/* Publishes one event of each of PAIR_KEYS keys, and is true: under load, wait for
 * pair_load(&pair) && fact. */
bool pair_load(counting_pair *pair);

/* Waits until everything that was published is written down, and checks the books: once each, in
 * order, and no epoch or position ever fell. */
void pair_expect(const counting_pair *pair);

/* SIGTERM drains a follower: it ends with 0. Frees it. */
void pair_child_stop(test_child *child);

/* How the partitions are shared among living processes: "8/8". With a `pid`, how many it has. */
const char *pair_shares(const counting_pair *pair);
int64_t pair_share_of(const counting_pair *pair, pid_t pid);

#endif
