/* The payment provider as the service "payments" sees it: somebody else's HTTP API. */
#ifndef PAYMENTS_PROVIDER_H
#define PAYMENTS_PROVIDER_H

#include "shop/v1/order.pb-c.h"

typedef enum provider_outcome {
    PROVIDER_DONE,
    PROVIDER_REFUSED, /* the provider says no; asking again does not help */
    PROVIDER_ABSENT,  /* it knows nothing of a call with this key */
    PROVIDER_AWAY,    /* it cannot be reached, or says that it cannot just now; no money moved */
    PROVIDER_SILENT,  /* no answer came: the money may or may not have moved */
} provider_outcome;

typedef struct shop_provider shop_provider;

/* No I/O yet. NULL only when memory is exhausted. */
shop_provider *provider_open(unsigned port);
void provider_free(shop_provider *provider);

/* Both may be called any number of times with one key: the provider knows the call by it and moves
 * the money once. `id` is the provider's number for it. Any thread. */
provider_outcome provider_charge(shop_provider *provider, const char *key,
                                 const Shop__V1__Order *order, const char *card_token, char id[64]);
provider_outcome provider_refund(shop_provider *provider, const char *key,
                                 const Shop__V1__Order *order, char id[64]);

/* Did a call with this key happen? Moves nothing. Never PROVIDER_REFUSED: what was refused leaves
 * no trace. */
provider_outcome provider_find_charge(shop_provider *provider, const char *key, char id[64]);
provider_outcome provider_find_refund(shop_provider *provider, const char *key, char id[64]);

#endif
