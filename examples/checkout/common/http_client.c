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

#define ANSWER_SIZE_MAX 65536u
#define REQUEST_SIZE_MAX 65536u
#define WAIT_SECONDS_MAX 10 /* less than a service takes to drain */

struct http_client {
    int socket; /* -1: not connected */
    unsigned port;
    size_t size;
    char text[ANSWER_SIZE_MAX + 1];
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

static bool send_request(http_client *client, const char *method, const char *path,
                         const char *idempotency_key, const char *body)
{
    char request[REQUEST_SIZE_MAX];
    const int size =
        snprintf(request, sizeof(request),
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                 "%s%s%s\r\n%s",
                 method, path, strlen(body), idempotency_key != NULL ? "Idempotency-Key: " : "",
                 idempotency_key != NULL ? idempotency_key : "",
                 idempotency_key != NULL ? "\r\n" : "", body);
    return size > 0 && (size_t)size < sizeof(request) && send_all(client, request, (size_t)size);
}

static bool receive_some(http_client *client)
{
    const size_t room = ANSWER_SIZE_MAX - client->size;
    const ssize_t got = room > 0 ? recv(client->socket, client->text + client->size, room, 0) : 0;
    if (got <= 0)
        return false;
    client->size += (size_t)got;
    client->text[client->size] = '\0';
    return true;
}

/* Where the body begins; NULL when the head never ends. */
static char *receive_head(http_client *client)
{
    client->size = 0;
    client->text[0] = '\0';
    char *end = NULL;
    while ((end = strstr(client->text, "\r\n\r\n")) == NULL)
        if (!receive_some(client))
            return NULL;
    return end + 4;
}

/* The value of a header in the head, which ends at `body`; NULL when it is not there. */
static const char *find_header(const http_client *client, const char *body, const char *name)
{
    const size_t size = strlen(name);
    const char *line = strstr(client->text, "\r\n");
    for (; line != NULL && line + 4 < body; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 2 + size + 1 + strspn(line + 2 + size + 1, " ");
    return NULL;
}

static int receive_answer(http_client *client, json_t **answer)
{
    char *body = receive_head(client);
    if (body == NULL || strncmp(client->text, "HTTP/1.1 ", 9) != 0)
        return 0;
    const int status = (int)strtol(client->text + 9, NULL, 10);
    const char *length = find_header(client, body, "Content-Length");
    const size_t size = length != NULL ? strtoul(length, NULL, 10) : 0;
    while (client->size < (size_t)(body - client->text) + size)
        if (!receive_some(client))
            return 0;
    const char *connection = find_header(client, body, "Connection");
    if (connection != NULL && strncasecmp(connection, "close", 5) == 0)
        disconnect(client);
    *answer = size > 0 ? json_loadb(body, size, 0, NULL) : NULL;
    return status;
}

int http_client_call(http_client *client, const char *method, const char *path,
                     const char *idempotency_key, const json_t *body, json_t **answer)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : strdup("");
    json_t *received = NULL;
    int status = 0;
    if (text != NULL && ensure_connected(client) &&
        send_request(client, method, path, idempotency_key, text))
        status = receive_answer(client, &received);
    if (status == 0)
        disconnect(client);
    else
        *answer = received;
    free(text);
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

void http_client_free(http_client *client)
{
    if (client == NULL)
        return;
    disconnect(client);
    free(client);
}
