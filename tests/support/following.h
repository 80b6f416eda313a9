/* A service that publishes test.v1.Counted and follows itself, straight from its outbox; what its
 * handler does about each message is the test's. Whatever it lets pass is written down in table
 * "fact" of counting.h. */
#ifndef TEST_SUPPORT_FOLLOWING_H
#define TEST_SUPPORT_FOLLOWING_H

#include "test/v1/events.pb-c.h"

#include <skald/skald.h>

/* Called after the fact was written, in the same transaction; runs on workers' threads. */
typedef skald_status following_behaviour(skald_context *context, const Test__V1__Counted *event);

typedef struct following_options {
    following_behaviour *behaviour; /* NULL: all is well */
    const skald_policy *policy;
    uint64_t expire_ms;
    uint32_t workers;
} following_options;

/* Starts "shop" on this database, and makes its tables. End it with following_end. */
skald_service *following_start(const char *database, const following_options *options);
void following_end(skald_service *service);

/* From now on; any thread. */
void following_behave(following_behaviour *behaviour);

/* Publishes the next number of this key, with a note for the behaviour. */
void following_publish(skald_service *service, const char *database, const char *key,
                       const char *note);

/* How many log lines with this id there were since the last start. */
unsigned following_log_count(const char *id);

/* The numbers that were written down of a key, in order: "1 2 3". Valid as database_text's. */
const char *following_facts(const char *database, const char *key);

/* "state/attempts/class" of the jobs of a key in order, with blanks between. */
const char *following_jobs(const char *database, const char *key);

/* The first integer of a question with one "%s". */
int64_t following_count(const char *database, const char *format, const char *value);

/* Makes the follower full or gives it room. The keeper, which knows better, is kept from changing
 * it back. */
void following_fill(const char *database, bool full);

/* From now on skald.now() of this database can be moved: it is ahead of the clock by so much in
 * all. */
void following_clock_ahead(const char *database, const char *interval);

#endif
