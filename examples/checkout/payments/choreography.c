/* A new order is charged; what cannot be had is paid back. */
#include "payments/calls.h"
#include "payments/ways.h"
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/order_events.pb-c.h"
#include "shop/v1/payment_commands.pb-c.h"

SKALD_HANDLER(on_order_created, shop__v1__order_created)
{
    Shop__V1__ChargeCard command = SHOP__V1__CHARGE_CARD__INIT;
    command.order = event->order;
    command.card_token = event->card_token;
    return skald_enqueue(context, PROVIDER_QUEUE, &command.base, NULL);
}

SKALD_HANDLER(on_reservation_failed, shop__v1__reservation_failed)
{
    Shop__V1__RefundCard command = SHOP__V1__REFUND_CARD__INIT;
    command.order = event->order;
    return skald_enqueue(context, PROVIDER_QUEUE, &command.base, NULL);
}

void payments_follow(skald_service *service)
{
    skald_follow(service, "orders", on_order_created);
    skald_follow(service, "inventory", on_reservation_failed);
}
