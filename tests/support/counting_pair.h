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

/* Are the partitions shared among living processes like this: "8/8"? Has one of them all? */
bool pair_shares_are(const counting_pair *pair, const char *shares);
bool pair_has_all(const counting_pair *pair, const test_child *child);

/* Two stories that must end well however the followers reach their database: of two processes one
 * is killed, or freezes three times for longer than its lease and wakes again. */
void pair_outlives_kill(counting_pair *pair);
void pair_outlives_freeze(counting_pair *pair);

#endif
