/* Plain libpq and cnats. */
#include "bench/by_hand.h"

#include "test/v1/events.pb-c.h"

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- PostgreSQL ---- */

static const char insert_event[] =
    "INSERT INTO skald.outbox (event_id, partition, type, key, correlation_id, body)"
    " VALUES ($1::uuid, $2, 'test.v1.Counted', $3, $1::uuid::text, $4)";

PGconn *hand_connect(const bench_database *database)
{
    PGconn *connection = PQconnectdb(database->conninfo);
    if (PQstatus(connection) != CONNECTION_OK)
        bench_die("%s", PQerrorMessage(connection));
    return connection;
}

static void result_expect(PGconn *connection, PGresult *result, ExecStatusType expected)
{
    if (PQresultStatus(result) != expected)
        bench_die("%s", PQerrorMessage(connection));
    PQclear(result);
}

void hand_run(PGconn *connection, const char *sql)
{
    result_expect(connection, PQexec(connection, sql), PGRES_COMMAND_OK);
}

/* The parameters of insert_event. */
typedef struct event_params {
    char id[37];
    char partition[12];
    const char *values[4];
    int lengths[4];
    int formats[4];
} event_params;

static void params_fill(event_params *out, uint32_t i)
{
    const skald_bytes body = bench_body(i);
    const char *key = bench_key(i);
    *out = (event_params){.values = {out->id, out->partition, key, body.data},
                          .lengths = {0, 0, 0, (int)body.size},
                          .formats = {0, 0, 0, 1}};
    skald_uuid7(out->id);
    snprintf(out->partition, sizeof out->partition, "%u",
             skald_partition_of(key, strlen(key), SKALD_PARTITIONS_DEFAULT));
}

void hand_insert(PGconn *connection, uint32_t i)
{
    event_params params;
    params_fill(&params, i);
    result_expect(connection,
                  PQexecParams(connection, insert_event, 4, NULL, params.values, params.lengths,
                               params.formats, 0),
                  PGRES_COMMAND_OK);
}

static void sent_expect(PGconn *connection, int sent)
{
    if (sent != 1)
        bench_die("%s", PQerrorMessage(connection));
}

void hand_begin(PGconn *connection)
{
    if (PQpipelineStatus(connection) == PQ_PIPELINE_OFF) {
        result_expect(connection, PQprepare(connection, "event", insert_event, 4, NULL),
                      PGRES_COMMAND_OK);
        result_expect(connection,
                      PQprepare(connection, "fact",
                                "INSERT INTO fact (key, number) VALUES ($1, $2)", 2, NULL),
                      PGRES_COMMAND_OK);
        sent_expect(connection, PQenterPipelineMode(connection));
    }
    sent_expect(connection, PQsendQueryParams(connection, "BEGIN", 0, NULL, NULL, NULL, NULL, 0));
}

void hand_insert_send(PGconn *connection, uint32_t i)
{
    event_params params;
    params_fill(&params, i);
    sent_expect(connection, PQsendQueryPrepared(connection, "event", 4, params.values,
                                                params.lengths, params.formats, 0));
}

void hand_fact_send(PGconn *connection, const void *body, size_t size)
{
    Test__V1__Counted *event = test__v1__counted__unpack(NULL, size, body);
    if (event == NULL)
        bench_die("a message that cannot be decoded");
    const uint64_t number = htobe64((uint64_t)event->number);
    const char *const values[] = {event->key, (const char *)&number};
    sent_expect(connection,
                PQsendQueryPrepared(connection, "fact", 2, values, (const int[]){0, sizeof number},
                                    (const int[]){0, 1}, 0));
    test__v1__counted__free_unpacked(event, NULL);
}

void hand_commit(PGconn *connection)
{
    sent_expect(connection, PQsendQueryParams(connection, "COMMIT", 0, NULL, NULL, NULL, NULL, 0));
    sent_expect(connection, PQpipelineSync(connection));
    for (;;) {
        PGresult *result = PQgetResult(connection);
        const ExecStatusType status = PQresultStatus(result);
        if (result != NULL && status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC)
            bench_die("%s", PQresultErrorMessage(result));
        PQclear(result);
        if (result != NULL && status == PGRES_PIPELINE_SYNC)
            return;
    }
}

/* ---- NATS ---- */

static void nats_must(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_die("%s: %s", what, natsStatus_GetText(status));
}

hand_bus hand_bus_open(bench_round *bench)
{
    hand_bus bus = {0};
    jsOptions options;
    nats_must(natsConnection_ConnectTo(&bus.connection, skald_servers_nats_url(bench->servers)),
              "connecting");
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = 4096;
    options.PublishAsync.StallWait = 10000;
    nats_must(natsConnection_JetStream(&bus.stream, bus.connection, &options), "JetStream");
    return bus;
}

void hand_bus_close(hand_bus *bus)
{
    jsCtx_Destroy(bus->stream);
    natsConnection_Destroy(bus->connection);
}

void hand_stream_make(hand_bus *bus, const char *name)
{
    char subject[64];
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    snprintf(subject, sizeof subject, "%s.event.>", name);
    config.Name = name;
    config.Subjects = (const char *[]){subject};
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    nats_must(js_AddStream(NULL, bus->stream, &config, NULL, NULL), name);
}

void hand_stream_delete(hand_bus *bus, const char *name)
{
    nats_must(js_DeleteStream(bus->stream, name, NULL, NULL), name);
}

static void subject_make(char *out, size_t size, const char *stream, uint32_t i)
{
    const char *key = bench_key(i);
    snprintf(out, size, "%s.event.%02u.test.v1.Counted", stream,
             skald_partition_of(key, strlen(key), SKALD_PARTITIONS_DEFAULT));
}

void hand_publish(hand_bus *bus, const char *stream, uint32_t i)
{
    char subject[96];
    const skald_bytes body = bench_body(i);
    subject_make(subject, sizeof subject, stream, i);
    nats_must(js_Publish(NULL, bus->stream, subject, body.data, (int)body.size, NULL, NULL),
              "js_Publish");
}

void hand_publish_async(hand_bus *bus, const char *stream, uint32_t i)
{
    char subject[96];
    const skald_bytes body = bench_body(i);
    subject_make(subject, sizeof subject, stream, i);
    nats_must(js_PublishAsync(bus->stream, subject, body.data, (int)body.size, NULL),
              "js_PublishAsync");
}

void hand_publish_settle(hand_bus *bus)
{
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 60000;
    nats_must(js_PublishAsyncComplete(bus->stream, &options), "js_PublishAsyncComplete");
}

/* ---- The consumer ---- */

struct hand_consumer {
    pthread_t thread;
    hand_bus bus;
    natsSubscription *subscription;
    PGconn *connection;
    int batch;
    atomic_bool stopping;
    atomic_uint_fast64_t handled;
};

/* All facts of a fetch in one transaction; then the last message is acknowledged, and with it all
 * before it. */
static void messages_handle(hand_consumer *consumer, const natsMsgList *list)
{
    hand_begin(consumer->connection);
    for (int i = 0; i < list->Count; i++)
        hand_fact_send(consumer->connection, natsMsg_GetData(list->Msgs[i]),
                       (size_t)natsMsg_GetDataLength(list->Msgs[i]));
    hand_commit(consumer->connection);
    atomic_fetch_add(&consumer->handled, (uint64_t)list->Count);
    nats_must(natsMsg_Ack(list->Msgs[list->Count - 1], NULL), "natsMsg_Ack");
}

static void *consumer_run(void *argument)
{
    hand_consumer *consumer = argument;
    while (!atomic_load(&consumer->stopping)) {
        natsMsgList list = {0};
        const natsStatus status =
            natsSubscription_Fetch(&list, consumer->subscription, consumer->batch, 200, NULL);
        if (status != NATS_OK && status != NATS_TIMEOUT)
            nats_must(status, "natsSubscription_Fetch");
        if (list.Count > 0)
            messages_handle(consumer, &list);
        natsMsgList_Destroy(&list);
    }
    return NULL;
}

hand_consumer *hand_consumer_start(bench_round *bench, const char *stream,
                                   const bench_database *database, int batch)
{
    hand_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL)
        bench_die("no memory");
    consumer->bus = hand_bus_open(bench);
    consumer->connection = hand_connect(database);
    consumer->batch = batch;
    char subjects[64];
    jsSubOptions options;
    snprintf(subjects, sizeof subjects, "%s.event.>", stream);
    jsSubOptions_Init(&options);
    options.Stream = stream;
    options.Config.AckPolicy = js_AckAll;
    options.Config.MaxAckPending = 4096;
    nats_must(js_PullSubscribe(&consumer->subscription, consumer->bus.stream, subjects, "by-hand",
                               NULL, &options, NULL),
              "js_PullSubscribe");
    if (pthread_create(&consumer->thread, NULL, consumer_run, consumer) != 0)
        bench_die("no thread");
    return consumer;
}

uint64_t hand_consumer_handled(void *consumer)
{
    return atomic_load(&((hand_consumer *)consumer)->handled);
}

void hand_consumer_end(hand_consumer *consumer)
{
    atomic_store(&consumer->stopping, true);
    pthread_join(consumer->thread, NULL);
    natsSubscription_Destroy(consumer->subscription);
    hand_bus_close(&consumer->bus);
    PQfinish(consumer->connection);
    free(consumer);
}
