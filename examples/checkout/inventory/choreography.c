/* What is paid is taken from the shelf, what is confirmed is shipped. */
#include "inventory/shelf.h"
#include "inventory/ways.h"
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/order_events.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

static skald_status publish_reserved(skald_context *context, Shop__V1__Order *order)
{
    Shop__V1__ItemsReserved reserved = SHOP__V1__ITEMS_RESERVED__INIT;
    reserved.order = order;
    return skald_publish(context, &reserved.base);
}

static skald_status publish_failed(skald_context *context, Shop__V1__Order *order)
{
    Shop__V1__ReservationFailed failed = SHOP__V1__RESERVATION_FAILED__INIT;
    failed.order = order;
    return skald_publish(context, &failed.base);
}

SKALD_HANDLER(on_payment_completed, shop__v1__payment_completed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    bool taken = false;
    const skald_status status = shelf_take(context, event->order, &taken);
    if (status != SKALD_OK)
        return status;
    return taken ? publish_reserved(context, event->order) : publish_failed(context, event->order);
}

SKALD_HANDLER(on_order_confirmed, shop__v1__order_confirmed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return shelf_ship(context, event->order);
}

void inventory_follow(skald_service *service)
{
    skald_follow(service, "payments", on_payment_completed);
    skald_follow(service, "orders", on_order_confirmed);
}
