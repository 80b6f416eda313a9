/* From the stream to the lanes: one puller for all lanes of this process.
 *
 * The puller's callback runs on a thread of cnats and only hands messages to lanes. This thread
 * grants room as lanes empty. */
#include "event/cloudevents.h"
#include "followers/feeder_inside.h"
#include "nats/stream.h"

enum { GRANT_LOOK_MS = 1, IDLE_LOOK_MS = 50 };

/* --- one message --------------------------------------------------------------------------- */

/* Fills in what a writer that is not Skald need not say. */
static void foreign_complete(const skald_follower *follower, skald_message *message,
                             const skald_stream_message *received)
{
    message->position = (int64_t)received->sequence;
    message->previous = -1;
    message->kind = SKALD_KIND_EVENT;
    message->addressee = message->control = NULL;
    if (message->type == NULL && follower->options.foreign_type != NULL)
        message->type = follower->options.foreign_type;
    if (message->time_us == 0)
        message->time_us = received->time_ns / 1000;
}

/* What can be said of a message whose headers cannot be read: enough to keep it, or to see by its
 * subject that it is somebody else's. */
static skald_message unreadable(skald_feeder *feeder, const skald_stream_message *received,
                                const skald_subject *subject, uint32_t partition)
{
    const skald_follower *follower = feeder->follower;
    const bool addressed = subject != NULL && subject->addressee.size > 0;
    return (skald_message){
        .kind = addressed ? subject->kind : SKALD_KIND_EVENT,
        .addressee = addressed ? skald_arena_text_sized(&feeder->scratch, subject->addressee.data,
                                                        subject->addressee.size)
                               : NULL,
        .position = follower->options.foreign ? (int64_t)received->sequence
                                              : skald_nats_position(&received->view),
        .previous = -1,
        .partition = partition,
        .time_us = received->time_ns / 1000,
        .body = received->view.body,
    };
}

/* Why a readable message cannot be taken all the same; NULL: it can. */
static const char *trouble_of(const skald_follower *follower, const skald_message *message,
                              const skald_subject *subject)
{
    if (follower->options.foreign)
        return NULL;
    if (subject == NULL)
        return "its subject is not one of its stream's";
    if (subject->kind != 0 && !skald_subject_agrees(subject, message))
        return "its subject says another kind or addressee than its headers";
    if (message->position <= 0)
        return "it has no " SKALD_HEADER_POSITION " header: it was not written by the relay";
    if (message->type == NULL)
        return "it has no ce-type header";
    return NULL;
}

/* Reads what was received; `subject` is what its subject says, NULL: it is none of its stream's.
 * One without a kind knows the partition only. The texts of `message` live in the feeder's scratch
 * memory, *trouble in `error`. */
static skald_status message_read(skald_feeder *feeder, const skald_stream_message *received,
                                 const skald_subject *subject, skald_message *message,
                                 const char **trouble, skald_error *error)
{
    const skald_follower *follower = feeder->follower;
    *message = (skald_message){.partition = subject == NULL ? 0 : subject->partition,
                               .body = received->view.body};
    skald_arena_reset(&feeder->scratch);
    const skald_status status = skald_cloudevents_read(
        message, received->view.headers, received->view.header_count, &feeder->scratch, error);
    if (status == SKALD_NO_MEMORY)
        return status;
    if (status != SKALD_OK) {
        *message = unreadable(feeder, received, subject, message->partition);
        *trouble = error->text;
        return SKALD_OK;
    }
    if (follower->options.foreign)
        foreign_complete(follower, message, received);
    *trouble = trouble_of(follower, message, subject);
    return SKALD_OK;
}

skald_item *skald_feed_item(skald_feeder *feeder, const skald_stream_message *received,
                            uint32_t partition)
{
    const skald_subject subject = {.partition = partition};
    skald_message message;
    const char *trouble = NULL;
    skald_error error = {0};
    if (message_read(feeder, received, &subject, &message, &trouble, &error) != SKALD_OK)
        return NULL;
    return skald_item_new(&message, trouble);
}

/* --- the puller ---------------------------------------------------------------------------- */

static void data_received(void *user, const skald_stream_message *received)
{
    skald_feeder *feeder = user;
    skald_message message;
    const char *trouble = NULL;
    skald_error error = {0};
    skald_subject subject;
    const bool known =
        skald_subject_read(&subject, received->view.subject, feeder->follower->stream);
    if (message_read(feeder, received, known ? &subject : NULL, &message, &trouble, &error) ==
        SKALD_OK)
        skald_follower_feed(feeder->follower, &message, received->sequence, trouble, false);
    else
        atomic_store(&feeder->doubt, true);
    /* Half a request has come: the thread should look whether more can be had. */
    if (atomic_fetch_add(&feeder->received, 1) % (SKALD_FEED_REQUEST / 2) == 0)
        skald_bell_ring(&feeder->bell);
}

static void doubt_raised(void *user, const char *reason)
{
    skald_feeder *feeder = user;
    skald_log_say(feeder->follower->hub->log, SKALD_LOG_INFO, "FOLLOWER-DOUBT",
                  "follower \"%s\" reads its stream anew: %s", feeder->follower->name, reason);
    atomic_store(&feeder->doubt, true);
    skald_bell_ring(&feeder->bell);
}

static skald_status puller_open(skald_feeder *feeder, int64_t position, skald_error *error)
{
    const skald_follower *follower = feeder->follower;
    uint64_t sequence = (uint64_t)position + 1;
    skald_status status = SKALD_OK;
    if (!follower->options.foreign)
        status = skald_stream_find_position(&sequence, follower->hub->nats, follower->stream,
                                            position, error);
    if (status != SKALD_OK)
        return status;
    const skald_puller_options options = {
        .stream = follower->stream,
        .filter = NULL, /* all kinds: they share their lanes */
        .start_sequence = sequence,
        .data = data_received,
        .doubt = doubt_raised,
        .user = feeder,
    };
    atomic_store(&feeder->received, 0);
    feeder->allowed = 0;
    return skald_puller_open(&feeder->puller, follower->hub->nats, &options, error);
}

/* Keeps up to one request and a half on its way, as long as the lanes have room. */
static void room_grant(skald_feeder *feeder)
{
    const uint64_t under_way = feeder->allowed - atomic_load(&feeder->received);
    if (under_way > SKALD_FEED_REQUEST ||
        skald_feeder_queued(feeder) + under_way + SKALD_FEED_REQUEST > SKALD_FEED_ITEMS_MAX)
        return;
    skald_puller_allow(feeder->puller, SKALD_FEED_REQUEST);
    feeder->allowed += SKALD_FEED_REQUEST;
}

skald_status skald_feed_stream(skald_feeder *feeder, int64_t position, skald_error *error)
{
    skald_status status = puller_open(feeder, position, error);
    if (status != SKALD_OK)
        return status;
    while (status == SKALD_OK && !skald_feeder_interrupted(feeder)) {
        room_grant(feeder);
        const bool full = skald_feeder_queued(feeder) > SKALD_FEED_ITEMS_MAX / 2;
        skald_bell_wait(&feeder->bell, &feeder->heard, full ? GRANT_LOOK_MS : IDLE_LOOK_MS);
        status = skald_feeder_look(feeder, error);
    }
    skald_puller_close(feeder->puller);
    feeder->puller = NULL;
    return status;
}
