/* How an order ends, in the transaction of whoever finds that out: its row, and the event that
 * tells everybody. */
#ifndef ORDERS_ENDING_H
#define ORDERS_ENDING_H

#include "shop/v1/order.pb-c.h"

#include <skald/skald.h>

/* Paid and reserved. */
skald_status order_confirm(skald_context *context, Shop__V1__Order *order);

/* The shop cannot deliver, and has paid back what was paid. */
skald_status order_cancel(skald_context *context, Shop__V1__Order *order);

/* The card was refused. There is nothing to tell that was not said already. */
skald_status order_fail(skald_context *context, const Shop__V1__Order *order);

#endif
