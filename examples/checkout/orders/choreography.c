/* The checkout as a dance: everybody knows their part, nobody leads. We end the order when the
 * others have said what became of it. */
#include "orders/ending.h"
#include "orders/ways.h"
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/order_events.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

SKALD_HANDLER(on_payment_failed, shop__v1__payment_failed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return order_fail(context, event->order);
}

SKALD_HANDLER(on_items_reserved, shop__v1__items_reserved)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return order_confirm(context, event->order);
}

SKALD_HANDLER(on_payment_refunded, shop__v1__payment_refunded)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return order_cancel(context, event->order);
}

void choreography_join(skald_service *service)
{
    skald_follow(service, "payments", on_payment_failed);
    skald_follow(service, "payments", on_payment_refunded);
    skald_follow(service, "inventory", on_items_reserved);
}

skald_status choreography_begin(skald_service *service, PGconn *connection,
                                const order_beginning *beginning, skald_error *error)
{
    Shop__V1__OrderCreated created = SHOP__V1__ORDER_CREATED__INIT;
    created.order = beginning->order;
    created.card_token = (char *)beginning->card_token;
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = beginning->order->order_id;
    return skald_publish_on(service, connection, &created.base, &options, error);
}
