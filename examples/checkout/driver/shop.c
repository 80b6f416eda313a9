/* Which processes there are, what they are told, and when they are ready. */
#include "driver/shop.h"

#include "common/settings.h"
#include "driver/database.h"
#include "driver/interrupt.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 10
#define READY_MS_MAX 60000
#define STOP_MS_MAX 30000

/* What there is of each service. Its name is also its program's and its database's. */
static const struct {
    const char *name;
    int followers; /* how many it has when it is complete, its relay included */
} services[SERVICE_COUNT] = {
    [SERVICE_ORDERS] = {"orders", 3},       [SERVICE_PAYMENTS] = {"payments", 3},
    [SERVICE_INVENTORY] = {"inventory", 2}, [SERVICE_EMAIL] = {"email", 2},
    [SERVICE_ANALYTICS] = {"analytics", 2},
};

#define CHAIN "chain"

void shop_path(const demo_shop *shop, const char *file, char out[512])
{
    snprintf(out, 512, "%s/%s", shop->directory, file);
}

static void name_process(const demo_shop *shop, demo_process *process, const char *name)
{
    char file[64];
    process->name = name;
    snprintf(file, sizeof(file), "%s.log", name);
    shop_path(shop, file, process->log);
}

static bool find_programs(demo_shop *shop)
{
    const ssize_t size = readlink("/proc/self/exe", shop->programs, sizeof(shop->programs) - 1);
    if (size <= 0)
        return false;
    shop->programs[size] = '\0';
    *strrchr(shop->programs, '/') = '\0';
    return true;
}

bool shop_init(demo_shop *shop, const demo_options *options)
{
    const char *folder = setting_text("TMPDIR", "/tmp");
    snprintf(shop->directory, sizeof(shop->directory), "%s/checkout-XXXXXX", folder);
    shop->provider_latency_ms = options->provider_latency_ms;
    shop->mail_latency_ms = options->mail_latency_ms;
    if (!find_programs(shop) || mkdtemp(shop->directory) == NULL) {
        fprintf(stderr, "checkout-demo: no directory can be made in %s\n", folder);
        shop->directory[0] = '\0';
        return false;
    }
    for (int id = 0; id < SERVICE_COUNT; id++)
        name_process(shop, &shop->services[id], services[id].name);
    name_process(shop, &shop->provider, "provider");
    name_process(shop, &shop->chain, CHAIN);
    return true;
}

static bool say_ended(demo_process *process, int code)
{
    fprintf(stderr, "checkout-demo: %s ended by itself with exit code %d\n", process->name, code);
    process_show_log(process);
    return false;
}

static bool is_well(demo_process *process)
{
    int code = 0;
    const bool ran = process->pid != 0;
    return !ran || process_runs(process, &code) || say_ended(process, code);
}

bool shop_is_well(demo_shop *shop)
{
    bool well = interrupt_came() == 0 && is_well(&shop->provider) && is_well(&shop->chain);
    for (int id = 0; id < SERVICE_COUNT; id++)
        well = well && is_well(&shop->services[id]);
    return well;
}

/* `skald migrate up` in the service's database, as its operator would do it. */
static bool start_migration(demo_shop *shop, demo_process *migration, const char *database)
{
    char line[64];
    snprintf(line, sizeof(line), "PGDATABASE=%s", database);
    name_process(shop, migration, "migrate");
    const char *const argv[] = {"skald", "migrate", "up", NULL};
    const char *const environment[] = {line, NULL};
    return process_start(migration, argv, environment);
}

static bool finish_migration(demo_process *migration)
{
    int code = 0;
    while (process_runs(migration, &code))
        setting_sleep_ms(LOOK_MS);
    if (code != 0)
        say_ended(migration, code);
    return code == 0;
}

static bool apply_schema(const demo_shop *shop, PGconn *connection, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/schema/%s.sql", shop->programs, name);
    return connection != NULL && database_run_file(connection, path);
}

static bool prepare_chain(const demo_shop *shop)
{
    PGconn *connection = database_create(CHAIN) ? database_connect(CHAIN) : NULL;
    const bool done = apply_schema(shop, connection, CHAIN);
    PQfinish(connection);
    return done;
}

bool shop_prepare(demo_shop *shop)
{
    demo_process migrations[SERVICE_COUNT] = {0};
    bool good = prepare_chain(shop);
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = database_create(services[id].name) &&
               start_migration(shop, &migrations[id], services[id].name);
    for (int id = 0; id < SERVICE_COUNT; id++)
        good = (migrations[id].pid == 0 || finish_migration(&migrations[id])) && good;
    for (int id = 0; good && id < SERVICE_COUNT; id++) {
        shop->databases[id] = database_connect(services[id].name);
        good = apply_schema(shop, shop->databases[id], services[id].name);
    }
    return good;
}

static bool read_port(const char *port_file, unsigned *port)
{
    char text[16] = "";
    FILE *file = fopen(port_file, "r");
    if (file == NULL)
        return false;
    const bool read = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    *port = (unsigned)strtoul(text, NULL, 10);
    return read;
}

/* A process writes its port file whole, when it is ready to listen. */
static bool wait_for_port(demo_shop *shop, const char *port_file, unsigned *port)
{
    for (long waited = 0; waited < READY_MS_MAX && shop_is_well(shop); waited += LOOK_MS) {
        if (read_port(port_file, port))
            return true;
        setting_sleep_ms(LOOK_MS);
    }
    return false;
}

/* A setting for a child: "NAME=value". */
typedef char setting[600];

static bool start_provider(demo_shop *shop, const char *ledger)
{
    char port_file[512];
    shop_path(shop, "provider.port", port_file);
    unlink(port_file);
    setting ledger_line;
    setting latency_line;
    setting port_line;
    setting program;
    snprintf(ledger_line, sizeof(ledger_line), "SHOP_LEDGER=%s/%s", shop->directory, ledger);
    snprintf(latency_line, sizeof(latency_line), "SHOP_PROVIDER_LATENCY_MS=%ld",
             shop->provider_latency_ms);
    snprintf(port_line, sizeof(port_line), "SHOP_PORT_FILE=%s", port_file);
    snprintf(program, sizeof(program), "%s/provider", shop->programs);
    const char *const argv[] = {program, NULL};
    const char *const environment[] = {ledger_line, latency_line, port_line, "SHOP_PROVIDER_PORT=0",
                                       NULL};
    return process_start(&shop->provider, argv, environment) &&
           wait_for_port(shop, port_file, &shop->provider_port);
}

/* Starts a program that works on the database of its name; `port_file` is where it writes its port,
 * if it has one. */
static bool start_program(demo_shop *shop, demo_process *process, const char *port_file)
{
    setting database_line;
    setting port_line;
    setting provider_line;
    setting latency_line;
    setting program;
    snprintf(database_line, sizeof(database_line), "PGDATABASE=%s", process->name);
    snprintf(port_line, sizeof(port_line), "SHOP_PORT_FILE=%s", port_file);
    snprintf(provider_line, sizeof(provider_line), "SHOP_PROVIDER_PORT=%u", shop->provider_port);
    snprintf(latency_line, sizeof(latency_line), "SHOP_MAIL_LATENCY_MS=%ld", shop->mail_latency_ms);
    snprintf(program, sizeof(program), "%s/%s", shop->programs, process->name);
    const char *const argv[] = {program, NULL};
    const char *const environment[] = {database_line, port_line,     provider_line,
                                       latency_line,  "SHOP_PORT=0", NULL};
    return process_start(process, argv, environment);
}

bool shop_start_service(demo_shop *shop, service_id id)
{
    char port_file[512] = "";
    if (id == SERVICE_ORDERS)
        shop_path(shop, "orders.port", port_file);
    return start_program(shop, &shop->services[id], port_file);
}

/* A service has its work in hand when it holds every partition of every follower. This looks into
 * Skald's own tables; the services themselves never do. */
static bool wait_for_work(demo_shop *shop, service_id id)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT (count(DISTINCT follower) >= %d AND bool_and(holder IS NOT NULL))::integer"
             " FROM skald.position",
             services[id].followers);
    for (long waited = 0; waited < READY_MS_MAX && shop_is_well(shop); waited += LOOK_MS) {
        if (database_number(shop->databases[id], sql) == 1)
            return true;
        setting_sleep_ms(LOOK_MS);
    }
    fprintf(stderr, "checkout-demo: %s does not get ready\n", services[id].name);
    process_show_log(&shop->services[id]);
    return false;
}

bool shop_open(demo_shop *shop)
{
    char port_file[512];
    shop_path(shop, "orders.port", port_file);
    bool good = start_provider(shop, "ledger.jsonl");
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = shop_start_service(shop, (service_id)id);
    good = good && wait_for_port(shop, port_file, &shop->orders_port);
    for (int id = 0; good && id < SERVICE_COUNT; id++)
        good = wait_for_work(shop, (service_id)id);
    return good;
}

static bool stop_well(demo_process *process)
{
    int code = process_stop(process, SIGTERM, STOP_MS_MAX);
    if (code != 0) {
        fprintf(stderr, "checkout-demo: %s was stopped and ended with exit code %d\n",
                process->name, code);
        process_show_log(process);
    }
    return code == 0;
}

bool shop_stop_service(demo_shop *shop, service_id id)
{
    return stop_well(&shop->services[id]);
}

bool shop_close(demo_shop *shop)
{
    bool good = true;
    for (int id = 0; id < SERVICE_COUNT; id++)
        good = stop_well(&shop->services[id]) && good;
    return stop_well(&shop->provider) && good;
}

bool shop_open_chain(demo_shop *shop)
{
    char port_file[512];
    shop_path(shop, "chain.port", port_file);
    return start_provider(shop, "chain-ledger.jsonl") &&
           start_program(shop, &shop->chain, port_file) &&
           wait_for_port(shop, port_file, &shop->chain_port);
}

bool shop_close_chain(demo_shop *shop)
{
    const bool good = stop_well(&shop->chain);
    return stop_well(&shop->provider) && good;
}

static void delete_directory(const demo_shop *shop)
{
    DIR *directory = opendir(shop->directory);
    for (struct dirent *entry = NULL; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_type == DT_REG)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(shop->directory);
}

void shop_done(demo_shop *shop, bool keep)
{
    for (int id = 0; id < SERVICE_COUNT; id++) {
        process_stop(&shop->services[id], SIGKILL, 0);
        PQfinish(shop->databases[id]);
    }
    process_stop(&shop->chain, SIGKILL, 0);
    process_stop(&shop->provider, SIGKILL, 0);
    if (shop->directory[0] == '\0')
        return;
    if (keep)
        fprintf(stderr, "checkout-demo: logs and ledger are kept in %s\n", shop->directory);
    else
        delete_directory(shop);
}
