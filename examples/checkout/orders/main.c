/* The service "orders": takes orders over HTTP (api.c) and ends them when the other services have
 * said what became of them. */
#include "orders/api.h"
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/order_events.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

#include <skald/skald.h>

static skald_status end_order(skald_context *context, const Shop__V1__Order *order,
                              const char *state)
{
    return skald_exec(context,
                      "UPDATE orders SET state = $2, endings = endings + 1,"
                      " ended_at = clock_timestamp() WHERE order_id = $1",
                      order->order_id, state);
}

SKALD_HANDLER(on_payment_failed, shop__v1__payment_failed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return end_order(context, event->order, "payment_failed");
}

SKALD_HANDLER(on_items_reserved, shop__v1__items_reserved)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    const skald_status status = end_order(context, event->order, "confirmed");
    if (status != SKALD_OK)
        return status;
    Shop__V1__OrderConfirmed confirmed = SHOP__V1__ORDER_CONFIRMED__INIT;
    confirmed.order = event->order;
    return skald_publish(context, &confirmed.base);
}

SKALD_HANDLER(on_payment_refunded, shop__v1__payment_refunded)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    const skald_status status = end_order(context, event->order, "cancelled");
    if (status != SKALD_OK)
        return status;
    Shop__V1__OrderCancelled cancelled = SHOP__V1__ORDER_CANCELLED__INIT;
    cancelled.order = event->order;
    cancelled.reason = SHOP__V1__CANCEL_REASON__CANCEL_REASON_OUT_OF_STOCK;
    return skald_publish(context, &cancelled.base);
}

/* The door opens when the service runs and closes before it drains, so that nobody publishes on a
 * service that is not there. */
static skald_status open_door(skald_service *service, void *user, skald_error *error)
{
    return orders_api_open(user, service, error);
}

static void close_door(skald_service *service, void *user)
{
    (void)service;
    orders_api **api = user;
    orders_api_free(*api);
    *api = NULL;
}

int main(int argc, char **argv)
{
    orders_api *api = NULL;
    skald_options options = SKALD_OPTIONS_INIT;
    options.on_start = open_door;
    options.on_stop = close_door;
    options.user = &api;
    skald_service *service = skald_service_open("orders", &options);
    skald_follow(service, "payments", on_payment_failed);
    skald_follow(service, "payments", on_payment_refunded);
    skald_follow(service, "inventory", on_items_reserved);
    return skald_main(service, argc, argv);
}
