/* The commands of the saga. The provider is outside and slow, so both are answered later, by the
 * activity that has called it. */
#include "payments/calls.h"
#include "payments/ways.h"
#include "shop/v1/payment_commands.pb-c.h"

static skald_status call_provider(skald_context *context, const ProtobufCMessage *command)
{
    const skald_status status = skald_enqueue(context, PROVIDER_QUEUE, command, NULL);
    return status != SKALD_OK ? status : skald_reply_later(context);
}

SKALD_HANDLER(take_charge_card, shop__v1__charge_card)
{
    return call_provider(context, &event->base);
}

SKALD_HANDLER(take_refund_card, shop__v1__refund_card)
{
    return call_provider(context, &event->base);
}

void payments_participate(skald_service *service)
{
    skald_participate(service, "orders", take_charge_card);
    skald_participate(service, "orders", take_refund_card);
}
