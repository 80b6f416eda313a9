/* Starts and feeds relays. */
#include "support/relay.h"

#include "support/database.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

test_relay *relay_start_forgetful(const char *service, const char *database, uint32_t seconds)
{
    skald_error error;
    test_relay *relay = calloc(1, sizeof *relay);
    assert_non_null(relay);
    relay->nats = stream_connect();
    skald_bell_init(&relay->bell);
    const skald_relay_options options = {
        .service = service,
        .database = database,
        .application = "test-relay",
        .partitions = 16,
        .nats = relay->nats,
        .bell = &relay->bell,
        .log = stream_log(),
        .relayed = &relay->relayed,
        .retention_seconds = seconds,
    };
    assert_ok(skald_relay_open(&relay->relay, &options, &error), &error);
    skald_relay_lead(relay->relay, true);
    return relay;
}

test_relay *relay_start(const char *service, const char *database)
{
    return relay_start_forgetful(service, database, 0);
}

void relay_free(test_relay *relay)
{
    skald_relay_close(relay->relay);
    skald_nats_close(relay->nats);
    skald_bell_done(&relay->bell);
    free(relay);
}

void outbox_add(const char *database, unsigned count)
{
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO skald.outbox (event_id, partition, type, key, body, kind, addressee, control)"
        " SELECT gen_random_uuid(), i %% 16, 'test.v1.Counted', 'k' || i %% 16, '\\x0a016b',"
        " CASE i %% 5 WHEN 0 THEN 'c' WHEN 3 THEN 'r' ELSE 'e' END::\"char\","
        " CASE WHEN i %% 5 IN (0, 3) THEN 'stock' END,"
        " CASE WHEN i %% 5 IN (0, 3) THEN 'Skald-Operation: ж/a/run.1' || chr(10) END"
        " FROM generate_series(1, %u) AS i",
        count);
    database_run(database, sql);
}

void relay_await(skald_nats *nats, const char *service, const char *database)
{
    WAIT_UNTIL(stream_last_position(nats, service) ==
               database_integer(database, "SELECT max(position) FROM skald.outbox"));
}
