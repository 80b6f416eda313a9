/* A queue as it is listed and shown. */
#ifndef SKALD_CLI_QUEUE_COLUMNS_H
#define SKALD_CLI_QUEUE_COLUMNS_H

#include "cli/listing.h"

extern const listing_column queue_columns[];

/* clang-format off */
#define QUEUE_SQL \
    "SELECT v.name, CASE WHEN v.paused THEN 'paused' WHEN v.breaker_since IS NOT NULL THEN" \
    " 'circuit open' WHEN v.full_since IS NOT NULL THEN 'full' ELSE 'open' END, v.waiting," \
    " v.running, v.dead, " SQL_TIME("v.oldest_due") ", v.concurrency, v.rate, v.burst," \
    " v.key_concurrency, v.key_rate, q.key_burst, v.ordered, v.paused, v.breaker_failures," \
    " q.breaker_open_ms, v.failures_in_row, " SQL_TIME("v.breaker_since") ", " \
    SQL_TIME("v.full_since") ", q.expire_ms, q.keep_ms, q.tokens" \
    " FROM skald.v_queue AS v JOIN skald.queue AS q ON q.name = v.name"
/* clang-format on */

#endif
