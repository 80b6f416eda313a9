/* The keeper: the relay's second thread, for what must not hold up the first. */
#include "base/clock.h"
#include "outbox/relay_parts.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS_PER_TRIM = 12 }; /* of housekeeping: once a minute */

/* Copies a message into the queue. Who finds it full asks again later. */
static void request_queue(skald_relay *relay, const skald_nats_view *message, bool missing)
{
    skald_relay_keeper *keeper = &relay->keeper;
    const char *reply = message->reply != NULL ? message->reply : "";
    if (message->body.size > SKALD_RELAY_REQUEST_SIZE_MAX ||
        strlen(reply) >= SKALD_RELAY_REPLY_SIZE_MAX || (missing && reply[0] == '\0'))
        return;
    pthread_mutex_lock(&keeper->mutex);
    if (keeper->request_count < SKALD_RELAY_REQUESTS_MAX) {
        skald_relay_request *request = &keeper->requests[keeper->request_count++];
        request->missing = missing;
        request->size = message->body.size;
        if (message->body.size > 0)
            memcpy(request->body, message->body.data, message->body.size);
        snprintf(request->reply, sizeof request->reply, "%s", reply);
        pthread_cond_signal(&keeper->wanted);
    }
    pthread_mutex_unlock(&keeper->mutex);
}

void skald_relay_hear_missing(void *relay, const skald_nats_view *message)
{
    request_queue(relay, message, true);
}

void skald_relay_hear_reached(void *relay, const skald_nats_view *message)
{
    request_queue(relay, message, false);
}

/* Waits for a request or until `deadline_ms`; false when it is to stop. */
static bool request_take(skald_relay_keeper *keeper, uint64_t deadline_ms,
                         skald_relay_request *request, bool *taken)
{
    pthread_mutex_lock(&keeper->mutex);
    bool in_time = true;
    while (!keeper->stopping && keeper->request_count == 0 && in_time) {
        const uint64_t now_ms = skald_clock_ms();
        in_time =
            now_ms < deadline_ms && skald_clock_wait(&keeper->wanted, &keeper->mutex,
                                                     skald_clock_deadline(deadline_ms - now_ms));
    }
    *taken = keeper->request_count > 0;
    if (*taken) {
        *request = keeper->requests[0];
        keeper->request_count--;
        memmove(keeper->requests, keeper->requests + 1,
                keeper->request_count * sizeof keeper->requests[0]);
    }
    const bool goes_on = !keeper->stopping;
    pthread_mutex_unlock(&keeper->mutex);
    return goes_on;
}

/* How far the relay is, where people and other processes can see it. Not what it resumes from. */
static skald_status position_note(skald_relay *relay, skald_error *error)
{
    return skald_pg_do(relay->keeper.pg, NULL, error,
                       "UPDATE skald.position SET position = $1, moved_at = clock_timestamp()"
                       " WHERE follower = '@relay' AND partition = 0 AND position <> $1",
                       skald_relay_confirmed(relay));
}

static skald_status house_keep(skald_relay *relay, skald_error *error)
{
    skald_status status =
        skald_pg_do(relay->keeper.pg, NULL, error, "SELECT skald.outbox_extend()");
    /* Unknown while the relay has not found where the stream ends. */
    if (status != SKALD_OK || skald_relay_confirmed(relay) < 0)
        return status;
    status = position_note(relay, error);
    if (relay->keeper.round++ % ROUNDS_PER_TRIM != 0)
        return status;
    if (status == SKALD_OK)
        status = skald_relay_trim_outbox(relay, error);
    if (status == SKALD_OK)
        status = skald_relay_trim_stream(relay, error);
    return status;
}

static void outcome_say(skald_relay *relay, skald_status status, const skald_error *error)
{
    if (status != SKALD_OK && !relay->keeper.failing)
        skald_log_say(relay->options.log, SKALD_LOG_WARNING, "RELAY-KEEPER-WAITS", "%s",
                      error->text);
    relay->keeper.failing = status != SKALD_OK;
}

static skald_status keep(skald_relay *relay, const skald_relay_request *request, skald_error *error)
{
    const skald_status status = skald_relay_connect(&relay->keeper.pg, relay, error);
    if (status != SKALD_OK)
        return status;
    if (request == NULL)
        return house_keep(relay, error);
    return request->missing ? skald_relay_answer_missing(relay, request, error)
                            : skald_relay_note_reached(relay, request, error);
}

static void *keeper_run(void *argument)
{
    skald_relay *relay = argument;
    skald_relay_request request;
    bool taken = false;
    uint64_t next_ms = skald_clock_ms() + SKALD_RELAY_KEEP_MS;
    while (request_take(&relay->keeper, next_ms, &request, &taken)) {
        skald_error error = {0};
        const bool due = skald_clock_ms() >= next_ms;
        if (due)
            next_ms = skald_clock_ms() + SKALD_RELAY_KEEP_MS;
        if (!atomic_load(&relay->leads)) {
            skald_pg_close(relay->keeper.pg);
            relay->keeper.pg = NULL;
            continue;
        }
        if (taken)
            outcome_say(relay, keep(relay, &request, &error), &error);
        if (due)
            outcome_say(relay, keep(relay, NULL, &error), &error);
    }
    skald_pg_close(relay->keeper.pg);
    return NULL;
}

skald_status skald_relay_keeper_start(skald_relay *relay, skald_error *error)
{
    skald_relay_keeper *keeper = &relay->keeper;
    pthread_mutex_init(&keeper->mutex, NULL);
    skald_clock_condition_init(&keeper->wanted);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&keeper->thread, NULL, keeper_run, relay);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        return SKALD_OK;
    pthread_cond_destroy(&keeper->wanted);
    pthread_mutex_destroy(&keeper->mutex);
    return skald_error_set(error, SKALD_NO_MEMORY, "no thread for the relay's keeper");
}

void skald_relay_keeper_stop(skald_relay *relay)
{
    skald_relay_keeper *keeper = &relay->keeper;
    pthread_mutex_lock(&keeper->mutex);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->wanted);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    pthread_cond_destroy(&keeper->wanted);
    pthread_mutex_destroy(&keeper->mutex);
}
