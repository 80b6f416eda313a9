/* libmicrohttpd with one thread per connection, a limit on everything, and JSON in and out. */
#include "common/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 256u
#define IDLE_SECONDS_MAX 60u

struct http_server {
    struct MHD_Daemon *daemon;
    http_handler *handler;
    void *user;
};

/* One request while its body arrives. */
typedef struct incoming {
    size_t size;
    bool too_large;
    char body[HTTP_BODY_SIZE_MAX];
} incoming;

static enum MHD_Result send_answer(struct MHD_Connection *connection, http_answer *answer)
{
    char *text = answer->body != NULL ? json_dumps(answer->body, JSON_COMPACT) : NULL;
    json_decref(answer->body);
    struct MHD_Response *response = MHD_create_response_from_buffer(text != NULL ? strlen(text) : 0,
                                                                    text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (answer->location[0] != '\0')
        MHD_add_response_header(response, "Location", answer->location);
    const enum MHD_Result sent = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result finish_request(http_server *server, struct MHD_Connection *connection,
                                      const char *method, const char *path, incoming *in)
{
    json_error_t reason;
    json_t *body = in->size > 0 ? json_loadb(in->body, in->size, 0, &reason) : NULL;
    http_answer answer = {.status = MHD_HTTP_OK};
    if (in->too_large)
        http_refuse(&answer, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    else if (in->size > 0 && !json_is_object(body))
        http_refuse(&answer, MHD_HTTP_BAD_REQUEST, "the body must be a JSON object");
    else
        server->handler(server->user, &(http_request){method, path, body, connection}, &answer);
    json_decref(body);
    return send_answer(connection, &answer);
}

static void collect_body(incoming *in, const char *data, size_t size)
{
    in->too_large = in->too_large || size > sizeof(in->body) - in->size;
    if (in->too_large)
        return;
    memcpy(in->body + in->size, data, size);
    in->size += size;
}

/* libmicrohttpd calls this once with the request's head, then for each piece of its body, then once
 * more when it is complete. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **state)
{
    (void)version;
    incoming *in = *state;
    if (in == NULL) {
        *state = calloc(1, sizeof(*in));
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*data_size > 0) {
        collect_body(in, data, *data_size);
        *data_size = 0;
        return MHD_YES;
    }
    return finish_request(user, connection, method, path, in);
}

static void on_request_done(void *user, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode how)
{
    (void)user;
    (void)connection;
    (void)how;
    free(*state);
}

const char *http_request_header(const http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void http_refuse(http_answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->body = json_pack("{s:s}", "error", text);
}

http_server *http_server_open(unsigned port, http_handler *handler, void *user)
{
    http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    server->handler = handler;
    server->user = user;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL,
        (uint16_t)port, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_request_done, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        free(server);
        return NULL;
    }
    return server;
}

unsigned http_server_port(const http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info != NULL ? info->port : 0;
}

void http_server_free(http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
