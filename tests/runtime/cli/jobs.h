/* Rows made by hand: jobs of a follower and of a queue, in every state that matters. */
#ifndef TEST_CLI_JOBS_H
#define TEST_CLI_JOBS_H

#include "asking.h"

/* Job 1 to 3 are dead of one cause, 4 waits behind 3; 5 waits and 6 runs in queue "emails". */
static inline const char *given_jobs(void)
{
    const char *database = database_new();
    database_run(
        database,
        "INSERT INTO skald.service (name, partitions) VALUES ('shop', 16);"
        "INSERT INTO skald.follower (name, stream, partitions) VALUES ('payments', 'shop', 16);"
        "INSERT INTO skald.queue (name, concurrency, rate) VALUES ('emails', 4, 50);"
        "INSERT INTO skald.job (follower, partition, state, position, attempts, reason, sqlstate,"
        " message_id, type, key, headers, body, ended_at, fingerprint, holds)"
        " SELECT 'payments', 3, 'dead', i, 5, E'the currency \\x1b[31mEU is not known', '22P02',"
        " '0192f3c1-0000-7000-8000-00000000000' || i, 'shop.v1.OrderCreated', 'order-' || i,"
        " E'tenant: acme\\n', '\\x0a0161', skald.now(), 'abc123', true"
        " FROM generate_series(1, 3) AS i;"
        "INSERT INTO skald.job (follower, partition, state, position, type, key, body)"
        " VALUES ('payments', 3, 'parked', 9, 'shop.v1.OrderPaid', 'order-3', '');"
        "SELECT skald.enqueue('shop', 'emails', '0192f3c1-0000-7000-9000-00000000000' || i, 1::"
        "smallint, 'shop.v1.Mail', 'k' || i, ''::bytea, 2::smallint, 60000, NULL, NULL, NULL,"
        " '/shop', NULL, NULL, NULL, NULL, NULL) FROM generate_series(5, 6) AS i;"
        "UPDATE skald.job SET state = 'running', started_at = skald.now() WHERE id = 6;"
        "INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, error, sqlstate,"
        " host, pid, signal, backtrace) VALUES (1, 1, 'crashed', skald.now() - interval '2 s',"
        " skald.now(), 'it fell over', '22P02', 'node-a', 4711, 'SIGSEGV', E'#0 parse\\n#1 run');");
    return database;
}

#endif
