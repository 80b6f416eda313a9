/* Which processes there are, what they are told, and when they are ready. */
#include "driver/shop.h"

#include "common/clock.h"
#include "common/database.h"
#include "common/interrupt.h"
#include "common/port.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_MS 10
#define READY_MS_MAX 60000
#define STOP_MS_MAX 30000

/* What there is of each service when it is complete. Its name is also its program's and its
 * database's. */
static const struct {
    const char *name;
    int followers;              /* of events; "orders" also watches the flow in three streams */
    int orchestrated_followers; /* of commands and replies, and analytics' of events */
    int queues;
} services[SERVICE_COUNT] = {
    [SERVICE_ORDERS] = {"orders", 5, 3, 0},       [SERVICE_PAYMENTS] = {"payments", 2, 1, 1},
    [SERVICE_INVENTORY] = {"inventory", 2, 1, 0}, [SERVICE_EMAIL] = {"email", 1, 1, 0},
    [SERVICE_ANALYTICS] = {"analytics", 1, 1, 0},
};

#define CHAIN "chain"

bool shop_init(demo_shop *shop, const demo_options *options)
{
    shop->orchestrated = options->orchestrated;
    shop->provider_latency_ms = options->provider_latency_ms;
    shop->mail_latency_ms = options->mail_latency_ms;
    shop->orders_door = port_hold(&shop->orders_port);
    if (shop->orders_door < 0 || !place_init(&shop->place, "checkout"))
        return false;
    for (int id = 0; id < SERVICE_COUNT; id++)
        place_name(&shop->place, &shop->services[id], services[id].name);
    place_name(&shop->place, &shop->provider, "provider");
    place_name(&shop->place, &shop->chain, CHAIN);
    return true;
}

bool shop_is_well(demo_shop *shop)
{
    bool well =
        interrupt_came() == 0 && process_is_well(&shop->provider) && process_is_well(&shop->chain);
    for (int id = 0; id < SERVICE_COUNT; id++)
        well = well && process_is_well(&shop->services[id]);
    return well;
}

static bool prepare_chain(const demo_shop *shop)
{
    PGconn *connection = database_create(CHAIN) ? database_connect(CHAIN) : NULL;
    const bool done = place_apply_schema(&shop->place, connection, CHAIN);
    PQfinish(connection);
    return done;
}

bool shop_prepare(demo_shop *shop)
{
    demo_process migrations[SERVICE_COUNT] = {0};
    bool good = prepare_chain(shop);
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = database_create(services[id].name) &&
               place_migrate(&shop->place, &migrations[id], services[id].name);
    for (int id = 0; id < SERVICE_COUNT; id++)
        good = (migrations[id].pid == 0 || place_migrated(&migrations[id])) && good;
    for (int id = 0; good && id < SERVICE_COUNT; id++) {
        shop->databases[id] = database_connect(services[id].name);
        good = place_apply_schema(&shop->place, shop->databases[id], services[id].name);
    }
    return good;
}

/* A process writes its port file whole, when it is ready to listen. */
static bool wait_for_port(demo_shop *shop, const char *port_file, unsigned *port)
{
    for (long waited = 0; waited < READY_MS_MAX && shop_is_well(shop); waited += LOOK_MS) {
        if (place_read_port(port_file, port))
            return true;
        clock_sleep_ms(LOOK_MS);
    }
    return false;
}

static bool start_provider(demo_shop *shop, const char *ledger)
{
    char port_file[512];
    place_path(&shop->place, "provider.port", port_file);
    unlink(port_file);
    process_setting ledger_line;
    process_setting latency_line;
    process_setting port_line;
    snprintf(ledger_line, sizeof(ledger_line), "SHOP_LEDGER=%s/%s", shop->place.directory, ledger);
    snprintf(latency_line, sizeof(latency_line), "SHOP_PROVIDER_LATENCY_MS=%ld",
             shop->provider_latency_ms);
    snprintf(port_line, sizeof(port_line), "SHOP_PORT_FILE=%s", port_file);
    const char *const environment[] = {ledger_line, latency_line, port_line, "SHOP_PROVIDER_PORT=0",
                                       NULL};
    return place_start(&shop->place, &shop->provider, "provider", environment) &&
           wait_for_port(shop, port_file, &shop->provider_port);
}

/* Starts a program that works on the database of its name. If it listens, it does so on `port` (0:
 * a free one), and writes it into `port_file`. */
static bool start_program(demo_shop *shop, demo_process *process, unsigned port,
                          const char *port_file)
{
    process_setting mode_line;
    process_setting door_line;
    process_setting database_line;
    process_setting port_line;
    process_setting provider_line;
    process_setting latency_line;
    snprintf(database_line, sizeof(database_line), "PGDATABASE=%s", process->name);
    snprintf(port_line, sizeof(port_line), "SHOP_PORT_FILE=%s", port_file);
    snprintf(provider_line, sizeof(provider_line), "SHOP_PROVIDER_PORT=%u", shop->provider_port);
    snprintf(latency_line, sizeof(latency_line), "SHOP_MAIL_LATENCY_MS=%ld", shop->mail_latency_ms);
    snprintf(door_line, sizeof(door_line), "SHOP_PORT=%u", port);
    snprintf(mode_line, sizeof(mode_line), "SHOP_MODE=%s",
             shop->orchestrated ? "orchestrated" : "choreographed");
    const char *const environment[] = {database_line, port_line, provider_line, latency_line,
                                       door_line,     mode_line, NULL};
    return place_start(&shop->place, process, process->name, environment);
}

bool shop_start_service(demo_shop *shop, service_id id)
{
    char port_file[512] = "";
    if (id == SERVICE_ORDERS)
        place_path(&shop->place, "orders.port", port_file);
    return start_program(shop, &shop->services[id], shop->orders_port, port_file);
}

/* A service has its work in hand when it holds every partition of every follower and has declared
 * its queues. This looks into Skald's own tables; the services themselves never do. */
static bool wait_for_work(demo_shop *shop, service_id id)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "SELECT (count(DISTINCT follower) FILTER (WHERE follower NOT LIKE '@%%') >= %d"
             " AND bool_and(holder IS NOT NULL) AND"
             " (SELECT count(*) FROM skald.queue WHERE name NOT LIKE '@%%') >= %d)::integer"
             " FROM skald.position",
             shop->orchestrated ? services[id].orchestrated_followers : services[id].followers,
             services[id].queues);
    for (long waited = 0; waited < READY_MS_MAX && shop_is_well(shop); waited += LOOK_MS) {
        if (database_number(shop->databases[id], sql) == 1)
            return true;
        clock_sleep_ms(LOOK_MS);
    }
    fprintf(stderr, "checkout-demo: %s does not get ready\n", services[id].name);
    process_show_log(&shop->services[id]);
    return false;
}

bool shop_open(demo_shop *shop)
{
    char port_file[512];
    place_path(&shop->place, "orders.port", port_file);
    bool good = start_provider(shop, "ledger.jsonl");
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = shop_start_service(shop, (service_id)id);
    good = good && wait_for_port(shop, port_file, &shop->orders_port);
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = wait_for_work(shop, (service_id)id);
    return good;
}

bool shop_stop_service(demo_shop *shop, service_id id)
{
    return process_stop_well(&shop->services[id], STOP_MS_MAX);
}

void shop_kill_service(demo_shop *shop, service_id id)
{
    process_kill(&shop->services[id]);
}

bool shop_close(demo_shop *shop)
{
    bool good = true;
    for (int id = 0; id < SERVICE_COUNT; id++)
        good = process_stop_well(&shop->services[id], STOP_MS_MAX) && good;
    return process_stop_well(&shop->provider, STOP_MS_MAX) && good;
}

bool shop_open_chain(demo_shop *shop)
{
    char port_file[512];
    place_path(&shop->place, "chain.port", port_file);
    return start_provider(shop, "chain-ledger.jsonl") &&
           start_program(shop, &shop->chain, 0, port_file) &&
           wait_for_port(shop, port_file, &shop->chain_port);
}

bool shop_close_chain(demo_shop *shop)
{
    const bool good = process_stop_well(&shop->chain, STOP_MS_MAX);
    return process_stop_well(&shop->provider, STOP_MS_MAX) && good;
}

void shop_done(demo_shop *shop, bool keep)
{
    for (int id = 0; id < SERVICE_COUNT; id++) {
        process_stop(&shop->services[id], SIGKILL, 0);
        PQfinish(shop->databases[id]);
    }
    process_stop(&shop->chain, SIGKILL, 0);
    process_stop(&shop->provider, SIGKILL, 0);
    if (shop->orders_door > 0)
        close(shop->orders_door);
    place_done(&shop->place, keep ? "logs and ledger" : NULL);
}
