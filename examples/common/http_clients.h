/* Connections to services on the loopback address, lent to threads and kept open when nobody needs
 * them. */
#ifndef EXAMPLES_HTTP_CLIENTS_H
#define EXAMPLES_HTTP_CLIENTS_H

#include "common/http_client.h"

typedef struct http_clients http_clients;

/* No I/O yet. NULL only when memory is exhausted. */
http_clients *http_clients_open(void);

/* NULL is accepted. */
void http_clients_free(http_clients *clients);

/* One to this port; NULL only when memory is exhausted. Any thread. */
http_client *http_clients_take(http_clients *clients, unsigned port);

/* Gives it back; NULL is accepted. */
void http_clients_give(http_clients *clients, http_client *client);

#endif
