/* Which processes there are, what they are told, and when they are ready. */
#include "driver/site.h"

#include "common/clock.h"
#include "common/database.h"
#include "common/interrupt.h"
#include "common/port.h"
#include "driver/books.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 5
#define READY_MS_MAX 60000
#define STOP_MS_MAX 30000
#define DATABASE "webhooks"

static const char *const receiver_names[SITE_RECEIVERS] = {"receiver", "late-receiver"};

void site_ledger(const demo_site *site, unsigned receiver, char out[512])
{
    char file[64];
    snprintf(file, sizeof(file), "%s.jsonl", receiver_names[receiver]);
    place_path(&site->place, file, out);
}

/* From now on whoever connects there is refused. */
static bool hold_port(demo_site *site, unsigned number)
{
    site->held[number] = port_hold(&site->receiver_ports[number]);
    if (site->held[number] < 0)
        fprintf(stderr, "webhooks-demo: port %u of 127.0.0.1 cannot be had\n",
                site->receiver_ports[number]);
    return site->held[number] >= 0;
}

static void let_port_go(demo_site *site, unsigned number)
{
    if (site->held[number] >= 0)
        close(site->held[number]);
    site->held[number] = -1;
}

bool site_prepare(demo_site *site, const demo_options *options)
{
    demo_process migration = {0};
    site->options = options;
    for (unsigned i = 0; i < SITE_RECEIVERS; i++)
        site->held[i] = -1;
    if (!place_init(&site->place, "webhooks"))
        return false;
    place_name(&site->place, &site->sender, "sender");
    for (unsigned i = 0; i < SITE_RECEIVERS; i++)
        place_name(&site->place, &site->receivers[i], receiver_names[i]);
    if (!database_create(DATABASE) || !place_migrate(&site->place, &migration, DATABASE) ||
        !place_migrated(&migration))
        return false;
    site->database = database_connect(DATABASE);
    return place_apply_schema(&site->place, site->database, "sender") &&
           hold_port(site, SITE_RECEIVER) && hold_port(site, SITE_LATE_RECEIVER);
}

bool site_is_well(demo_site *site)
{
    bool well = interrupt_came() == 0 && process_is_well(&site->sender);
    for (unsigned i = 0; i < SITE_RECEIVERS; i++)
        well = well && process_is_well(&site->receivers[i]);
    return well;
}

static bool wait_for_port(demo_site *site, const char *port_file, unsigned *port)
{
    for (long waited = 0; waited < READY_MS_MAX && site_is_well(site); waited += LOOK_MS) {
        if (place_read_port(port_file, port))
            return true;
        clock_sleep_ms(LOOK_MS);
    }
    return false;
}

bool site_start_receiver(demo_site *site, unsigned number)
{
    char path[512];
    char port_file[512];
    process_setting ledger_line;
    process_setting file_line;
    process_setting port_line;
    process_setting max_line;
    site_ledger(site, number, path);
    place_path(&site->place, "receiver.port", port_file);
    unlink(port_file);
    snprintf(ledger_line, sizeof(ledger_line), "WEBHOOKS_LEDGER=%s", path);
    snprintf(file_line, sizeof(file_line), "WEBHOOKS_PORT_FILE=%s", port_file);
    snprintf(port_line, sizeof(port_line), "WEBHOOKS_RECEIVER_PORT=%u",
             site->receiver_ports[number]);
    snprintf(max_line, sizeof(max_line), "WEBHOOKS_RECEIVER_MAX=%u",
             site->options->rate + SITE_BURST);
    const char *const environment[] = {ledger_line, file_line, port_line, max_line, NULL};
    let_port_go(site, number);
    return place_start(&site->place, &site->receivers[number], "receiver", environment) &&
           wait_for_port(site, port_file, &site->receiver_ports[number]);
}

bool site_kill_receiver(demo_site *site, unsigned number)
{
    process_kill(&site->receivers[number]);
    return hold_port(site, number);
}

static bool insert_endpoints(demo_site *site)
{
    bool good = true;
    for (unsigned i = 0; good && i < ENDPOINTS; i++) {
        char sql[128];
        snprintf(sql, sizeof(sql), "INSERT INTO endpoint (name, port) VALUES ('%s', %u)",
                 books_endpoints[i],
                 site->receiver_ports[i < ENDPOINTS - 1 ? SITE_RECEIVER : SITE_LATE_RECEIVER]);
        good = database_run(site->database, sql);
    }
    return good;
}

static bool start_sender(demo_site *site)
{
    char port_file[512];
    process_setting file_line;
    process_setting rate_line;
    process_setting burst_line;
    process_setting hour_line;
    place_path(&site->place, "sender.port", port_file);
    snprintf(file_line, sizeof(file_line), "WEBHOOKS_PORT_FILE=%s", port_file);
    snprintf(rate_line, sizeof(rate_line), "WEBHOOKS_RATE=%u", site->options->rate);
    snprintf(burst_line, sizeof(burst_line), "WEBHOOKS_BURST=%u", SITE_BURST);
    snprintf(hour_line, sizeof(hour_line), "WEBHOOKS_HOUR_MS=%ld", site->options->hour_ms);
    const char *const environment[] = {
        "PGDATABASE=" DATABASE, file_line, rate_line, burst_line, hour_line,
        "WEBHOOKS_PORT=0",      NULL};
    return place_start(&site->place, &site->sender, "sender", environment) &&
           wait_for_port(site, port_file, &site->port);
}

bool site_open(demo_site *site)
{
    return site_start_receiver(site, SITE_RECEIVER) && insert_endpoints(site) && start_sender(site);
}

static void tell_command(const char *const argv[], FILE *talk)
{
    fprintf(talk, "$");
    for (size_t i = 0; argv[i] != NULL; i++)
        fprintf(talk, strchr(argv[i], ' ') != NULL ? " \"%s\"" : " %s", argv[i]);
    fprintf(talk, "\n");
}

static void tell_output(const char *path, FILE *talk)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    while (file != NULL && getline(&line, &room, file) > 0)
        fprintf(talk, "  %s", line);
    free(line);
    if (file != NULL)
        fclose(file);
}

bool site_run_skald(demo_site *site, const char *const argv[], FILE *talk)
{
    demo_process process = {0};
    const char *const environment[] = {"PGDATABASE=" DATABASE, NULL};
    int code = 0;
    place_name(&site->place, &process, "skald");
    unlink(process.log);
    tell_command(argv, talk);
    if (!process_start(&process, argv, environment))
        return false;
    while (process_runs(&process, &code))
        clock_sleep_ms(LOOK_MS);
    tell_output(process.log, talk);
    if (code != 0)
        process_say_ended(&process, code);
    return code == 0;
}

bool site_close(demo_site *site)
{
    bool good = process_stop_well(&site->sender, STOP_MS_MAX);
    for (unsigned i = 0; i < SITE_RECEIVERS; i++)
        good = process_stop_well(&site->receivers[i], STOP_MS_MAX) && good;
    return good;
}

void site_done(demo_site *site, bool keep)
{
    process_kill(&site->sender);
    for (unsigned i = 0; i < SITE_RECEIVERS; i++) {
        process_kill(&site->receivers[i]);
        let_port_go(site, i);
    }
    PQfinish(site->database);
    place_done(&site->place, keep ? "logs and ledgers" : NULL);
}
