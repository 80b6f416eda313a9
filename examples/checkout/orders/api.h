/* The shop's front door: POST /orders and GET /orders/{id}. */
#ifndef ORDERS_API_H
#define ORDERS_API_H

#include <skald/skald.h>

typedef struct orders_api orders_api;

/* Opens the door on the loopback address; `service` must be running. */
skald_status orders_api_open(orders_api **out, skald_service *service, skald_error *error);

/* Closes it after the requests in hand. NULL is accepted. */
void orders_api_free(orders_api *api);

#endif
