/* Our own pull loop. Never natsSubscription_Fetch: in cnats 3.4.1 it writes past its array.
 *
 * Accounts: `granted` is room the user gave that no request asks for yet; `outstanding` is the most
 * that the server may still send. A request takes everything granted, as soon as that is at least
 * as much as is outstanding, so that about half of the room is always being asked for while the
 * other half is being used. */
#include "nats/puller.h"
#include "base/clock.h"
#include "nats/json.h"
#include "nats/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUEST_SECONDS = 20,     /* then the server ends a request, and we ask again */
    REQUEST_SECONDS_LATE = 3, /* and how much later we stop believing in it */
    SECONDS_KEPT = 32,        /* more than both together */
    HEARTBEAT_MS = 1000,      /* while there is nothing to send */
    SILENCE_MS_MAX = 5000,    /* with a request outstanding: the consumer is gone */
    NAME_SIZE_MAX = 128,
    SUBJECT_SIZE = 256,
    STATUS_IDLE = 100,
    STATUS_NO_MESSAGES = 404,
    STATUS_TIMEOUT = 408,
};

struct skald_puller {
    skald_nats *nats;
    skald_puller_options options; /* its texts are ours */
    skald_nats_route route;
    uint64_t epoch;
    char consumer[SKALD_NATS_TOKEN_SIZE];
    char address[SKALD_NATS_ADDRESS_SIZE];
    char reply_prefix[SUBJECT_SIZE]; /* "$JS.ACK.<stream>.<consumer>." */
    char next_subject[SUBJECT_SIZE];

    /* Only used under the connection's callback mutex. */
    uint64_t consumer_sequence; /* of the last message received */
    uint64_t stream_sequence;
    bool doubted;

    pthread_mutex_t mutex; /* guards what follows; after the connection's callback mutex */
    uint32_t granted;
    uint32_t outstanding;
    uint64_t heard_ms;
    uint64_t request_number;
    uint32_t asked[SECONDS_KEPT]; /* in each of the last seconds */
    uint64_t asked_second;
    bool failed; /* a request could not be sent */
};

/* Forgets the seconds that have passed since the last request. */
static void asked_roll(skald_puller *puller, uint64_t second)
{
    const uint64_t passed = second - puller->asked_second;
    for (uint64_t i = 1; i <= passed && i <= SECONDS_KEPT; i++)
        puller->asked[(puller->asked_second + i) % SECONDS_KEPT] = 0;
    puller->asked_second = second;
}

/* A server may drop an expired request without a word. Whatever it may still send was asked for by
 * a request that has not expired, so what is outstanding beyond these is ours again. */
static void outstanding_correct(skald_puller *puller, uint64_t second)
{
    uint64_t asked = 0;
    for (uint64_t age = 0; age <= REQUEST_SECONDS + REQUEST_SECONDS_LATE && age <= second; age++)
        asked += puller->asked[(second - age) % SECONDS_KEPT];
    if (asked < puller->outstanding) {
        puller->granted += puller->outstanding - (uint32_t)asked;
        puller->outstanding = (uint32_t)asked;
    }
}

static bool request_send(skald_puller *puller, uint32_t batch)
{
    char reply[SKALD_NATS_ADDRESS_SIZE + 24];
    char body[128];
    snprintf(reply, sizeof reply, "%s.%" PRIu64, puller->address, ++puller->request_number);
    const int size =
        snprintf(body, sizeof body,
                 "{\"batch\":%" PRIu32 ",\"expires\":%" PRIu64 ",\"idle_heartbeat\":%" PRIu64 "}",
                 batch, REQUEST_SECONDS * UINT64_C(1000000000), HEARTBEAT_MS * UINT64_C(1000000));
    const skald_nats_view view = {
        .subject = puller->next_subject, .reply = reply, .body = {body, (size_t)size}};
    return skald_nats_send(puller->nats, &view, NULL) == SKALD_OK;
}

/* Asks for what is granted when it is time to. Under the mutex. */
static void ask(skald_puller *puller)
{
    if (puller->failed || puller->granted == 0 || puller->granted < puller->outstanding)
        return;
    const uint64_t now_ms = skald_clock_ms();
    asked_roll(puller, now_ms / 1000);
    if (!request_send(puller, puller->granted)) {
        puller->failed = true; /* the tick says so: this may be the user's thread */
        return;
    }
    if (puller->outstanding == 0)
        puller->heard_ms = now_ms;
    puller->asked[puller->asked_second % SECONDS_KEPT] += puller->granted;
    puller->outstanding += puller->granted;
    puller->granted = 0;
}

static void doubt(skald_puller *puller, const char *reason)
{
    if (puller->doubted)
        return;
    puller->doubted = true;
    puller->options.doubt(puller->options.user, reason);
}

/* "<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>" */
static bool numbers_read(const char *text, uint64_t *sequence, uint64_t *consumer_sequence,
                         int64_t *time_ns)
{
    return sscanf(text, "%*u.%" SCNu64 ".%" SCNu64 ".%" SCNd64, sequence, consumer_sequence,
                  time_ns) == 3;
}

static void heard(skald_puller *puller, uint32_t message_count)
{
    pthread_mutex_lock(&puller->mutex);
    puller->heard_ms = skald_clock_ms();
    puller->outstanding -=
        message_count < puller->outstanding ? message_count : puller->outstanding;
    pthread_mutex_unlock(&puller->mutex);
}

/* The consumer numbers what it sends without gaps; a gap is a message lost on the way. */
static void data_receive(skald_puller *puller, natsMsg *message, const char *numbers)
{
    uint64_t consumer_sequence = 0;
    skald_stream_message data = {0};
    if (!numbers_read(numbers, &data.sequence, &consumer_sequence, &data.time_ns)) {
        doubt(puller, "a message has a reply subject that cannot be read");
        return;
    }
    if (consumer_sequence != puller->consumer_sequence + 1 ||
        data.sequence <= puller->stream_sequence) {
        doubt(puller, "a message was lost or came twice on its way from the server");
        return;
    }
    puller->consumer_sequence = consumer_sequence;
    puller->stream_sequence = data.sequence;
    heard(puller, 1);
    if (!skald_nats_view_of(&data.view, puller->nats, message)) {
        doubt(puller, "no memory for a message");
        return;
    }
    data.view.reply = NULL; /* nothing is to be acknowledged */
    puller->options.data(puller->options.user, &data);
}

static int status_read(natsMsg *message)
{
    const char *text = NULL;
    return natsMsgHeader_Get(message, "Status", &text) == NATS_OK ? atoi(text) : 0;
}

/* A request ended with this many messages unsent: they can be asked for again. */
static void request_ended(skald_puller *puller, natsMsg *message)
{
    const char *text = NULL;
    const uint32_t unsent = natsMsgHeader_Get(message, "Nats-Pending-Messages", &text) == NATS_OK
                                ? (uint32_t)strtoul(text, NULL, 10)
                                : 0;
    pthread_mutex_lock(&puller->mutex);
    const uint32_t back = unsent < puller->outstanding ? unsent : puller->outstanding;
    puller->outstanding -= back;
    puller->granted += back;
    ask(puller);
    pthread_mutex_unlock(&puller->mutex);
}

static void control_receive(skald_puller *puller, natsMsg *message)
{
    const char *description = NULL;
    heard(puller, 0);
    switch (status_read(message)) {
    case STATUS_IDLE:
    case 0: /* no word of the server's */
        break;
    case STATUS_NO_MESSAGES:
    case STATUS_TIMEOUT:
        request_ended(puller, message);
        break;
    default: /* 400, 409, 503: the consumer is gone or does not take our requests */
        if (natsMsgHeader_Get(message, "Description", &description) != NATS_OK ||
            description[0] == '\0')
            description = "the consumer is gone";
        doubt(puller, description);
        break;
    }
}

/* A message is data only if its reply subject is our consumer's: a status in its headers does not
 * make it anything else. */
static void puller_receive(void *user, natsMsg *message, const char *rest)
{
    skald_puller *puller = user;
    const char *reply = natsMsg_GetReply(message);
    const size_t prefix_size = strlen(puller->reply_prefix);
    if (puller->doubted)
        return;
    if (reply != NULL && strncmp(reply, puller->reply_prefix, prefix_size) == 0)
        data_receive(puller, message, reply + prefix_size);
    else if (rest != NULL)
        control_receive(puller, message);
}

static void puller_tick(void *user)
{
    skald_puller *puller = user;
    if (puller->doubted)
        return;
    const uint64_t now_ms = skald_clock_ms();
    pthread_mutex_lock(&puller->mutex);
    asked_roll(puller, now_ms / 1000);
    outstanding_correct(puller, now_ms / 1000);
    ask(puller);
    const bool failed = puller->failed;
    const bool silent = puller->outstanding > 0 && now_ms > puller->heard_ms + SILENCE_MS_MAX;
    pthread_mutex_unlock(&puller->mutex);
    if (failed || !skald_nats_connected(puller->nats) ||
        skald_nats_epoch(puller->nats) != puller->epoch)
        doubt(puller, "the connection was lost");
    else if (silent)
        doubt(puller, "the server has fallen silent");
}

static skald_status create_answer(const skald_puller *puller, natsMsg *answer, skald_error *error)
{
    skald_json_error refusal;
    const skald_bytes body = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    if (!skald_json_find_error(&refusal, body))
        return SKALD_OK;
    const skald_status status =
        refusal.code == 10059 /* stream not found */ ? SKALD_NOT_FOUND : SKALD_BROKER;
    return skald_error_set(error, status, "stream \"%s\": %s (%" PRIu64 ")", puller->options.stream,
                           refusal.text, refusal.code);
}

/* nats-server 2.9.10 may drop the answer when two consumers are created at once. */
static skald_status create_request(skald_puller *puller, const char *subject, const char *body,
                                   skald_error *error)
{
    skald_nats *nats = puller->nats;
    natsMsg *answer = NULL;
    natsStatus status = NATS_CONNECTION_DISCONNECTED;
    pthread_mutex_lock(&nats->create_mutex);
    if (skald_nats_connected(nats))
        status = natsConnection_RequestString(&answer, nats->connection, subject, body,
                                              SKALD_NATS_REQUEST_MS_MAX);
    pthread_mutex_unlock(&nats->create_mutex);
    if (status == NATS_NO_RESPONDERS)
        return skald_error_set(error, SKALD_BROKER, "NATS: JetStream is not enabled");
    if (status != NATS_OK)
        return skald_nats_failure(status, error, "create a consumer of", puller->options.stream);
    const skald_status result = create_answer(puller, answer, error);
    natsMsg_Destroy(answer);
    return result;
}

static skald_status consumer_create(skald_puller *puller, skald_error *error)
{
    const skald_puller_options *options = &puller->options;
    const char *filter = options->filter;
    char subject[2 * SUBJECT_SIZE];
    char body[4 * SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s.%s%s%s", options->stream,
             puller->consumer, filter != NULL ? "." : "", filter != NULL ? filter : "");
    const int size =
        snprintf(body, sizeof body,
                 "{\"stream_name\":\"%s\",\"config\":{\"name\":\"%s\",\"deliver_policy\":"
                 "\"by_start_sequence\",\"opt_start_seq\":%" PRIu64 ",\"ack_policy\":\"none\","
                 "\"replay_policy\":\"instant\",%s%s%s\"mem_storage\":true,\"num_replicas\":1,"
                 "\"max_waiting\":64,\"inactive_threshold\":30000000000}}",
                 options->stream, puller->consumer, options->start_sequence,
                 filter != NULL ? "\"filter_subject\":\"" : "", filter != NULL ? filter : "",
                 filter != NULL ? "\"," : "");
    assert(size > 0 && (size_t)size < sizeof body);
    return create_request(puller, subject, body, error);
}

static void puller_free(skald_puller *puller)
{
    pthread_mutex_destroy(&puller->mutex);
    free((void *)(uintptr_t)puller->options.stream);
    free((void *)(uintptr_t)puller->options.filter);
    free(puller);
}

static skald_puller *puller_new(skald_nats *nats, const skald_puller_options *options)
{
    skald_puller *puller = calloc(1, sizeof *puller);
    if (puller == NULL)
        return NULL;
    pthread_mutex_init(&puller->mutex, NULL);
    puller->nats = nats;
    puller->epoch = skald_nats_epoch(nats);
    puller->asked_second = skald_clock_ms() / 1000;
    puller->options = *options;
    puller->options.stream = strdup(options->stream);
    puller->options.filter = options->filter != NULL ? strdup(options->filter) : NULL;
    puller->route =
        (skald_nats_route){.receive = puller_receive, .tick = puller_tick, .user = puller};
    if (puller->options.stream == NULL ||
        (options->filter != NULL && puller->options.filter == NULL)) {
        puller_free(puller);
        return NULL;
    }
    return puller;
}

static void names_make(skald_puller *puller)
{
    skald_nats_route_token(puller->nats, &puller->route, puller->consumer);
    skald_nats_route_address(puller->nats, &puller->route, puller->address);
    snprintf(puller->reply_prefix, SUBJECT_SIZE, "$JS.ACK.%s.%s.", puller->options.stream,
             puller->consumer);
    snprintf(puller->next_subject, SUBJECT_SIZE, "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
             puller->options.stream, puller->consumer);
}

/* It becomes part of subjects and of JSON. */
static bool name_usable(const char *name)
{
    return name[0] != '\0' && strlen(name) <= NAME_SIZE_MAX && strpbrk(name, "\"\\ \t\r\n") == NULL;
}

skald_status skald_puller_open(skald_puller **out, skald_nats *nats,
                               const skald_puller_options *options, skald_error *error)
{
    if (!name_usable(options->stream) || (options->filter != NULL && !name_usable(options->filter)))
        return skald_error_set(error, SKALD_INVALID,
                               "the name of the stream or the filter is too long or has characters "
                               "that no subject has");
    skald_puller *puller = puller_new(nats, options);
    if (puller == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no memory for a puller");
    skald_nats_route_add(nats, &puller->route);
    skald_nats_callbacks_lock(nats);
    names_make(puller);
    skald_nats_callbacks_unlock(nats);
    const skald_status status = consumer_create(puller, error);
    if (status != SKALD_OK) {
        skald_puller_close(puller);
        return status;
    }
    *out = puller;
    return SKALD_OK;
}

/* The consumer would go by itself after its threshold; until then it would serve our requests. */
static void consumer_delete(const skald_puller *puller)
{
    char subject[SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%s", puller->options.stream,
             puller->consumer);
    skald_nats_ping(puller->nats, subject);
}

void skald_puller_close(skald_puller *puller)
{
    if (puller == NULL)
        return;
    skald_nats_route_remove(puller->nats, &puller->route);
    consumer_delete(puller);
    puller_free(puller);
}

void skald_puller_allow(skald_puller *puller, uint32_t count)
{
    pthread_mutex_lock(&puller->mutex);
    puller->granted += count;
    ask(puller);
    pthread_mutex_unlock(&puller->mutex);
}
