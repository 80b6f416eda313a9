/* The relay's loop: read, publish, let confirmations come in, wait for the bell; and when anything
 * breaks, look where the stream ends and go on from there. Where that is: relay_resume.c. What else
 * a leading relay does: relay_keeper.c. */
#include "outbox/relay.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "event/cloudevents.h"
#include "outbox/relay_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <skald/backoff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    ROOM_MS = 500,        /* one wait for room in the chain's window */
    CONFIRM_LOOK_MS = 5,  /* while something is in flight */
    SETTLE_MS = 2000,     /* what is in flight when it stops leading */
    SAY_AGAIN_MS = 60000, /* one and the same trouble */
    STAND_BY_MS = 60000,  /* the bell rings when that changes */
    LOUD_MS = 5000,       /* until it looks again where a person has to act */
};

static const skald_backoff relay_backoff = {.delay_ms_min = 50, .delay_ms_max = 1000};

static bool works(const skald_relay *relay)
{
    return atomic_load(&relay->leads) && !atomic_load(&relay->stopping);
}

/* What the chain has confirmed since the last look. */
static void confirmed_note(skald_relay *relay)
{
    int64_t position = 0;
    const uint64_t count = skald_chain_confirmed(relay->chain, &position);
    if (count == relay->counted)
        return;
    atomic_fetch_add(relay->options.relayed, count - relay->counted);
    relay->counted = count;
    atomic_store(&relay->confirmed, position);
    skald_crash_here(SKALD_CRASH_RELAY_CONFIRMED);
}

/* A row that somebody inserted past Skald's own functions may not fit into any subject. It is not
 * skipped: order and completeness are promised, and a person has to decide. */
static skald_status row_check(const skald_relay *relay, const skald_message *row,
                              skald_error *error)
{
    const char *wrong = NULL;
    if (row->partition >= relay->options.partitions)
        wrong = "partition";
    else if (row->kind != SKALD_KIND_EVENT && row->kind != SKALD_KIND_COMMAND &&
             row->kind != SKALD_KIND_REPLY)
        wrong = "kind";
    else if ((row->kind == SKALD_KIND_EVENT) != (row->addressee == NULL) ||
             (row->addressee != NULL && !skald_addressee_valid(row->addressee)))
        wrong = "addressee";
    else if (row->type[0] == '\0' || strlen(row->type) > SKALD_TYPE_SIZE_MAX ||
             strpbrk(row->type, " \t\r\n*>") != NULL || row->type[0] == '.' ||
             strstr(row->type, "..") != NULL || row->type[strlen(row->type) - 1] == '.')
        wrong = "type";
    if (wrong == NULL)
        return SKALD_OK;
    return skald_error_set(error, SKALD_DATABASE,
                           "the outbox row at position %" PRId64
                           " has a %s that no subject can carry, so the relay stops there",
                           row->position, wrong);
}

static skald_status row_publish(skald_relay *relay, const skald_message *row, skald_error *error)
{
    const skald_status checked = row_check(relay, row, error);
    if (checked != SKALD_OK)
        return checked;
    skald_message message = *row;
    message.previous = relay->previous[row->partition];
    skald_status status = SKALD_FULL;
    while (status == SKALD_FULL && works(relay))
        status = skald_chain_publish(relay->chain, &message, ROOM_MS, error);
    if (status == SKALD_OK)
        relay->previous[row->partition] = row->position;
    return status;
}

static skald_status rows_publish(skald_relay *relay, const skald_message *rows, size_t count,
                                 skald_error *error)
{
    skald_crash_here(SKALD_CRASH_RELAY_ROWS_READ);
    for (size_t i = 0; i < count; i++) {
        const skald_status status = row_publish(relay, &rows[i], error);
        if (status != SKALD_OK)
            return status;
    }
    skald_chain_flush(relay->chain);
    skald_crash_here(SKALD_CRASH_RELAY_PUBLISHED);
    return SKALD_OK;
}

/* One reading. Confirmations are not waited for: they come while the next rows are read. */
static skald_status relay_round(skald_relay *relay, skald_error *error)
{
    const skald_message *rows = NULL;
    size_t count = 0;
    uint32_t wait_ms = 0;
    skald_status status = skald_outbox_reader_next(relay->reader, &rows, &count, &wait_ms, error);
    if (status == SKALD_OK && count > 0)
        status = rows_publish(relay, rows, count, error);
    confirmed_note(relay);
    if (status == SKALD_OK)
        status = skald_chain_state(relay->chain, error);
    if (status != SKALD_OK || wait_ms == 0)
        return status;
    const bool in_flight =
        skald_outbox_reader_position(relay->reader) > atomic_load(&relay->confirmed);
    if (in_flight && wait_ms > CONFIRM_LOOK_MS)
        wait_ms = CONFIRM_LOOK_MS;
    skald_bell_wait(relay->options.bell, &relay->heard, wait_ms);
    return SKALD_OK;
}

/* Ends the way the rows take; the connection to PostgreSQL stays when it can. */
static void way_close(skald_relay *relay)
{
    skald_outbox_reader_close(relay->reader);
    relay->reader = NULL;
    skald_chain_close(relay->chain);
    relay->chain = NULL;
    if (relay->pg != NULL && !skald_pg_alive(relay->pg)) {
        skald_pg_close(relay->pg);
        relay->pg = NULL;
    }
}

static void way_settle(skald_relay *relay)
{
    if (relay->chain == NULL)
        return;
    (void)skald_chain_settle(relay->chain, SETTLE_MS, NULL);
    confirmed_note(relay);
}

static const char *trouble_id(skald_status status)
{
    switch (status) {
    case SKALD_HISTORY_LOST:
        return "RELAY-HISTORY-LOST";
    case SKALD_FENCED:
        return "RELAY-FENCED";
    case SKALD_UNSAFE:
        return "RELAY-UNSAFE";
    default:
        return "RELAY-WAITS";
    }
}

/* Does it need a person? */
static bool trouble_is_loud(skald_status status)
{
    return status == SKALD_HISTORY_LOST || status == SKALD_UNSAFE;
}

/* Once per outage, and again after a while. */
static void trouble_say(skald_relay *relay, skald_status status, const skald_error *error)
{
    const uint64_t now_ms = skald_clock_ms();
    if (status == relay->said && now_ms - relay->said_ms < SAY_AGAIN_MS)
        return;
    relay->said = status;
    relay->said_ms = now_ms;
    skald_log_say(relay->options.log, trouble_is_loud(status) ? SKALD_LOG_ERROR : SKALD_LOG_WARNING,
                  trouble_id(status), "%s", error->text);
}

/* Waits, but not longer than it leads. */
static void pause_for(skald_relay *relay, uint32_t wait_ms)
{
    const uint64_t end_ms = skald_clock_ms() + wait_ms;
    for (uint64_t now_ms = skald_clock_ms(); works(relay) && now_ms < end_ms;
         now_ms = skald_clock_ms())
        skald_bell_wait(relay->options.bell, &relay->heard, (uint32_t)(end_ms - now_ms));
}

static void trouble_wait(skald_relay *relay, skald_status status)
{
    uint64_t random = 0;
    (void)getrandom(&random, sizeof random, GRND_NONBLOCK);
    relay->failures++;
    if (trouble_is_loud(status)) {
        atomic_store(&relay->confirmed, -1); /* so that nothing is trimmed meanwhile */
        pause_for(relay, LOUD_MS);
    } else {
        pause_for(relay, skald_backoff_delay_ms(&relay_backoff, relay->failures, random));
    }
}

/* After the first round that worked: what was wrong is over, and where it goes on is said, but not
 * again and again for one place. */
static void recovery_say(skald_relay *relay)
{
    const skald_relay_place *place = &relay->place;
    relay->failures = 0;
    if (relay->said == SKALD_OK && place->position == relay->said_position &&
        place->last_sequence == relay->said_sequence)
        return;
    relay->said = SKALD_OK;
    relay->said_position = place->position;
    relay->said_sequence = place->last_sequence;
    skald_log_say(relay->options.log, SKALD_LOG_INFO, "RELAY-RESUMES",
                  "relaying from position %" PRId64 ", behind sequence %" PRIu64
                  " of stream \"%s\"",
                  place->position, place->last_sequence, relay->options.service);
}

/* From one resumption to the next trouble. */
static void way_run(skald_relay *relay)
{
    skald_error error = {0};
    skald_status status = skald_relay_resume(relay, &error);
    if (status == SKALD_OK) {
        relay->counted = 0;
        status = relay_round(relay, &error);
        if (status == SKALD_OK)
            recovery_say(relay);
    }
    while (status == SKALD_OK && works(relay))
        status = relay_round(relay, &error);
    const bool broken = status != SKALD_OK && works(relay);
    if (!broken)
        way_settle(relay);
    way_close(relay);
    if (broken) {
        trouble_say(relay, status, &error);
        trouble_wait(relay, status);
    }
}

static void on_bell(void *user, const skald_nats_view *message)
{
    (void)message;
    skald_relay *relay = user;
    skald_bell_ring(relay->options.bell);
}

static skald_status listen_one(skald_nats_listener **listener, skald_relay *relay,
                               const char *format, skald_nats_callback *callback,
                               skald_error *error)
{
    char subject[128];
    const int size = snprintf(subject, sizeof subject, format, relay->options.service);
    assert(size > 0 && (size_t)size < sizeof subject);
    (void)size;
    if (*listener != NULL)
        return SKALD_OK;
    return skald_nats_listen(listener, relay->options.nats, subject, callback, relay, error);
}

static skald_status listen_all(skald_relay *relay, skald_error *error)
{
    skald_status status = listen_one(&relay->bell_listener, relay, "skald.bell.%s", on_bell, error);
    if (status == SKALD_OK)
        status = listen_one(&relay->missing_listener, relay, "skald.relay.%s.missing",
                            skald_relay_hear_missing, error);
    if (status == SKALD_OK)
        status = listen_one(&relay->reached_listener, relay, "skald.relay.%s.reached",
                            skald_relay_hear_reached, error);
    return status;
}

static void unlisten_all(skald_relay *relay)
{
    skald_nats_unlisten(relay->bell_listener);
    skald_nats_unlisten(relay->missing_listener);
    skald_nats_unlisten(relay->reached_listener);
    relay->bell_listener = relay->missing_listener = relay->reached_listener = NULL;
}

static void lead(skald_relay *relay)
{
    skald_error error = {0};
    skald_log_say(relay->options.log, SKALD_LOG_INFO, "RELAY-LEADS", "this process relays now");
    while (works(relay)) {
        const skald_status status = listen_all(relay, &error);
        if (status == SKALD_OK) {
            way_run(relay);
        } else {
            trouble_say(relay, status, &error);
            trouble_wait(relay, status);
        }
    }
    unlisten_all(relay);
    skald_pg_close(relay->pg);
    relay->pg = NULL;
    atomic_store(&relay->confirmed, -1);
    skald_log_say(relay->options.log, SKALD_LOG_INFO, "RELAY-STANDS-BY",
                  "this process relays no more");
}

static void *relay_run(void *argument)
{
    skald_relay *relay = argument;
    while (!atomic_load(&relay->stopping)) {
        if (works(relay))
            lead(relay);
        else
            skald_bell_wait(relay->options.bell, &relay->heard, STAND_BY_MS);
    }
    return NULL;
}

/* Signals are the program's business. */
static int thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

skald_status skald_relay_open(skald_relay **out, const skald_relay_options *options,
                              skald_error *error)
{
    assert(options->partitions >= 1 && options->partitions <= SKALD_PARTITIONS_MAX);
    skald_relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the relay");
    relay->options = *options;
    if (relay->options.retention_seconds == 0)
        relay->options.retention_seconds = SKALD_RELAY_RETENTION_SECONDS;
    atomic_init(&relay->confirmed, -1);
    snprintf(relay->source, sizeof relay->source, "/%s", options->service);
    const skald_status status = skald_relay_keeper_start(relay, error);
    if (status != SKALD_OK) {
        free(relay);
        return status;
    }
    if (thread_start(&relay->thread, relay_run, relay) != 0) {
        skald_relay_keeper_stop(relay);
        free(relay);
        return skald_error_set(error, SKALD_NO_MEMORY, "no thread for the relay");
    }
    *out = relay;
    return SKALD_OK;
}

void skald_relay_lead(skald_relay *relay, bool leads)
{
    atomic_store(&relay->leads, leads);
    skald_bell_ring(relay->options.bell);
}

bool skald_relay_leads(const skald_relay *relay)
{
    return atomic_load(&relay->leads);
}

int64_t skald_relay_confirmed(const skald_relay *relay)
{
    return atomic_load(&relay->confirmed);
}

void skald_relay_close(skald_relay *relay)
{
    if (relay == NULL)
        return;
    atomic_store(&relay->stopping, true);
    skald_bell_ring(relay->options.bell);
    pthread_join(relay->thread, NULL);
    skald_relay_keeper_stop(relay);
    free(relay);
}
