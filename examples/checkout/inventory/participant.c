/* The commands of the saga. That each is carried out once, and not after it was taken back, is not
 * our worry: what we return is remembered, and answered again. */
#include "inventory/shelf.h"
#include "inventory/ways.h"
#include "shop/v1/inventory_commands.pb-c.h"
#include "shop/v1/inventory_events.pb-c.h"

SKALD_HANDLER(reserve_items, shop__v1__reserve_items)
{
    if (event->order == NULL)
        return skald_fail(context, "the command carries no order");
    bool taken = false;
    const skald_status status = shelf_take(context, event->order, &taken);
    if (status != SKALD_OK)
        return status;
    if (!taken)
        return skald_refuse(context, "%s: there are not %u in stock", event->order->sku,
                            event->order->quantity);
    Shop__V1__ItemsReserved reserved = SHOP__V1__ITEMS_RESERVED__INIT;
    reserved.order = event->order;
    return skald_reply(context, &reserved.base);
}

SKALD_HANDLER(release_items, shop__v1__release_items)
{
    if (event->order == NULL)
        return skald_fail(context, "the command carries no order");
    return shelf_put_back(context, event->order);
}

SKALD_HANDLER(ship_order, shop__v1__ship_order)
{
    if (event->order == NULL)
        return skald_fail(context, "the command carries no order");
    return shelf_ship(context, event->order);
}

void inventory_participate(skald_service *service)
{
    skald_participate(service, "orders", reserve_items);
    skald_participate(service, "orders", release_items);
    skald_participate(service, "orders", ship_order);
}
