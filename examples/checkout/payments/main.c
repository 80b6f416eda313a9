/* The service "payments": takes the money for an order, and gives it back when the items cannot be
 * had. The provider is outside: what is to be asked of it is noted in a transaction
 * (choreography.c, participant.c), and asked outside of any (calls.c). */
#include "common/settings.h"
#include "payments/calls.h"
#include "payments/provider.h"
#include "payments/ways.h"
#include "shop/mode.h"

int main(int argc, char **argv)
{
    shop_provider *provider =
        provider_open((unsigned)setting_number("SHOP_PROVIDER_PORT", 8090, 1, 65535));
    skald_options options = SKALD_OPTIONS_INIT;
    options.user = provider;
    skald_service *service = skald_service_open("payments", &options);
    payments_serve_calls(service);
    if (shop_is_orchestrated())
        payments_participate(service);
    else
        payments_follow(service);
    const int code = skald_main(service, argc, argv);
    provider_free(provider);
    return code;
}
