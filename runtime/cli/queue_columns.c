/* The columns of QUEUE_SQL. */
#include "cli/queue_columns.h"

const listing_column queue_columns[] = {
    {"name", "NAME", LISTING_TEXT},
    {"state", "STATE", LISTING_TEXT},
    {"waiting", "WAITING", LISTING_COUNT},
    {"running", "RUNNING", LISTING_COUNT},
    {"dead", "DEAD", LISTING_COUNT},
    {"oldest_due", "OLDEST DUE", LISTING_TIME},
    {"concurrency", "CONCURRENCY", LISTING_COUNT},
    {"rate", "RATE", LISTING_REAL},
    {"burst", "BURST", LISTING_COUNT},
    {"key_concurrency", "PER KEY", LISTING_COUNT},
    {"key_rate", "KEY RATE", LISTING_REAL},
    {"key_burst", NULL, LISTING_COUNT},
    {"ordered", "ORDERED", LISTING_BOOLEAN},
    {"paused", NULL, LISTING_BOOLEAN},
    {"breaker_failures", NULL, LISTING_COUNT},
    {"breaker_open_ms", NULL, LISTING_COUNT},
    {"failures_in_row", NULL, LISTING_COUNT},
    {"breaker_since", NULL, LISTING_TIME},
    {"full_since", NULL, LISTING_TIME},
    {"expire_ms", NULL, LISTING_COUNT},
    {"keep_ms", NULL, LISTING_COUNT},
    {"tokens", NULL, LISTING_REAL},
    {0},
};
