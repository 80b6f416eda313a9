/* libmicrohttpd with one thread per connection, a limit on everything, JSON in and out, and images.
 */
#include "common/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
    bool is_image;
    bool too_large;
    size_t size;
    size_t room;
    char *body;
} incoming;

static struct MHD_Response *make_response(http_answer *answer)
{
    if (answer->image != NULL)
        return MHD_create_response_from_buffer(answer->image_size, answer->image,
                                               MHD_RESPMEM_MUST_FREE);
    char *text = answer->body != NULL ? json_dumps(answer->body, JSON_COMPACT) : NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(text != NULL ? strlen(text) : 0,
                                                                    text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text);
    return response;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, http_answer *answer)
{
    struct MHD_Response *response = make_response(answer);
    json_decref(answer->body);
    if (response == NULL) {
        free(answer->image);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type",
                            answer->image != NULL ? answer->image_type : "application/json");
    if (answer->location[0] != '\0')
        MHD_add_response_header(response, "Location", answer->location);
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", answer->retry_after_s);
    if (answer->retry_after_s > 0)
        MHD_add_response_header(response, "Retry-After", seconds);
    const enum MHD_Result sent = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result finish_request(http_server *server, struct MHD_Connection *connection,
                                      const char *method, const char *path, const incoming *in)
{
    const bool has_json = in->size > 0 && !in->is_image;
    json_error_t reason;
    json_t *body = has_json ? json_loadb(in->body, in->size, 0, &reason) : NULL;
    http_answer answer = {.status = MHD_HTTP_OK};
    const http_request request = {.method = method,
                                  .path = path,
                                  .body = body,
                                  .image = in->is_image ? in->body : NULL,
                                  .image_size = in->is_image ? in->size : 0,
                                  .connection = connection};
    if (in->too_large)
        http_refuse(&answer, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    else if (has_json && !json_is_object(body))
        http_refuse(&answer, MHD_HTTP_BAD_REQUEST, "the body must be a JSON object");
    else
        server->handler(server->user, &request, &answer);
    json_decref(body);
    return send_answer(connection, &answer);
}

static incoming *begin_request(struct MHD_Connection *connection)
{
    incoming *made = calloc(1, sizeof(*made));
    const char *type =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (made != NULL)
        made->is_image = type != NULL && strncasecmp(type, "image/", 6) == 0;
    return made;
}

static bool make_room(incoming *in, size_t size)
{
    if (size <= in->room)
        return true;
    char *grown = realloc(in->body, 2 * size);
    if (grown == NULL)
        return false;
    in->body = grown;
    in->room = 2 * size;
    return true;
}

static void collect_body(incoming *in, const char *data, size_t size)
{
    const size_t size_max = in->is_image ? HTTP_IMAGE_SIZE_MAX : HTTP_BODY_SIZE_MAX;
    in->too_large = in->too_large || size > size_max - in->size || !make_room(in, in->size + size);
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
        *state = begin_request(connection);
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
    incoming *in = *state;
    if (in != NULL)
        free(in->body);
    free(in);
}

const char *http_request_header(const http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_query(const http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
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
