/* HTTP/1.1 as far as our own services need it: answers with a Content-Length, no redirections. */
#include "common/http_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_SIZE_MAX 4096u
#define ANSWER_SIZE_MAX (8u * 1024u * 1024u)
#define ANSWER_SIZE_FIRST 16384u
#define WAIT_SECONDS_MAX 10 /* less than a service takes to drain */

struct http_client {
    int socket; /* -1: not connected */
    unsigned port;
    size_t size;
    size_t room; /* of `text`, without its NUL */
    char *text;
};

static void disconnect(http_client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
}

static bool ensure_connected(http_client *client)
{
    if (client->socket >= 0)
        return true;
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)client->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {WAIT_SECONDS_MAX, 0};
    const int yes = 1;
    if (made < 0)
        return false;
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(made, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(made);
        return false;
    }
    client->socket = made;
    return true;
}

static bool send_all(http_client *client, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t sent = send(client->socket, text, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Head and body leave in one piece where the body is short. */
static bool send_pieces(http_client *client, const char *head, size_t head_size, const char *body,
                        size_t body_size)
{
    char whole[2 * HEAD_SIZE_MAX];
    if (head_size + body_size > sizeof(whole))
        return send_all(client, head, head_size) && send_all(client, body, body_size);
    memcpy(whole, head, head_size);
    memcpy(whole + head_size, body, body_size);
    return send_all(client, whole, head_size + body_size);
}

static bool send_request(http_client *client, const char *method, const char *path,
                         const http_call *call, const char *body, size_t body_size)
{
    char head[HEAD_SIZE_MAX];
    const char *key = call->idempotency_key;
    const int size = snprintf(
        head, sizeof(head),
        "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: %s\r\nContent-Length: %zu\r\n"
        "%s%s%s\r\n",
        method, path, call->image != NULL ? call->image_type : "application/json", body_size,
        key != NULL ? "Idempotency-Key: " : "", key != NULL ? key : "", key != NULL ? "\r\n" : "");
    return size > 0 && (size_t)size < sizeof(head) &&
           send_pieces(client, head, (size_t)size, body, body_size);
}

static bool make_room(http_client *client, size_t size)
{
    if (size <= client->room)
        return true;
    char *grown = size <= ANSWER_SIZE_MAX ? realloc(client->text, size + 1) : NULL;
    if (grown == NULL)
        return false;
    client->text = grown;
    client->room = size;
    return true;
}

static bool receive_some(http_client *client)
{
    const size_t room = client->room - client->size;
    const ssize_t got = room > 0 ? recv(client->socket, client->text + client->size, room, 0) : 0;
    if (got <= 0)
        return false;
    client->size += (size_t)got;
    client->text[client->size] = '\0';
    return true;
}

/* How long the head is, its empty line included; 0 when it never ends. */
static size_t receive_head(http_client *client)
{
    client->size = 0;
    client->text[0] = '\0';
    const char *end = NULL;
    while ((end = strstr(client->text, "\r\n\r\n")) == NULL)
        if (!receive_some(client))
            return 0;
    return (size_t)(end + 4 - client->text);
}

/* The value of a header in the head of this size; NULL when it is not there. */
static const char *find_header(const http_client *client, size_t head_size, const char *name)
{
    const size_t size = strlen(name);
    const char *line = strstr(client->text, "\r\n");
    for (; line != NULL && line + 4 < client->text + head_size; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 2 + size + 1 + strspn(line + 2 + size + 1, " ");
    return NULL;
}

static bool receive_body(http_client *client, size_t whole_size)
{
    if (!make_room(client, whole_size))
        return false;
    while (client->size < whole_size)
        if (!receive_some(client))
            return false;
    return true;
}

static int receive_answer(http_client *client, http_reply *reply)
{
    const size_t head_size = make_room(client, ANSWER_SIZE_FIRST) ? receive_head(client) : 0;
    if (head_size == 0 || strncmp(client->text, "HTTP/1.1 ", 9) != 0)
        return HTTP_SILENT;
    const int status = (int)strtol(client->text + 9, NULL, 10);
    const char *length = find_header(client, head_size, "Content-Length");
    const char *pause = find_header(client, head_size, "Retry-After");
    const char *connection = find_header(client, head_size, "Connection");
    const size_t size = length != NULL ? strtoul(length, NULL, 10) : 0;
    const unsigned retry_after_s = pause != NULL ? (unsigned)strtoul(pause, NULL, 10) : 0;
    const bool closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    if (!receive_body(client, head_size + size)) /* may move the text */
        return HTTP_SILENT;
    if (closes)
        disconnect(client);
    *reply = (http_reply){status, retry_after_s, client->text + head_size, size};
    return status;
}

static int exchange(http_client *client, const char *method, const char *path,
                    const http_call *call, const char *body, size_t body_size, http_reply *reply)
{
    if (!ensure_connected(client))
        return HTTP_UNREACHABLE;
    const int status = send_request(client, method, path, call, body, body_size)
                           ? receive_answer(client, reply)
                           : HTTP_SILENT;
    if (status == HTTP_SILENT)
        disconnect(client);
    return status;
}

int http_client_send(http_client *client, const char *method, const char *path,
                     const http_call *call, http_reply *reply)
{
    static const http_call nothing = {0};
    if (call == NULL)
        call = &nothing;
    if (call->image != NULL)
        return exchange(client, method, path, call, call->image, call->image_size, reply);
    char *text = call->body != NULL ? json_dumps(call->body, JSON_COMPACT) : strdup("");
    const int status = text != NULL
                           ? exchange(client, method, path, call, text, strlen(text), reply)
                           : HTTP_UNREACHABLE;
    free(text);
    return status;
}

int http_client_call(http_client *client, const char *method, const char *path,
                     const char *idempotency_key, const json_t *body, json_t **answer)
{
    const http_call call = {.idempotency_key = idempotency_key, .body = body};
    http_reply reply = {0};
    const int status = http_client_send(client, method, path, &call, &reply);
    if (status > 0)
        *answer = reply.body_size > 0 ? json_loadb(reply.body, reply.body_size, 0, NULL) : NULL;
    return status;
}

http_client *http_client_open(unsigned port)
{
    http_client *client = calloc(1, sizeof(*client));
    if (client != NULL) {
        client->socket = -1;
        client->port = port;
    }
    return client;
}

unsigned http_client_port(const http_client *client)
{
    return client->port;
}

void http_client_free(http_client *client)
{
    if (client == NULL)
        return;
    disconnect(client);
    free(client->text);
    free(client);
}
