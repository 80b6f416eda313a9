/* What the keeper's files share; keeper.h is the door. */
#ifndef SKALD_KEEPER_PARTS_H
#define SKALD_KEEPER_PARTS_H

#include "keeper/alert_command.h"
#include "keeper/keeper.h"
#include "outbox/bell.h"
#include "pg/connection.h"

#include <pthread.h>

enum {
    SKALD_KEEPER_WATCHES_MAX = 256,
    SKALD_KEEPER_DUTIES = 9,
    SKALD_KEEPER_STEP_MAX = 1000, /* rows changed by one transaction */
};

/* The caps of one subscription, and when they are looked at next. */
typedef struct skald_keeper_watch_row {
    const char *name;
    bool is_queue;
    skald_caps caps;
    uint64_t next_ms;
} skald_keeper_watch_row;

/* What an alert is about, as skald.alert names it. */
typedef struct skald_keeper_alert {
    char subscription[128];
    char fingerprint[64];
    char last_at[64]; /* of the group's youngest job, as text of PostgreSQL */
    int64_t wait;     /* of a flow: the expectation, skald.flow_wait.id; 0: of none */
    bool many;        /* of a flow: all that are like it, up to last_at */
} skald_keeper_alert;

struct skald_keeper {
    skald_keeper_options options;
    skald_bell bell;
    atomic_bool leads;
    atomic_bool stopping;
    atomic_uint_fast64_t seen;      /* of options.delayed, at the last look */
    atomic_uint_fast64_t recent_ms; /* until when rings wake it, because there was something */

    /* The rest belongs to the keeper's thread. */
    pthread_t thread;
    uint64_t heard;
    skald_pg *pg;
    bool outage;
    bool failing[SKALD_KEEPER_DUTIES]; /* said already */
    uint64_t next_ms[SKALD_KEEPER_DUTIES];
    skald_keeper_watch_row watches[SKALD_KEEPER_WATCHES_MAX];
    uint32_t watch_count;
    skald_alert_command command; /* that is being told, if it runs */
    skald_keeper_alert telling;  /* what of */
    bool alert_unsent;           /* said already */
};

/* One duty: does what is due, a step of it at least. `*wait_ms` is how long it may wait until its
 * next turn; it lowers that when there is more to do, to 0 when there is at once. */
typedef skald_status skald_keeper_duty(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error);

skald_keeper_duty skald_keeper_delayed;
skald_keeper_duty skald_keeper_schedules;
skald_keeper_duty skald_keeper_operations;
skald_keeper_duty skald_keeper_expire;
skald_keeper_duty skald_keeper_forget;
skald_keeper_duty skald_keeper_caps;
skald_keeper_duty skald_keeper_alerts;
skald_keeper_duty skald_keeper_flows;
skald_keeper_duty skald_keeper_sagas;

/* The keeper leads no more: what a command has come to by now is noted, and it is ended. */
void skald_keeper_alerts_end(skald_keeper *keeper);

/* What alerts.c asks about flows: is there something to tell, what is it in words (in the columns
 * of all alerts), and people were told of it or could not be. */
skald_status skald_keeper_flow_find(skald_keeper_alert *out, bool *found, skald_keeper *keeper,
                                    skald_error *error);
skald_status skald_keeper_flow_describe(skald_rows **rows, skald_keeper *keeper,
                                        const skald_keeper_alert *alert, skald_error *error);
skald_status skald_keeper_flow_note(skald_keeper *keeper, const skald_keeper_alert *alert,
                                    bool told, skald_error *error);

/* A transaction of several statements on keeper->pg. PostgreSQL ends it if the process freezes in
 * the midst of it. */
skald_status skald_keeper_begin(skald_keeper *keeper, skald_error *error);

/* Commits when `status` is SKALD_OK, else rolls back and leaves status and `error` as they are,
 * unless the connection is lost. */
skald_status skald_keeper_end(skald_keeper *keeper, skald_status status, skald_error *error);

/* Lowers `*wait_ms` to `other_ms`. */
void skald_keeper_sooner(uint32_t *wait_ms, int64_t other_ms);

#endif
