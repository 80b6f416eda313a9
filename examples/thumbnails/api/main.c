/* The front door of the service "thumbnails": takes pictures in and shows what became of them
 * (api.c). It makes no thumbnails; that is what workers are for. */
#include "api/api.h"

static skald_status open_door(skald_service *service, void *user, skald_error *error)
{
    return pictures_api_open(user, service, error);
}

static void close_door(skald_service *service, void *user)
{
    (void)service;
    pictures_api **api = user;
    pictures_api_free(*api);
    *api = NULL;
}

int main(int argc, char **argv)
{
    pictures_api *api = NULL;
    skald_options options = SKALD_OPTIONS_INIT;
    options.on_start = open_door;
    options.on_stop = close_door;
    options.user = &api;
    options.lease_ms = 2000;
    skald_service *service = skald_service_open("thumbnails", &options);
    return skald_main(service, argc, argv);
}
