/* When a schedule is due next, in the civil time of its zone. What civil time means (time zones,
 * summer time) is PostgreSQL's business: the runtime converts. */
#ifndef SKALD_SAGAS_CRON_H
#define SKALD_SAGAS_CRON_H

#include <skald/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct skald_cron {
    uint64_t every_ms; /* "@every 90s": then all else is unused */
    uint64_t minutes;  /* bits 0..59 */
    uint32_t hours;    /* bits 0..23 */
    uint32_t days;     /* bits 1..31 */
    uint16_t months;   /* bits 1..12 */
    uint8_t weekdays;  /* bits 0..6, Sunday is 0 */
    bool any_day;      /* the day of the month had a star, as in crontab(5) also one with a step */
    bool any_weekday;  /* the weekday had one */
} skald_cron;

/* Five fields (minute hour day month weekday; "*", lists, ranges, steps, names of months and
 * weekdays, 7 for Sunday), "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly",
 * "@annually", or "@every DURATION" (1 s at least; ms s m h d and sums such as "1h30m"). When day
 * and weekday both have no star, either is enough, as in crontab(5); else both must fit.
 * SKALD_INVALID names the field and what may stand there; also for a date that never comes ("0 0 30
 * 2 *"). */
skald_status skald_cron_parse(skald_cron *out, const char *text, skald_error *error);

/* A civil date and time without a zone. */
typedef struct skald_civil {
    int32_t year;
    int32_t month; /* 1..12 */
    int32_t day;
    int32_t hour;
    int32_t minute;
} skald_civil;

/* The first time after `after` (that minute not included). Not for @every. */
skald_civil skald_cron_next(const skald_cron *cron, const skald_civil *after);

#endif
