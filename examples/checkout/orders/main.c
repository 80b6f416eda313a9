/* The service "orders": takes orders over HTTP (api.c). How they find their end is in
 * choreography.c and checkout.c; flow.c has an eye on the choreography. */
#include "orders/api.h"
#include "orders/ways.h"
#include "shop/mode.h"

/* The door opens when the service runs and closes before it drains, so that nobody publishes on a
 * service that is not there. */
static skald_status open_door(skald_service *service, void *user, skald_error *error)
{
    return orders_api_open(user, service, error);
}

static void close_door(skald_service *service, void *user)
{
    (void)service;
    orders_api **api = user;
    orders_api_free(*api);
    *api = NULL;
}

int main(int argc, char **argv)
{
    orders_api *api = NULL;
    skald_options options = SKALD_OPTIONS_INIT;
    options.on_start = open_door;
    options.on_stop = close_door;
    options.user = &api;
    skald_service *service = skald_service_open("orders", &options);
    if (shop_is_orchestrated()) {
        checkout_join(service);
    } else {
        choreography_join(service);
        choreography_watch(service);
    }
    return skald_main(service, argc, argv);
}
