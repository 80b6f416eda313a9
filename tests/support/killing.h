/* A supervised follower of a counting_pair's publisher, whose handlers commit crimes. */
#ifndef TEST_SUPPORT_KILLING_H
#define TEST_SUPPORT_KILLING_H

#include "support/counting_pair.h"

enum { KILLING_KEYS = 200, KILLING_BLOCK = 100 };

/* First thing in main(): becomes that follower when the program was started as one, and does not
 * return then. */
void killing_become(int argc, char **argv);

/* Starts it. By its `plan`: "messages", number 2 of key "k<n>" commits the n-th crime; "jobs", the
 * job that this message becomes does; "load", of
 * messages to KILLING_KEYS keys in turn every hundredth commits one, each time the next of the list
 * (killing_crime). What kills is dead after `crashes_max` times, and its key goes on. */
test_child *killing_start(const counting_pair *pair, const char *plan, int crashes_max);

/* The crime of the message with this index under load; NULL: none. */
const char *killing_crime(long index);

/* Waits until so many messages are dead, and kills the processes of those that wait for it;
 * `*killed` counts these. */
void killing_await(const counting_pair *pair, test_child *child, int *killed, int count);

/* How many messages are dead; how many lines with this id its log has. */
int64_t killing_dead(const counting_pair *pair);
int killing_log_count(test_child *child, const char *id);

/* Fails the test unless so many messages were handled once each and in order, the others are dead,
 * and nothing is left over. */
void killing_expect(const counting_pair *pair, int count);

/* The whole story of a plan but "load": fails the test unless everything that commits a crime is
 * dead after three attempts that tell how and where, and all others were handled once each and in
 * order. */
void killing_expect_survival(const char *plan, int crashes);

#endif
