/* The two ways in which an order finds its end; one of the two, see shop/mode.h. */
#ifndef ORDERS_WAYS_H
#define ORDERS_WAYS_H

#include "shop/v1/order.pb-c.h"

#include <libpq-fe.h>
#include <skald/skald.h>

/* What an order begins with, in the transaction that is open on the connection. */
typedef struct order_beginning {
    Shop__V1__Order *order;
    const char *card_token;
} order_beginning;

/* choreography.c: the others follow OrderCreated, and we follow them. flow.c has an eye on it. */
void choreography_join(skald_service *service);
void choreography_watch(skald_service *service);
skald_status choreography_begin(skald_service *service, PGconn *connection,
                                const order_beginning *beginning, skald_error *error);

/* checkout.c: a saga asks the others, step by step. */
void checkout_join(skald_service *service);
skald_status checkout_begin(skald_service *service, PGconn *connection,
                            const order_beginning *beginning, skald_error *error);

#endif
