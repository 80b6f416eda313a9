/* The HTTP API of the service "webhooks": where events come in. */
#ifndef SENDER_API_H
#define SENDER_API_H

#include <skald/skald.h>

#define DELIVERIES "deliveries" /* the queue */

typedef struct events_api events_api;

/* Listens on WEBHOOKS_PORT (8080; 0 takes a free one). The service must run. */
skald_status events_api_open(events_api **out, skald_service *service, skald_error *error);

/* Finishes the requests in hand. NULL is accepted. */
void events_api_free(events_api *api);

#endif
