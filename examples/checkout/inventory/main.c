/* The service "inventory": takes paid items from the shelf, all that an order asks for or none. */
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

#include <libpq-fe.h>
#include <skald/skald.h>

static skald_status reserve_items(skald_context *context, Shop__V1__Order *order)
{
    const skald_status status =
        skald_exec(context, "INSERT INTO reservation (order_id, sku, quantity) VALUES ($1, $2, $3)",
                   order->order_id, order->sku, order->quantity);
    if (status != SKALD_OK)
        return status;
    Shop__V1__ItemsReserved reserved = SHOP__V1__ITEMS_RESERVED__INIT;
    reserved.order = order;
    return skald_publish(context, &reserved.base);
}

static skald_status refuse_items(skald_context *context, Shop__V1__Order *order)
{
    Shop__V1__ReservationFailed failed = SHOP__V1__RESERVATION_FAILED__INIT;
    failed.order = order;
    return skald_publish(context, &failed.base);
}

SKALD_HANDLER(on_payment_completed, shop__v1__payment_completed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    PGresult *taken = NULL;
    const skald_status status = skald_query(context, &taken,
                                            "UPDATE stock SET on_hand = on_hand - $2"
                                            " WHERE sku = $1 AND on_hand >= $2 RETURNING on_hand",
                                            event->order->sku, event->order->quantity);
    if (status != SKALD_OK)
        return status;
    return PQntuples(taken) == 1 ? reserve_items(context, event->order)
                                 : refuse_items(context, event->order);
}

/* One worker: all orders touch the same few rows of stock, and more workers would only wait for
 * each other's locks. */
int main(int argc, char **argv)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.workers = 1;
    skald_service *service = skald_service_open("inventory", &options);
    skald_follow(service, "payments", on_payment_completed);
    return skald_main(service, argc, argv);
}
