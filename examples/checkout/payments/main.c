/* The service "payments": takes the money when an order is created and gives it back when the items
 * cannot be had. The provider is asked from the handler; a handler can run twice, so every call
 * carries a key by which the provider knows a repeat. */
#include "common/settings.h"
#include "payments/provider.h"
#include "shop/v1/inventory_events.pb-c.h"
#include "shop/v1/order_events.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

#include <skald/skald.h>

static skald_status note_payment(skald_context *context, const Shop__V1__Order *order,
                                 const char *kind, int64_t cents, const char *provider_id)
{
    return skald_exec(context,
                      "INSERT INTO payment (order_id, kind, cents, provider_id)"
                      " VALUES ($1, $2, $3, $4)",
                      order->order_id, kind, cents, provider_id);
}

static skald_status complete_payment(skald_context *context, Shop__V1__Order *order,
                                     char *charge_id)
{
    const skald_status status =
        note_payment(context, order, "charge", order->total_cents, charge_id);
    if (status != SKALD_OK)
        return status;
    Shop__V1__PaymentCompleted completed = SHOP__V1__PAYMENT_COMPLETED__INIT;
    completed.order = order;
    completed.charge_id = charge_id;
    return skald_publish(context, &completed.base);
}

static skald_status fail_payment(skald_context *context, Shop__V1__Order *order)
{
    const skald_status status = note_payment(context, order, "refusal", 0, NULL);
    if (status != SKALD_OK)
        return status;
    Shop__V1__PaymentFailed failed = SHOP__V1__PAYMENT_FAILED__INIT;
    failed.order = order;
    failed.reason = SHOP__V1__PAYMENT_FAILURE_REASON__PAYMENT_FAILURE_REASON_CARD_REFUSED;
    return skald_publish(context, &failed.base);
}

SKALD_HANDLER(on_order_created, shop__v1__order_created)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    char charge_id[64];
    switch (
        provider_charge(skald_context_user(context), event->order, event->card_token, charge_id)) {
    case PROVIDER_DONE:
        return complete_payment(context, event->order, charge_id);
    case PROVIDER_REFUSED:
        return fail_payment(context, event->order);
    case PROVIDER_SILENT:
    default:
        return skald_fail(context, "the payment provider did not answer");
    }
}

SKALD_HANDLER(on_reservation_failed, shop__v1__reservation_failed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    char refund_id[64];
    if (provider_refund(skald_context_user(context), event->order, refund_id) != PROVIDER_DONE)
        return skald_fail(context, "the payment provider did not answer");
    const skald_status status =
        note_payment(context, event->order, "refund", event->order->total_cents, refund_id);
    if (status != SKALD_OK)
        return status;
    Shop__V1__PaymentRefunded refunded = SHOP__V1__PAYMENT_REFUNDED__INIT;
    refunded.order = event->order;
    refunded.refund_id = refund_id;
    return skald_publish(context, &refunded.base);
}

/* The provider takes its time, and a batch commits when all its handlers are done: many workers
 * with small batches, so that one order does not wait for fifty others' charges. */
int main(int argc, char **argv)
{
    shop_provider *provider =
        provider_open((unsigned)setting_number("SHOP_PROVIDER_PORT", 8090, 1, 65535));
    skald_options options = SKALD_OPTIONS_INIT;
    options.user = provider;
    options.workers = 16;
    options.batch_max = 8;
    skald_service *service = skald_service_open("payments", &options);
    skald_follow(service, "orders", on_order_created);
    skald_follow(service, "inventory", on_reservation_failed);
    const int code = skald_main(service, argc, argv);
    provider_free(provider);
    return code;
}
