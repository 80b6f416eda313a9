/* Publishing in a chain, and reading the confirmations. Both sides meet in the window, a ring of
 * what is in flight. No js_PublishMsgAsync: it never forgets a lost confirmation. */
#include "nats/chain.h"
#include "base/clock.h"
#include "event/cloudevents.h"
#include "nats/json.h"
#include "nats/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WRONG_LAST_SEQUENCE = 10071, /* JetStream's codes */
    WRONG_LAST_ID = 10070,
    HEADERS_SIZE_GUESS = 512,
};

typedef struct chain_slot {
    int64_t position;
    uint64_t sent_ms;
    size_t size;
} chain_slot;

struct skald_chain {
    skald_nats *nats;
    char *service;
    char address[SKALD_NATS_ADDRESS_SIZE];
    skald_nats_route route;
    skald_arena scratch; /* of the publishing thread */
    uint64_t epoch;      /* of the connection it began on */
    uint64_t first_sequence;

    pthread_mutex_t mutex; /* guards what follows; after the connection's callback mutex */
    pthread_cond_t moved;
    uint64_t sent;
    uint64_t confirmed;
    size_t in_flight_size;
    int64_t position; /* of the last confirmed */
    skald_error broken;
    chain_slot window[SKALD_CHAIN_MESSAGES_MAX];
};

static chain_slot *slot_of(skald_chain *chain, uint64_t number)
{
    return &chain->window[number % SKALD_CHAIN_MESSAGES_MAX];
}

/* The first cause is kept. Under the mutex. */
static skald_status chain_break(skald_chain *chain, const skald_error *cause)
{
    assert(cause->status != SKALD_OK);
    if (chain->broken.status == SKALD_OK) {
        chain->broken = *cause;
        pthread_cond_broadcast(&chain->moved);
    }
    return chain->broken.status;
}

static skald_status broken_answer(const skald_chain *chain, skald_error *error)
{
    if (chain->broken.status != SKALD_OK && error != NULL)
        *error = chain->broken;
    return chain->broken.status;
}

/* Confirms the oldest in flight. */
static void slot_confirm(skald_chain *chain)
{
    const chain_slot *slot = slot_of(chain, chain->confirmed);
    chain->in_flight_size -= slot->size;
    chain->position = slot->position;
    chain->confirmed++;
    pthread_cond_broadcast(&chain->moved);
}

static void refusal_read(skald_error *cause, const skald_chain *chain,
                         const skald_json_error *refusal)
{
    const skald_status status = refusal->code == WRONG_LAST_SEQUENCE ? SKALD_FENCED : SKALD_BROKER;
    skald_error_set(cause, status, "stream \"%s\" refused a message: %s (%" PRIu64 ")",
                    chain->service, refusal->text, refusal->code);
}

/* A confirmation names the sequence, which the chain foretold. Everything else ends the chain. */
static skald_status confirmation_read(const skald_chain *chain, skald_bytes body, bool unanswered,
                                      skald_error *cause)
{
    skald_json_error refusal;
    uint64_t sequence = 0;
    if (unanswered)
        return skald_error_set(cause, SKALD_NOT_FOUND, "there is no stream that takes \"%s.event\"",
                               chain->service);
    if (skald_json_find_error(&refusal, body)) {
        refusal_read(cause, chain, &refusal);
        return cause->status;
    }
    if (memmem(body.data, body.size, "\"duplicate\"", 11) != NULL)
        return skald_error_set(cause, SKALD_FENCED,
                               "stream \"%s\" has the message from somebody else already",
                               chain->service);
    if (!skald_json_find_number(&sequence, body, "seq") ||
        sequence != chain->first_sequence + chain->confirmed)
        return skald_error_set(cause, SKALD_FENCED,
                               "stream \"%s\" stored a message at sequence %" PRIu64
                               " instead of %" PRIu64,
                               chain->service, sequence, chain->first_sequence + chain->confirmed);
    return SKALD_OK;
}

/* Confirmations come in the order of the messages; one that does not shows that others are lost. */
static void chain_receive(void *user, natsMsg *message, const char *rest)
{
    skald_chain *chain = user;
    if (rest == NULL)
        return;
    const uint64_t number = strtoull(rest, NULL, 10);
    const skald_bytes body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
    skald_error cause = {0};
    pthread_mutex_lock(&chain->mutex);
    if (chain->broken.status == SKALD_OK && number >= chain->confirmed && number < chain->sent) {
        if (number != chain->confirmed)
            skald_error_set(&cause, SKALD_TIMEOUT,
                            "a confirmation of stream \"%s\" was lost on the way", chain->service);
        else
            (void)confirmation_read(chain, body, natsMsg_IsNoResponders(message), &cause);
        if (cause.status == SKALD_OK)
            slot_confirm(chain);
        else
            chain_break(chain, &cause);
    }
    pthread_mutex_unlock(&chain->mutex);
}

/* Is the oldest in flight overdue, or the connection not the one it was sent on? */
static void chain_tick(void *user)
{
    skald_chain *chain = user;
    skald_error cause = {0};
    pthread_mutex_lock(&chain->mutex);
    if (skald_nats_epoch(chain->nats) != chain->epoch || !skald_nats_connected(chain->nats))
        skald_error_set(&cause, SKALD_UNAVAILABLE, "NATS: the connection was lost");
    else if (chain->confirmed < chain->sent &&
             skald_clock_ms() - slot_of(chain, chain->confirmed)->sent_ms >
                 SKALD_CHAIN_CONFIRM_MS_MAX)
        skald_error_set(&cause, SKALD_TIMEOUT, "stream \"%s\" did not confirm a message in %d ms",
                        chain->service, (int)SKALD_CHAIN_CONFIRM_MS_MAX);
    if (cause.status != SKALD_OK)
        chain_break(chain, &cause);
    pthread_mutex_unlock(&chain->mutex);
}

skald_status skald_chain_open(skald_chain **out, skald_nats *nats, const char *service,
                              uint64_t last_sequence, int64_t last_position, skald_error *error)
{
    skald_chain *chain = calloc(1, sizeof *chain);
    char *copy = strdup(service);
    if (chain == NULL || copy == NULL) {
        free(chain);
        free(copy);
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no memory for a chain");
    }
    chain->nats = nats;
    chain->service = copy;
    chain->epoch = skald_nats_epoch(nats);
    chain->first_sequence = last_sequence + 1;
    chain->position = last_position;
    pthread_mutex_init(&chain->mutex, NULL);
    skald_clock_condition_init(&chain->moved);
    chain->route = (skald_nats_route){.receive = chain_receive, .tick = chain_tick, .user = chain};
    skald_nats_route_add(nats, &chain->route);
    skald_nats_route_address(nats, &chain->route, chain->address);
    *out = chain;
    return SKALD_OK;
}

void skald_chain_close(skald_chain *chain)
{
    if (chain == NULL)
        return;
    skald_nats_route_remove(chain->nats, &chain->route);
    pthread_cond_destroy(&chain->moved);
    pthread_mutex_destroy(&chain->mutex);
    skald_arena_done(&chain->scratch);
    free(chain->service);
    free(chain);
}

static bool window_has_room(const skald_chain *chain, size_t size)
{
    const uint64_t in_flight = chain->sent - chain->confirmed;
    return in_flight == 0 || (in_flight < SKALD_CHAIN_MESSAGES_MAX &&
                              chain->in_flight_size + size <= SKALD_CHAIN_SIZE_MAX);
}

/* Takes the next slot, waiting for room. */
static skald_status slot_take(skald_chain *chain, const skald_message *message, size_t size,
                              uint32_t wait_ms, uint64_t *number, skald_error *error)
{
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    pthread_mutex_lock(&chain->mutex);
    bool in_time = true;
    while (chain->broken.status == SKALD_OK && !window_has_room(chain, size) && in_time)
        in_time = skald_clock_wait(&chain->moved, &chain->mutex, deadline);
    skald_status status = broken_answer(chain, error);
    if (status == SKALD_OK && !window_has_room(chain, size))
        status = skald_error_set(error, SKALD_FULL, "the chain's window is full");
    if (status == SKALD_OK) {
        *number = chain->sent++;
        chain->in_flight_size += size;
        *slot_of(chain, *number) = (chain_slot){message->position, skald_clock_ms(), size};
    }
    pthread_mutex_unlock(&chain->mutex);
    return status;
}

static skald_status header_add(void *user, const char *name, const char *value)
{
    return natsMsgHeader_Add(user, name, value) == NATS_OK ? SKALD_OK : SKALD_NO_MEMORY;
}

/* The sequence alone is not enough: when a message of somebody else takes the place of one of ours,
 * that one is refused, but the next finds the sequence that it expects. So each message also names
 * the one that must be before it. The first cannot: a restarted server has forgotten its last
 * message's id. */
static skald_status links_add(skald_chain *chain, natsMsg *out, int64_t position, uint64_t number)
{
    char text[24];
    /* 0 is sent as well: it says that the stream must be empty. */
    snprintf(text, sizeof text, "%" PRIu64, chain->first_sequence + number - 1);
    skald_status status = header_add(out, "Nats-Expected-Last-Sequence", text);
    snprintf(text, sizeof text, "%" PRId64, position);
    if (status == SKALD_OK)
        status = header_add(out, "Nats-Msg-Id", text);
    if (status != SKALD_OK || number == 0)
        return status;
    snprintf(text, sizeof text, "%" PRId64, slot_of(chain, number - 1)->position);
    return header_add(out, "Nats-Expected-Last-Msg-Id", text);
}

static skald_status headers_add(skald_chain *chain, natsMsg *out, const skald_message *message,
                                uint64_t number)
{
    const skald_status status = links_add(chain, out, message->position, number);
    return status != SKALD_OK ? status
                              : skald_cloudevents_write(message, &chain->scratch, header_add, out);
}

static skald_status message_build(natsMsg **out, skald_chain *chain, const skald_message *message,
                                  uint64_t number)
{
    char reply[SKALD_NATS_ADDRESS_SIZE + 24];
    snprintf(reply, sizeof reply, "%s.%" PRIu64, chain->address, number);
    skald_arena_reset(&chain->scratch);
    const char *subject = skald_subject_of(chain->service, message, &chain->scratch);
    natsMsg *built = NULL;
    if (subject == NULL || natsMsg_Create(&built, subject, reply, message->body.data,
                                          (int)message->body.size) != NATS_OK)
        return SKALD_NO_MEMORY;
    const skald_status status = headers_add(chain, built, message, number);
    if (status == SKALD_OK)
        *out = built;
    else
        natsMsg_Destroy(built);
    return status;
}

static skald_status message_send(skald_chain *chain, const skald_message *message, uint64_t number,
                                 skald_error *cause)
{
    natsMsg *built = NULL;
    skald_status status = message_build(&built, chain, message, number);
    if (status != SKALD_OK)
        return skald_error_set(cause, status, "position %" PRId64 " cannot be built as a message",
                               message->position);
    status = skald_nats_publish(chain->nats, built, cause);
    natsMsg_Destroy(built);
    if (status == SKALD_FULL) /* the word for "no room in the window" */
        status = skald_error_set(cause, SKALD_BROKER,
                                 "position %" PRId64 " is larger than the server's max_payload",
                                 message->position);
    return status;
}

skald_status skald_chain_publish(skald_chain *chain, const skald_message *message, uint32_t wait_ms,
                                 skald_error *error)
{
    uint64_t number = 0;
    const size_t size = message->body.size + HEADERS_SIZE_GUESS;
    skald_status status = slot_take(chain, message, size, wait_ms, &number, error);
    if (status != SKALD_OK)
        return status;
    skald_error cause = {0};
    status = message_send(chain, message, number, &cause);
    if (status != SKALD_OK) {
        pthread_mutex_lock(&chain->mutex);
        chain_break(chain, &cause);
        status = broken_answer(chain, error);
        pthread_mutex_unlock(&chain->mutex);
    }
    return status;
}

void skald_chain_flush(skald_chain *chain)
{
    skald_nats_flush(chain->nats);
}

skald_status skald_chain_state(skald_chain *chain, skald_error *error)
{
    pthread_mutex_lock(&chain->mutex);
    const skald_status status = broken_answer(chain, error);
    pthread_mutex_unlock(&chain->mutex);
    return status;
}

skald_status skald_chain_settle(skald_chain *chain, uint32_t wait_ms, skald_error *error)
{
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    pthread_mutex_lock(&chain->mutex);
    bool in_time = true;
    while (chain->broken.status == SKALD_OK && chain->confirmed < chain->sent && in_time)
        in_time = skald_clock_wait(&chain->moved, &chain->mutex, deadline);
    skald_status status = broken_answer(chain, error);
    if (status == SKALD_OK && chain->confirmed < chain->sent)
        status = skald_error_set(error, SKALD_TIMEOUT, "stream \"%s\" has not confirmed yet",
                                 chain->service);
    pthread_mutex_unlock(&chain->mutex);
    return status;
}

uint64_t skald_chain_confirmed(skald_chain *chain, int64_t *position)
{
    pthread_mutex_lock(&chain->mutex);
    const uint64_t confirmed = chain->confirmed;
    if (position != NULL)
        *position = chain->position;
    pthread_mutex_unlock(&chain->mutex);
    return confirmed;
}
