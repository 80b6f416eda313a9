/* `endings` is counted, so that a doubled ending can be seen. */
#include "orders/ending.h"

#include "shop/v1/order_events.pb-c.h"

static skald_status end_order(skald_context *context, const Shop__V1__Order *order,
                              const char *state)
{
    return skald_exec(context,
                      "UPDATE orders SET state = $2, endings = endings + 1,"
                      " ended_at = clock_timestamp() WHERE order_id = $1",
                      order->order_id, state);
}

skald_status order_confirm(skald_context *context, Shop__V1__Order *order)
{
    const skald_status status = end_order(context, order, "confirmed");
    if (status != SKALD_OK)
        return status;
    Shop__V1__OrderConfirmed confirmed = SHOP__V1__ORDER_CONFIRMED__INIT;
    confirmed.order = order;
    return skald_publish(context, &confirmed.base);
}

skald_status order_cancel(skald_context *context, Shop__V1__Order *order)
{
    const skald_status status = end_order(context, order, "cancelled");
    if (status != SKALD_OK)
        return status;
    Shop__V1__OrderCancelled cancelled = SHOP__V1__ORDER_CANCELLED__INIT;
    cancelled.order = order;
    cancelled.reason = SHOP__V1__CANCEL_REASON__CANCEL_REASON_OUT_OF_STOCK;
    return skald_publish(context, &cancelled.base);
}

skald_status order_fail(skald_context *context, const Shop__V1__Order *order)
{
    return end_order(context, order, "payment_failed");
}
