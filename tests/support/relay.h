/* A relay in the test's own process, and rows for it to carry. */
#ifndef TEST_SUPPORT_RELAY_H
#define TEST_SUPPORT_RELAY_H

#include "outbox/relay.h"

typedef struct test_relay {
    skald_nats *nats;
    skald_bell bell;
    atomic_uint_fast64_t relayed;
    skald_relay *relay;
} test_relay;

/* A relay for `service`, with 16 partitions and a connection of its own, that leads. */
test_relay *relay_start(const char *service, const char *database);

/* The same, given everything back no sooner than `seconds` old, where the default is 7 days. */
test_relay *relay_start_forgetful(const char *service, const char *database, uint32_t seconds);

void relay_free(test_relay *relay);

/* Commits `count` rows in one transaction, over all lanes in turn, without ringing. */
void outbox_add(const char *database, unsigned count);

/* Waits until the stream ends with the outbox's last row. */
void relay_await(skald_nats *nats, const char *service, const char *database);

#endif
