/* A pair of services whose books can be checked: one publishes test.v1.Counted with the numbers 1,
 * 2, 3, ... of each key, the other writes down every one it handles. Nothing in its table prevents
 * a double or a disorder, so that a mistake of ours would show. */
#ifndef TEST_SUPPORT_COUNTING_H
#define TEST_SUPPORT_COUNTING_H

#include "support/child.h"

#include <skald/skald.h>

/* Makes the tables of either side; both may share a database. */
void counting_prepare(const char *database);

/* Publishes the next number of keys "k0".."k<keys - 1>" in turn, `count` events in transactions of
 * up to `per_transaction`, through a service that runs. */
void counting_publish(skald_service *service, const char *database, int keys, int count,
                      int per_transaction);

/* Starts a service that publishes, with a relay when `nats_url` is given; the caller stops it. */
skald_service *counting_publisher(const char *name, const char *database, const char *nats_url);

/* The handler: writes the event into table "fact". */
extern const skald_handler counting_handler[1];

/* A follower as a process of its own, without a supervisor: a signal hits what works. */
typedef struct counting_child_options {
    const char *service;
    const char *stream;
    const char *database;
    const char *nats_url; /* NULL: without NATS */
    const char *crash;    /* SKALD_CRASH; NULL: none */
    int lease_ms;         /* 0: 1000 */
    int workers;          /* 0: default */
    int handler_ms;       /* how long the handler takes; 0: no time */
} counting_child_options;

test_child *counting_child(const counting_child_options *options);

/* First thing in main(): becomes that process when the program was started as one, and does not
 * return then. */
void counting_child_become(int argc, char **argv);

/* How many events were written down. */
int64_t counting_facts(const char *database);

/* Waits until so many were. Fails the test, with what the follower has said, if it ends before. */
void counting_await(test_child *follower, const char *database, int64_t count);

/* Fails the test unless each of the keys has the numbers 1..count/keys, once each, in order. */
void counting_expect(const char *database, int keys, int count);

#endif
