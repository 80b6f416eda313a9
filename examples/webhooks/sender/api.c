/* An event becomes a row, and a job for each endpoint, in one transaction. */
#include "sender/api.h"

#include "common/http_server.h"
#include "common/pool.h"
#include "common/settings.h"
#include "hooks/v1/deliveries.pb-c.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 8u
#define BODY_SIZE_MAX 1024u

struct events_api {
    skald_service *service;
    connection_pool *pool;
    http_server *server;
};

/* How many rows it changed; -1 when PostgreSQL refused it. */
static int run(PGconn *connection, const char *sql, int count, const char *const values[])
{
    PGresult *result = PQexecParams(connection, sql, count, NULL, values, NULL, NULL, 0);
    const int changed = PQresultStatus(result) == PGRES_COMMAND_OK
                            ? (int)strtol(PQcmdTuples(result), NULL, 10)
                            : -1;
    PQclear(result);
    return changed;
}

/* Whoever has the endpoints' rows is the only one to number events for them until the COMMIT: so
 * jobs of one endpoint become due in the order of their numbers. The rows: name, port, number. */
static PGresult *number_event(PGconn *connection)
{
    PGresult *result = PQexec(connection, "SELECT FROM endpoint ORDER BY name FOR UPDATE");
    const bool locked = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    return locked ? PQexec(connection, "UPDATE endpoint SET events = events + 1"
                                       " RETURNING name, port, events")
                  : NULL;
}

static bool enqueue(events_api *api, PGconn *connection, const Hooks__V1__Deliver *wish,
                    const char *id)
{
    skald_enqueue_options options = SKALD_ENQUEUE_OPTIONS_INIT;
    options.id = id;
    options.key = wish->endpoint;
    skald_error error;
    if (skald_enqueue_on(api->service, connection, DELIVERIES, &wish->base, &options, NULL,
                         &error) == SKALD_OK)
        return true;
    fprintf(stderr, "EVENT-REFUSED %s\n", error.text);
    return false;
}

/* A row for the books and the job, with one id. */
static bool add_delivery(events_api *api, PGconn *connection, const char *event_id,
                         Hooks__V1__Deliver *wish, const char *number)
{
    char id[37];
    skald_uuid7(id);
    const char *values[] = {id, event_id, wish->endpoint, number};
    return run(connection,
               "INSERT INTO delivery (id, event_id, endpoint, number) VALUES ($1, $2, $3, $4)", 4,
               values) == 1 &&
           enqueue(api, connection, wish, id);
}

static bool add_deliveries(events_api *api, PGconn *connection, const char *event_id,
                           const char *body)
{
    PGresult *endpoints = number_event(connection);
    bool good = PQresultStatus(endpoints) == PGRES_TUPLES_OK;
    for (int row = 0; good && row < PQntuples(endpoints); row++) {
        Hooks__V1__Deliver wish = HOOKS__V1__DELIVER__INIT;
        wish.endpoint = PQgetvalue(endpoints, row, 0);
        wish.port = (uint32_t)strtoul(PQgetvalue(endpoints, row, 1), NULL, 10);
        wish.number = strtoull(PQgetvalue(endpoints, row, 2), NULL, 10);
        wish.body = (char *)body;
        good = add_delivery(api, connection, event_id, &wish, PQgetvalue(endpoints, row, 2));
    }
    PQclear(endpoints);
    return good;
}

/* 1 when the event is new, 0 when somebody has told of it before, -1 when it cannot be noted.
 * Whoever tells of it at the same time is waited for. */
static int insert_event(PGconn *connection, const char *const values[3])
{
    return run(connection,
               "INSERT INTO event (id, idempotency_key, body) VALUES ($1, $2, $3)"
               " ON CONFLICT (idempotency_key) DO NOTHING",
               3, values);
}

/* The event and all its deliveries commit together, or it has not happened. */
static void take_event(events_api *api, PGconn *connection, const char *key, const char *body,
                       http_answer *answer)
{
    char id[37];
    skald_uuid7(id);
    const int added = run(connection, "BEGIN", 0, NULL) == 0
                          ? insert_event(connection, (const char *[]){id, key, body})
                          : -1;
    if (added >= 0 && (added == 0 || add_deliveries(api, connection, id, body)) &&
        run(connection, "COMMIT", 0, NULL) == 0) {
        skald_ring(api->service);
        answer->status = 202;
        answer->body = json_pack("{s:b}", "repeated", added == 0);
    } else {
        http_refuse(answer, 503, "try again");
    }
    if (PQtransactionStatus(connection) != PQTRANS_IDLE)
        run(connection, "ROLLBACK", 0, NULL);
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    events_api *api = user;
    const char *body = json_string_value(json_object_get(request->body, "body"));
    const char *key = http_request_header(request, "Idempotency-Key");
    if (strcmp(request->method, "POST") != 0 || strcmp(request->path, "/events") != 0) {
        http_refuse(answer, 404, "there is only POST /events");
    } else if (body == NULL || strlen(body) > BODY_SIZE_MAX) {
        http_refuse(answer, 400, "body must be a text of at most 1024 bytes");
    } else {
        PGconn *connection = pool_take(api->pool);
        take_event(api, connection, key, body, answer);
        pool_give(api->pool, connection);
    }
}

skald_status events_api_open(events_api **out, skald_service *service, skald_error *error)
{
    const unsigned port = (unsigned)setting_number("WEBHOOKS_PORT", 8080, 0, 65535);
    events_api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the HTTP server");
    api->service = service;
    api->pool = pool_open("", CONNECTIONS);
    api->server = api->pool != NULL ? http_server_open(port, on_request, api) : NULL;
    if (api->server == NULL) {
        events_api_free(api);
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "cannot listen on 127.0.0.1:%u: choose another WEBHOOKS_PORT", port);
    }
    setting_announce_port("WEBHOOKS_PORT_FILE", http_server_port(api->server));
    *out = api;
    return SKALD_OK;
}

void events_api_free(events_api *api)
{
    if (api == NULL)
        return;
    http_server_free(api->server);
    pool_free(api->pool);
    free(api);
}
