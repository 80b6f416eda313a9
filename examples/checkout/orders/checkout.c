/* The checkout as a saga. The table below is the whole of it: what is done in which order, and what
 * takes it back. The rest of this file puts its words into messages. */
#include "orders/ending.h"
#include "orders/ways.h"
#include "shop/v1/checkout_saga.pb-c.h"
#include "shop/v1/email_commands.pb-c.h"
#include "shop/v1/inventory_commands.pb-c.h"
#include "shop/v1/payment_commands.pb-c.h"
#include "shop/v1/payment_events.pb-c.h"

static skald_step_function take_order, give_up_order, confirm_order;
static skald_step_function ask_charge, note_charge, ask_refund;
static skald_step_function ask_reserve, ask_release, ask_ship, ask_mail;

static const skald_step steps[] = {
    {.name = "take-order", .run.local = take_order, .undo.local = give_up_order},
    {.name = "charge-card",
     .run = {.participant = "payments",
             .command = "shop.v1.ChargeCard",
             .compose = ask_charge,
             .accept = note_charge,
             .retry = "1s..1m for 24h",
             .timeout_ms = 120000},
     .undo = {.participant = "payments", .command = "shop.v1.RefundCard", .compose = ask_refund}},
    {.name = "reserve-items",
     .run = {.participant = "inventory",
             .command = "shop.v1.ReserveItems",
             .compose = ask_reserve,
             .retry = "1s..1m for 24h"},
     .undo = {.participant = "inventory",
              .command = "shop.v1.ReleaseItems",
              .compose = ask_release}},
    {.name = "confirm-order", .run.local = confirm_order, .pivot = true},
    {.name = "ship-order",
     .run = {.participant = "inventory", .command = "shop.v1.ShipOrder", .compose = ask_ship}},
    {.name = "send-mail",
     .run = {.participant = "email", .command = "shop.v1.SendMail", .compose = ask_mail}},
};

static const skald_definition checkout = {
    .name = "checkout", .version = 1, .steps = SKALD_STEPS(steps)};

static Shop__V1__Checkout *state_of(skald_context *context)
{
    return (Shop__V1__Checkout *)skald_saga_state(context);
}

/* --- in the saga's own transaction --------------------------------------------------------------
 */

/* Whoever placed the order has written it down before the saga could run. */
static skald_status take_order(skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

/* The last thing on the way back: whatever was paid is paid back by now. */
static skald_status give_up_order(skald_context *context)
{
    const Shop__V1__Checkout *state = state_of(context);
    return state->charge_id[0] != '\0' ? order_cancel(context, state->order)
                                       : order_fail(context, state->order);
}

static skald_status confirm_order(skald_context *context)
{
    return order_confirm(context, state_of(context)->order);
}

/* --- what is asked of the others, and what they answer ------------------------------------------
 */

static skald_status ask_charge(skald_context *context)
{
    const Shop__V1__Checkout *state = state_of(context);
    Shop__V1__ChargeCard command = SHOP__V1__CHARGE_CARD__INIT;
    command.order = state->order;
    command.card_token = state->card_token;
    return skald_command(context, &command.base);
}

static skald_status note_charge(skald_context *context)
{
    const Shop__V1__PaymentCompleted *completed =
        (const Shop__V1__PaymentCompleted *)skald_saga_answer(
            context, &shop__v1__payment_completed__descriptor);
    if (completed == NULL)
        return skald_fail(context, "the charge was not answered by PaymentCompleted");
    state_of(context)->charge_id = completed->charge_id;
    return SKALD_OK;
}

static skald_status ask_refund(skald_context *context)
{
    Shop__V1__RefundCard command = SHOP__V1__REFUND_CARD__INIT;
    command.order = state_of(context)->order;
    return skald_command(context, &command.base);
}

static skald_status ask_reserve(skald_context *context)
{
    Shop__V1__ReserveItems command = SHOP__V1__RESERVE_ITEMS__INIT;
    command.order = state_of(context)->order;
    return skald_command(context, &command.base);
}

static skald_status ask_release(skald_context *context)
{
    Shop__V1__ReleaseItems command = SHOP__V1__RELEASE_ITEMS__INIT;
    command.order = state_of(context)->order;
    return skald_command(context, &command.base);
}

static skald_status ask_ship(skald_context *context)
{
    Shop__V1__ShipOrder command = SHOP__V1__SHIP_ORDER__INIT;
    command.order = state_of(context)->order;
    return skald_command(context, &command.base);
}

static skald_status ask_mail(skald_context *context)
{
    Shop__V1__SendMail command = SHOP__V1__SEND_MAIL__INIT;
    command.order = state_of(context)->order;
    return skald_command(context, &command.base);
}

/* --- how it begins -------------------------------------------------------------------------------
 */

void checkout_join(skald_service *service)
{
    skald_saga_options options = SKALD_SAGA_OPTIONS_INIT;
    options.state = &shop__v1__checkout__descriptor;
    options.id_field = "order.order_id";
    skald_orchestrate(service, &checkout, &options);
}

skald_status checkout_begin(skald_service *service, PGconn *connection,
                            const order_beginning *beginning, skald_error *error)
{
    Shop__V1__Checkout state = SHOP__V1__CHECKOUT__INIT;
    state.order = beginning->order;
    state.card_token = (char *)beginning->card_token;
    return skald_saga_start_on(service, connection, &checkout, beginning->order->order_id,
                               &state.base, NULL, error);
}
