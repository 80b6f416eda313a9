/* What a civil time means is asked of PostgreSQL; which one is next is decided by sagas/cron.h. */
#include "keeper/civil.h"

#include <stdio.h>
#include <string.h>

/* A clock put back brings at most a day twice: so many minutes are looked through at most until one
 * comes that is really later. */
enum { CIVIL_TRIES_MAX = 2 * 24 * 60, CIVIL_TEXT_SIZE = 64 };

skald_status skald_civil_zone_check(skald_pg *pg, const char *name, const char *zone,
                                    skald_error *error)
{
    skald_error refused = {0};
    const skald_status status =
        skald_pg_do(pg, NULL, &refused, "SELECT skald.now() AT TIME ZONE $1", zone);
    if (status == SKALD_DATABASE)
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\" is in time zone \"%.60s\", which PostgreSQL does "
                               "not know: use a name of pg_timezone_names such as "
                               "\"Europe/Berlin\"",
                               name, zone);
    if (status != SKALD_OK && error != NULL)
        *error = refused;
    return status;
}

static skald_status civil_of(skald_civil *out, skald_pg *pg, const char *zone, int64_t time_us,
                             skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error,
                    "SELECT extract(year FROM c)::integer, extract(month FROM c)::integer,"
                    " extract(day FROM c)::integer, extract(hour FROM c)::integer,"
                    " extract(minute FROM c)::integer"
                    " FROM (SELECT (timestamptz 'epoch' + $1::bigint * interval '1 microsecond')"
                    "  AT TIME ZONE $2 AS c) AS t",
                    time_us, zone);
    if (status != SKALD_OK)
        return status;
    *out = (skald_civil){
        .year = (int32_t)skald_rows_integer(rows, 0, 0),
        .month = (int32_t)skald_rows_integer(rows, 0, 1),
        .day = (int32_t)skald_rows_integer(rows, 0, 2),
        .hour = (int32_t)skald_rows_integer(rows, 0, 3),
        .minute = (int32_t)skald_rows_integer(rows, 0, 4),
    };
    skald_rows_free(rows);
    return SKALD_OK;
}

/* For a time in a gap PostgreSQL goes on counting in the offset before it, so the end of the gap is
 * the first minute, up to there, that reads later than what was asked for. For a time that comes
 * twice it takes the second; the first is the one in the offset of the day before. */
static skald_status time_of(int64_t *out, skald_pg *pg, const char *zone, const skald_civil *civil,
                            skald_error *error)
{
    char text[CIVIL_TEXT_SIZE];
    snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:00", civil->year, civil->month,
             civil->day, civil->hour, civil->minute);
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        pg, &rows, error,
        "WITH asked AS (SELECT $1::timestamp AS c, $1::timestamp AT TIME ZONE $2 AS t),"
        " known AS (SELECT c, t, t AT TIME ZONE $2 AS reads, (c - ((t - interval '1 day')"
        "   AT TIME ZONE $2 - (t - interval '1 day') AT TIME ZONE 'UTC')) AT TIME ZONE 'UTC'"
        "  AS before FROM asked)"
        " SELECT (extract(epoch FROM CASE"
        "  WHEN reads <> c THEN (SELECT min(m) FROM generate_series(t - (reads - c), t,"
        "   interval '1 minute') AS m WHERE m AT TIME ZONE $2 > c)"
        "  WHEN before AT TIME ZONE $2 = c THEN least(t, before)"
        "  ELSE t END) * 1000000)::bigint FROM known",
        text, zone);
    if (status != SKALD_OK)
        return status;
    *out = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_civil_next(int64_t *next_us, skald_pg *pg, const skald_cron *cron,
                              const char *zone, int64_t after_us, skald_error *error)
{
    skald_civil civil;
    skald_status status = civil_of(&civil, pg, zone, after_us, error);
    for (int i = 0; i < CIVIL_TRIES_MAX && status == SKALD_OK; i++) {
        civil = skald_cron_next(cron, &civil);
        int64_t found_us = 0;
        status = time_of(&found_us, pg, zone, &civil, error);
        /* In the hour that comes twice, the first of the two may be over. */
        if (status == SKALD_OK && found_us > after_us) {
            *next_us = found_us;
            return SKALD_OK;
        }
    }
    return status != SKALD_OK
               ? status
               : skald_error_set(error, SKALD_INVALID,
                                 "time zone \"%.60s\" has no later time for a schedule", zone);
}

static int civil_compare(const skald_civil *left, const skald_civil *right)
{
    const int32_t pairs[][2] = {{left->year, right->year},
                                {left->month, right->month},
                                {left->day, right->day},
                                {left->hour, right->hour},
                                {left->minute, right->minute}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    }
    return 0;
}

/* How many runs are due from `first` up to `now`, both included. */
static uint64_t runs_count(const skald_cron *cron, skald_civil first, const skald_civil *now)
{
    uint64_t count = 0;
    for (; civil_compare(&first, now) <= 0; first = skald_cron_next(cron, &first))
        count++;
    return count;
}

skald_status skald_civil_skip(int64_t *due_us, skald_pg *pg, const skald_cron *cron,
                              const char *zone, int64_t now_us, uint32_t count_max,
                              skald_error *error)
{
    skald_civil due;
    skald_civil now;
    skald_status status = civil_of(&due, pg, zone, *due_us, error);
    if (status == SKALD_OK)
        status = civil_of(&now, pg, zone, now_us, error);
    if (status != SKALD_OK)
        return status;
    const uint64_t count = runs_count(cron, due, &now);
    if (count <= count_max)
        return SKALD_OK;
    for (uint64_t i = count_max; i < count; i++)
        due = skald_cron_next(cron, &due);
    return time_of(due_us, pg, zone, &due, error);
}
