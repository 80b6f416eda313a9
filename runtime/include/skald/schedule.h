/* Messages that are published, or jobs that are enqueued, again and again. */
#ifndef SKALD_SCHEDULE_H
#define SKALD_SCHEDULE_H

#include <protobuf-c/protobuf-c.h>
#include <skald/service.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to runs that were due while no process ran. */
typedef enum skald_missed {
    SKALD_MISSED_ONCE = 0, /* one run for all of them */
    SKALD_MISSED_ALL,      /* each of them, 1,000 at most */
    SKALD_MISSED_SKIP,     /* none: the next one in time */
} skald_missed;

typedef struct skald_schedule_options {
    size_t size;           /* sizeof(skald_schedule_options) */
    const char *time_zone; /* a name PostgreSQL knows, such as "Europe/Berlin"; "UTC" */
    skald_missed missed;
    const char *queue; /* enqueue it there; default: publish it as an event of the service */
    const char *key;   /* default: the name of the schedule */
} skald_schedule_options;

#define SKALD_SCHEDULE_OPTIONS_INIT                                                                \
    {                                                                                              \
        .size = sizeof(skald_schedule_options)                                                     \
    }

/* Declares a schedule, before the start: `name` like a service's; `cron` of five fields (minute
 * hour day month weekday, see crontab(5)), "@hourly", "@daily", "@weekly", "@monthly", "@yearly",
 * or
 * "@every 90s" (at least 1 s; counted from the last run). The message is encoded during the call.
 * Each run happens once, whichever process is there, and survives restarts; due by the database's
 * clock. When a clock is put forward (summer time) a run in the hour that is left out happens at
 * its end; when it is put back, a run happens once. A schedule that a program does not declare any
 * more stays until `skald schedule delete`. What is wrong is remembered and answered by
 * skald_service_start too. */
SKALD_API skald_status skald_schedule(skald_service *service, const char *name, const char *cron,
                                      const ProtobufCMessage *message,
                                      const skald_schedule_options *options);

#ifdef __cplusplus
}
#endif

#endif
