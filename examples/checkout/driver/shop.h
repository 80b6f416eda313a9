/* The shop as a set of processes: five services, the payment provider, and the chain that the demo
 * compares with. All of it lives in one directory of its own: logs, ledgers, port files. */
#ifndef DRIVER_SHOP_H
#define DRIVER_SHOP_H

#include "common/place.h"
#include "driver/options.h"

#include <libpq-fe.h>
#include <stdbool.h>

typedef enum service_id {
    SERVICE_ORDERS,
    SERVICE_PAYMENTS,
    SERVICE_INVENTORY,
    SERVICE_EMAIL,
    SERVICE_ANALYTICS,
    SERVICE_COUNT,
} service_id;

typedef struct demo_shop {
    demo_place place;
    bool orchestrated;
    long provider_latency_ms;
    long mail_latency_ms;
    demo_process services[SERVICE_COUNT];
    demo_process provider;
    demo_process chain;
    PGconn *databases[SERVICE_COUNT];
    unsigned provider_port;
    unsigned orders_port;
    int orders_door; /* holds that port, also while nobody is there */
    unsigned chain_port;
} demo_shop;

/* All of these say on stderr what went wrong, and return false; also when a signal asks to leave.
 */

/* Makes the directory. */
bool shop_init(demo_shop *shop, const demo_options *options);

/* Makes the databases, with Skald's tables and the services' own, and connects to them. */
bool shop_prepare(demo_shop *shop);

/* Starts the provider and the five services, and waits until each of them has its work in hand. */
bool shop_open(demo_shop *shop);

bool shop_start_service(demo_shop *shop, service_id id);

/* Stops one with SIGTERM; false when it does not end with exit code 0. */
bool shop_stop_service(demo_shop *shop, service_id id);

/* Kills it as a power cut does. */
void shop_kill_service(demo_shop *shop, service_id id);

/* Stops the services, then the provider; false when one does not end with exit code 0. */
bool shop_close(demo_shop *shop);

/* The same checkout without events, with a provider and a database of its own. */
bool shop_open_chain(demo_shop *shop);
bool shop_close_chain(demo_shop *shop);

/* False when a process that should run has ended, or a signal asks to leave. */
bool shop_is_well(demo_shop *shop);

/* Kills what still runs and forgets the directory, which is deleted unless `keep`. */
void shop_done(demo_shop *shop, bool keep);

#endif
