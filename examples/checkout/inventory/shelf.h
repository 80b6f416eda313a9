/* What is done with the items of an order, in the transaction of whoever asks for it. */
#ifndef INVENTORY_SHELF_H
#define INVENTORY_SHELF_H

#include "shop/v1/order.pb-c.h"

#include <skald/skald.h>

/* Takes all that the order asks for, or none: `*taken` says which. */
skald_status shelf_take(skald_context *context, const Shop__V1__Order *order, bool *taken);

/* Puts back what was taken for it. */
skald_status shelf_put_back(skald_context *context, const Shop__V1__Order *order);

/* What was taken for it leaves the house. */
skald_status shelf_ship(skald_context *context, const Shop__V1__Order *order);

#endif
