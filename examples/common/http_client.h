/* One connection to a service on the loopback address that speaks JSON, or images. It is kept open
 * between requests and made anew when the other side closed it. Belongs to one thread at a time. */
#ifndef EXAMPLES_HTTP_CLIENT_H
#define EXAMPLES_HTTP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

typedef struct http_client http_client;

/* No I/O yet. NULL only when memory is exhausted. */
http_client *http_client_open(unsigned port);
void http_client_free(http_client *client);

unsigned http_client_port(const http_client *client);

/* Instead of an answer's status. */
enum {
    HTTP_SILENT = 0,       /* no answer: the request may or may not have been carried out, so only
                              what can be repeated may be sent again */
    HTTP_UNREACHABLE = -1, /* nobody listens there: it was not carried out */
};

/* What is sent besides the method and the path; NULL: nothing. */
typedef struct http_call {
    const char *idempotency_key;
    const char *image_type; /* of `image`: "image/x-portable-pixmap" */
    const void *image;
    size_t image_size;
    const json_t *body; /* where there is no image */
} http_call;

/* What came back. */
typedef struct http_reply {
    int status;
    unsigned retry_after_s; /* 0: not given */
    const char *body;       /* belongs to the client and lives until its next call */
    size_t body_size;
} http_reply;

/* Sends a request, waits for the answer, and returns its status too. `call` may be NULL. */
int http_client_send(http_client *client, const char *method, const char *path,
                     const http_call *call, http_reply *reply);

/* The same for JSON both ways: `*answer` is the answer's JSON, NULL where it has none, and the
 * caller's to free; it is left alone when there was no answer. `idempotency_key` and `body` may be
 * NULL; neither is taken over. */
int http_client_call(http_client *client, const char *method, const char *path,
                     const char *idempotency_key, const json_t *body, json_t **answer);

#endif
