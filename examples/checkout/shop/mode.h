/* How the services of the shop work together, which all of them are told by SHOP_MODE. */
#ifndef SHOP_MODE_H
#define SHOP_MODE_H

#include "common/settings.h"

#include <stdbool.h>

/* "choreographed", the default: each follows the others' events, and nobody is in charge.
 * "orchestrated": a saga of the service "orders" sends commands, and the others answer. */
static inline bool shop_is_orchestrated(void)
{
    static const char *const modes[] = {"choreographed", "orchestrated"};
    return setting_choice("SHOP_MODE", modes, 2) == 1;
}

#endif
