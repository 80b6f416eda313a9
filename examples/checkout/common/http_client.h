/* One connection to a JSON service on the loopback address. It is kept open between requests and
 * made anew when the other side closed it. Belongs to one thread at a time. */
#ifndef SHOP_HTTP_CLIENT_H
#define SHOP_HTTP_CLIENT_H

#include <jansson.h>

typedef struct http_client http_client;

/* No I/O yet. NULL only when memory is exhausted. */
http_client *http_client_open(unsigned port);
void http_client_free(http_client *client);

/* Sends a request, waits for the answer and returns its status; `*answer` is its JSON, NULL where
 * it has none, and the caller's to free. `idempotency_key` and `body` may be NULL; neither is taken
 * over. Returns 0 when there was no answer: the request may or may not have been carried out, so
 * only what can be repeated may be sent again. */
int http_client_call(http_client *client, const char *method, const char *path,
                     const char *idempotency_key, const json_t *body, json_t **answer);

#endif
