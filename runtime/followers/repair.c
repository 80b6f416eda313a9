/* A mirror has lost something: the origin's relay still has it in its outbox. */
#include "base/clock.h"
#include "codec/decode.h"
#include "codec/encode.h"
#include "followers/feeder_inside.h"
#include "followers/worker.h"
#include "skald/v1/relay.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_MS_MAX = 5000, ROUNDS_MAX = 10000 };

/* What a lane misses: (after, before), both exclusive. */
typedef struct loss {
    uint32_t partition;
    int64_t after;
    int64_t before;
} loss;

/* The answer as it comes in, on a thread of cnats. It is fed only when it is there whole: core NATS
 * may lose any part of it. */
typedef struct answer {
    skald_feeder *feeder;
    uint32_t partition; /* the answer's subject is our inbox and does not tell it */
    skald_bell bell;
    atomic_bool ended;
    skald_item *first;
    skald_item *last;
    uint32_t count;
    uint32_t sent_count;
    int64_t trimmed_position;
    bool more;
} answer;

static bool header_is(const skald_nats_view *view, const char *name)
{
    for (size_t i = 0; i < view->header_count; i++) {
        if (strcasecmp(view->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

static void answer_end(answer *answered, const skald_nats_view *view)
{
    skald_arena arena = {0};
    const ProtobufCMessage *decoded = NULL;
    if (skald_decode(&decoded, &skald__v1__missing_end__descriptor, view->body, &arena, NULL) ==
        SKALD_OK) {
        const Skald__V1__MissingEnd *end = (const Skald__V1__MissingEnd *)decoded;
        answered->sent_count = end->sent_count;
        answered->trimmed_position = end->trimmed_position;
        answered->more = end->more;
        atomic_store(&answered->ended, true);
        skald_bell_ring(&answered->bell);
    }
    skald_arena_done(&arena);
}

static void answer_received(void *user, const skald_nats_view *view)
{
    answer *answered = user;
    if (header_is(view, "Status") || atomic_load(&answered->ended))
        return;
    if (header_is(view, SKALD_HEADER_MISSING)) {
        answer_end(answered, view);
        return;
    }
    skald_item *item = skald_feed_item(answered->feeder, &(skald_stream_message){.view = *view},
                                       answered->partition);
    if (item == NULL)
        return;
    if (answered->last != NULL)
        answered->last->next = item;
    else
        answered->first = item;
    answered->last = item;
    answered->count++;
}

static void answer_await(skald_feeder *feeder, answer *answered)
{
    uint64_t heard = 0;
    const uint64_t deadline_ms = skald_clock_ms() + ANSWER_MS_MAX;
    while (!atomic_load(&answered->ended) && skald_clock_ms() < deadline_ms &&
           !atomic_load(&feeder->stopping))
        skald_bell_wait(&answered->bell, &heard, 100);
}

/* Asks, and collects what comes until the end of the answer or of our patience. */
static skald_status question_ask(skald_feeder *feeder, const loss *lost, answer *answered,
                                 skald_error *error)
{
    const skald_follower *follower = feeder->follower;
    Skald__V1__MissingRequest request = SKALD__V1__MISSING_REQUEST__INIT;
    request.follower = (char *)(uintptr_t)follower->name;
    request.partition = lost->partition;
    request.after_position = lost->after;
    request.before_position = lost->before;
    char subject[SKALD_FOLLOWER_NAME_SIZE + 32];
    snprintf(subject, sizeof subject, "skald.relay.%s.missing", follower->stream);
    skald_arena arena = {0};
    skald_bytes body;
    skald_nats_question *question = NULL;
    skald_status status = skald_encode(&body, &request.base, &arena, error);
    if (status == SKALD_OK)
        status = skald_nats_ask(&question, follower->hub->nats, subject, body, answer_received,
                                answered, error);
    skald_arena_done(&arena);
    if (status != SKALD_OK)
        return status;
    answer_await(feeder, answered);
    skald_nats_question_close(question);
    return SKALD_OK;
}

static skald_status ask(skald_feeder *feeder, const loss *lost, answer *answered,
                        skald_error *error)
{
    const skald_status status = question_ask(feeder, lost, answered, error);
    if (status != SKALD_OK)
        return status;
    if (atomic_load(&answered->ended) && answered->count == answered->sent_count)
        return SKALD_OK;
    const char *stream = feeder->follower->stream;
    return skald_error_set(error, SKALD_TIMEOUT,
                           "stream \"%s\" has lost positions %lld to %lld of partition %u, and the "
                           "relay of \"%s\" does not answer",
                           stream, (long long)lost->after + 1, (long long)lost->before - 1,
                           lost->partition, stream);
}

static bool loss_find(const skald_lane *lane, loss *out)
{
    skald_worker_lock(lane->worker);
    const bool found = lane->held && lane->missing_before != 0;
    *out = (loss){lane->partition, lane->fed, lane->missing_before};
    skald_worker_unlock(lane->worker);
    return found;
}

/* Nothing between the two positions is left at the origin: the follower must not go on as if there
 * had been nothing. */
static skald_status loss_final(const skald_follower *follower, const loss *lost, int64_t trimmed,
                               skald_error *error)
{
    return skald_error_set(
        error, SKALD_HISTORY_LOST,
        "stream \"%s\" has lost positions above %lld of partition %u, and the "
        "outbox of \"%s\" is trimmed up to %lld: to skip them, set the position in "
        "skald.position by hand",
        follower->stream, (long long)lost->after, lost->partition, follower->stream,
        (long long)trimmed);
}

/* All that is left between the two positions was brought: the way is free. Unless the lane could
 * not take all of it in; then it is read again, and finds the rest missing again. */
static void gap_close(skald_lane *lane, const loss *lost)
{
    skald_worker_lock(lane->worker);
    if (lane->missing_before == lost->before) {
        if (!lane->dropped && lane->fed < lost->before)
            lane->fed = lost->before - 1;
        lane->missing_before = 0;
    }
    skald_worker_unlock(lane->worker);
}

static skald_status lane_mend(skald_feeder *feeder, skald_lane *lane, skald_error *error)
{
    loss lost;
    for (int round = 0; round < ROUNDS_MAX && loss_find(lane, &lost); round++) {
        answer answered = {.feeder = feeder, .partition = lost.partition};
        skald_bell_init(&answered.bell);
        skald_status status = ask(feeder, &lost, &answered, error);
        skald_bell_done(&answered.bell);
        /* A follower that begins takes what is left; one that has begun must not skip anything. */
        if (status == SKALD_OK && lost.after > 0 && answered.trimmed_position > lost.after)
            status = loss_final(feeder->follower, &lost, answered.trimmed_position, error);
        for (skald_item *item = answered.first; status == SKALD_OK && item != NULL;
             item = item->next)
            skald_follower_feed(feeder->follower, &item->message, 0, item->trouble, true);
        skald_item_free_all(answered.first);
        if (status != SKALD_OK)
            return status;
        if (!answered.more) {
            gap_close(lane, &lost);
            skald_log_say(
                feeder->follower->hub->log, SKALD_LOG_WARNING, "STREAM-MENDED",
                "stream \"%s\" had lost messages of partition %u above position %lld; they "
                "came from the outbox",
                feeder->follower->stream, lost.partition, (long long)lost.after);
        }
    }
    return SKALD_OK;
}

skald_status skald_feeder_mend(skald_feeder *feeder, skald_error *error)
{
    skald_follower *follower = feeder->follower;
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < follower->partitions && status == SKALD_OK; i++)
        status = lane_mend(feeder, &follower->lanes[i], error);
    return status;
}
