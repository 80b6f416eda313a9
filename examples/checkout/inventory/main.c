/* The service "inventory": takes paid items from the shelf, all that an order asks for or none, and
 * ships what is confirmed.
 *
 * One worker: all orders touch the same few rows of stock, and more workers would only wait for
 * each other's locks. */
#include "inventory/ways.h"
#include "shop/mode.h"

int main(int argc, char **argv)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.workers = 1;
    skald_service *service = skald_service_open("inventory", &options);
    if (shop_is_orchestrated())
        inventory_participate(service);
    else
        inventory_follow(service);
    return skald_main(service, argc, argv);
}
