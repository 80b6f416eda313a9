/* The service "analytics": adds up what the shop sells each day. */
#include "shop/v1/order_events.pb-c.h"

#include <skald/skald.h>

SKALD_HANDLER(on_order_confirmed, shop__v1__order_confirmed)
{
    if (event->order == NULL)
        return skald_fail(context, "the event carries no order");
    return skald_exec(
        context,
        "INSERT INTO daily AS d (day, confirmed, confirmed_cents)"
        " VALUES ((to_timestamp($1::bigint / 1000000) AT TIME ZONE 'UTC')::date, 1, $2)"
        " ON CONFLICT (day) DO UPDATE SET confirmed = d.confirmed + 1,"
        " confirmed_cents = d.confirmed_cents + excluded.confirmed_cents",
        skald_context_message(context)->time_us, event->order->total_cents);
}

SKALD_HANDLER(on_order_cancelled, shop__v1__order_cancelled)
{
    return skald_exec(context,
                      "INSERT INTO daily AS d (day, cancelled)"
                      " VALUES ((to_timestamp($1::bigint / 1000000) AT TIME ZONE 'UTC')::date, 1)"
                      " ON CONFLICT (day) DO UPDATE SET cancelled = d.cancelled + 1",
                      skald_context_message(context)->time_us);
}

/* One worker: all events of a day touch the same row. */
int main(int argc, char **argv)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.workers = 1;
    skald_service *service = skald_service_open("analytics", &options);
    skald_follow(service, "orders", on_order_confirmed);
    skald_follow(service, "orders", on_order_cancelled);
    return skald_main(service, argc, argv);
}
