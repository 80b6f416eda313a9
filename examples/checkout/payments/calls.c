/* The calls to the payment provider: activities, outside of any transaction. When nobody knows
 * whether a call had its effect, because a process or an answer was lost, the provider is asked
 * that first. */
#include "payments/calls.h"

#include "payments/provider.h"
#include "shop/mode.h"
#include "shop/v1/payment_commands.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

#define PROVIDER_CALLS 64u /* at a time, in each process: a thread that waits costs little */

/* --- what became of it: in the transaction that notes the end of the activity -------------------
 */

static skald_status note_payment(skald_context *context, const Shop__V1__Order *order,
                                 const char *kind, int64_t cents, const char *provider_id)
{
    return skald_exec(context,
                      "INSERT INTO payment (order_id, kind, cents, provider_id)"
                      " VALUES ($1, $2, $3, $4)",
                      order->order_id, kind, cents, provider_id);
}

/* To the saga that asked for it, or to everybody. */
static skald_status tell(skald_context *context, const ProtobufCMessage *event)
{
    return shop_is_orchestrated() ? skald_reply(context, event) : skald_publish(context, event);
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
    return tell(context, &completed.base);
}

static skald_status publish_failed(skald_context *context, Shop__V1__Order *order)
{
    const skald_status status = note_payment(context, order, "refusal", 0, NULL);
    if (status != SKALD_OK)
        return status;
    Shop__V1__PaymentFailed failed = SHOP__V1__PAYMENT_FAILED__INIT;
    failed.order = order;
    failed.reason = SHOP__V1__PAYMENT_FAILURE_REASON__PAYMENT_FAILURE_REASON_CARD_REFUSED;
    return skald_publish(context, &failed.base);
}

/* A saga is refused what it asked for: what is refused leaves nothing behind but the answer, which
 * Skald keeps. */
static skald_status fail_payment(skald_context *context, Shop__V1__Order *order)
{
    return shop_is_orchestrated() ? skald_refuse(context, "the card is refused")
                                  : publish_failed(context, order);
}

static skald_status complete_refund(skald_context *context, Shop__V1__Order *order, char *refund_id)
{
    const skald_status status =
        note_payment(context, order, "refund", order->total_cents, refund_id);
    if (status != SKALD_OK)
        return status;
    Shop__V1__PaymentRefunded refunded = SHOP__V1__PAYMENT_REFUNDED__INIT;
    refunded.order = order;
    refunded.refund_id = refund_id;
    return tell(context, &refunded.base);
}

/* What is answered when the money has not moved, as far as we know. */
static skald_status wait_for_provider(skald_context *context, provider_outcome outcome)
{
    if (outcome == PROVIDER_SILENT)
        return SKALD_TIMEOUT;
    return skald_fail_as(context, "provider-away", "the payment provider did not answer");
}

/* --- the calls -----------------------------------------------------------------------------------
 */

SKALD_VERIFY(find_charge, shop__v1__charge_card)
{
    char charge_id[64];
    const provider_outcome outcome = provider_find_charge(
        skald_context_user(context), skald_idempotency_key(context), charge_id);
    if (outcome == PROVIDER_DONE)
        return complete_payment(context, input->order, charge_id);
    return outcome == PROVIDER_ABSENT ? SKALD_NOT_FOUND : wait_for_provider(context, outcome);
}

SKALD_ACTIVITY_VERIFIED(charge_card, shop__v1__charge_card, find_charge)
{
    if (input->order == NULL)
        return skald_dead(context, "the command carries no order");
    char charge_id[64];
    const provider_outcome outcome =
        provider_charge(skald_context_user(context), skald_idempotency_key(context), input->order,
                        input->card_token, charge_id);
    switch (outcome) {
    case PROVIDER_DONE:
        return complete_payment(context, input->order, charge_id);
    case PROVIDER_REFUSED:
        return fail_payment(context, input->order);
    default:
        return wait_for_provider(context, outcome);
    }
}

SKALD_VERIFY(find_refund, shop__v1__refund_card)
{
    char refund_id[64];
    const provider_outcome outcome = provider_find_refund(
        skald_context_user(context), skald_idempotency_key(context), refund_id);
    if (outcome == PROVIDER_DONE)
        return complete_refund(context, input->order, refund_id);
    return outcome == PROVIDER_ABSENT ? SKALD_NOT_FOUND : wait_for_provider(context, outcome);
}

SKALD_ACTIVITY_VERIFIED(refund_card, shop__v1__refund_card, find_refund)
{
    if (input->order == NULL)
        return skald_dead(context, "the command carries no order");
    char refund_id[64];
    const provider_outcome outcome = provider_refund(
        skald_context_user(context), skald_idempotency_key(context), input->order, refund_id);
    return outcome == PROVIDER_DONE ? complete_refund(context, input->order, refund_id)
                                    : wait_for_provider(context, outcome);
}

void payments_serve_calls(skald_service *service)
{
    skald_queue_options calls = SKALD_QUEUE_OPTIONS_INIT;
    calls.threads = PROVIDER_CALLS;
    skald_queue(service, PROVIDER_QUEUE, charge_card, &calls);
    skald_queue(service, PROVIDER_QUEUE, refund_card, NULL);
}
