/* The service "email": writes to the customer when the order is confirmed. It is slow, as mail
 * servers are, and nobody waits for it. */
#include "common/clock.h"
#include "common/settings.h"
#include "shop/mode.h"
#include "shop/v1/email_commands.pb-c.h"
#include "shop/v1/order_events.pb-c.h"

#include <skald/skald.h>

static skald_status write_mail(skald_context *context, const Shop__V1__Order *order)
{
    if (order == NULL)
        return skald_fail(context, "the message carries no order");
    const long *latency_ms = skald_context_user(context);
    clock_sleep_ms(*latency_ms); /* this is where a mail server would be spoken to */
    return skald_exec(context,
                      "INSERT INTO mail (order_id, recipient, subject) VALUES ($1, $2, $3)",
                      order->order_id, order->customer_email, "Your order is on its way");
}

SKALD_HANDLER(on_order_confirmed, shop__v1__order_confirmed)
{
    return write_mail(context, event->order);
}

SKALD_HANDLER(send_mail, shop__v1__send_mail)
{
    return write_mail(context, event->order);
}

int main(int argc, char **argv)
{
    long latency_ms = setting_number("SHOP_MAIL_LATENCY_MS", 20, 0, 1000);
    skald_options options = SKALD_OPTIONS_INIT;
    options.user = &latency_ms;
    options.batch_max = 16; /* so that a batch of slow mails stays well within the lease */
    skald_service *service = skald_service_open("email", &options);
    if (shop_is_orchestrated())
        skald_participate(service, "orders", send_mail);
    else
        skald_follow(service, "orders", on_order_confirmed);
    return skald_main(service, argc, argv);
}
