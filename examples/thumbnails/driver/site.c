/* Which processes there are, what they are told, and when they are ready. */
#include "driver/site.h"

#include "common/clock.h"
#include "common/database.h"
#include "common/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_MS 5
#define READY_MS_MAX 60000
#define STOP_MS_MAX 30000
#define DATABASE "thumbnails"

static const char *const worker_names[SITE_WORKERS] = {"worker-1", "worker-2", "worker-3"};

bool site_prepare(demo_site *site, const demo_options *options)
{
    demo_process migration = {0};
    site->options = options;
    if (!place_init(&site->place, "thumbnails"))
        return false;
    place_name(&site->place, &site->api, "api");
    for (unsigned i = 0; i < SITE_WORKERS; i++)
        place_name(&site->place, &site->workers[i], worker_names[i]);
    if (!database_create(DATABASE) || !place_migrate(&site->place, &migration, DATABASE) ||
        !place_migrated(&migration))
        return false;
    site->database = database_connect(DATABASE);
    return place_apply_schema(&site->place, site->database, "api");
}

bool site_is_well(demo_site *site)
{
    bool well = interrupt_came() == 0 && process_is_well(&site->api);
    for (unsigned i = 0; i < SITE_WORKERS; i++)
        well = well && process_is_well(&site->workers[i]);
    return well;
}

/* Until the query answers a number above 0. */
static bool wait_for(demo_site *site, const char *sql)
{
    for (long waited = 0; waited < READY_MS_MAX && site_is_well(site); waited += LOOK_MS) {
        if (database_number(site->database, sql) > 0)
            return true;
        clock_sleep_ms(LOOK_MS);
    }
    return false;
}

static bool wait_for_port(demo_site *site, const char *port_file)
{
    for (long waited = 0; waited < READY_MS_MAX && site_is_well(site); waited += LOOK_MS) {
        if (place_read_port(port_file, &site->port))
            return true;
        clock_sleep_ms(LOOK_MS);
    }
    return false;
}

static bool start_api(demo_site *site)
{
    char port_file[512];
    process_setting port_line;
    place_path(&site->place, "api.port", port_file);
    snprintf(port_line, sizeof(port_line), "THUMBNAILS_PORT_FILE=%s", port_file);
    const char *const environment[] = {"PGDATABASE=" DATABASE, port_line, "THUMBNAILS_PORT=0",
                                       NULL};
    return place_start(&site->place, &site->api, "api", environment) &&
           wait_for_port(site, port_file);
}

bool site_add_worker(demo_site *site, unsigned number)
{
    process_setting threads_line;
    process_setting delay_line;
    snprintf(threads_line, sizeof(threads_line), "THUMBNAILS_THREADS=%u", site->options->threads);
    snprintf(delay_line, sizeof(delay_line), "THUMBNAILS_DELAY_MS=%ld", site->options->delay_ms);
    const char *const environment[] = {"PGDATABASE=" DATABASE, threads_line, delay_line, NULL};
    return place_start(&site->place, &site->workers[number], "worker", environment);
}

bool site_open(demo_site *site)
{
    return site_add_worker(site, 0) &&
           wait_for(site, "SELECT count(*) FROM skald.queue WHERE name = 'thumbnails'") &&
           start_api(site);
}

/* How many jobs are run by processes of this worker, which are all in its group. */
static unsigned count_in_hand(const demo_site *site, const demo_process *worker)
{
    unsigned count = 0;
    PGresult *rows =
        database_rows(site->database, "SELECT p.pid FROM skald.job AS j JOIN skald.process AS p"
                                      " ON p.id = j.holder WHERE j.state = 'running'");
    for (int row = 0; row < PQntuples(rows); row++)
        count += getpgid((pid_t)database_number_at(rows, row, 0)) == worker->pid;
    PQclear(rows);
    return count;
}

static bool has_work(const demo_site *site)
{
    return database_number(site->database, "SELECT count(*) FROM skald.job WHERE queue ="
                                           " 'thumbnails' AND state IN ('waiting', 'running')") > 0;
}

/* It is frozen first, so that what we see in its hands is there when it is killed. */
bool site_kill_worker(demo_site *site, unsigned number, unsigned *in_hand)
{
    demo_process *worker = &site->workers[number];
    unsigned count = 0;
    while (count == 0 && has_work(site)) {
        if (!site_is_well(site))
            return false;
        process_freeze(worker, true);
        count = count_in_hand(site, worker);
        process_freeze(worker, count > 0);
        clock_sleep_ms(LOOK_MS);
    }
    process_kill(worker);
    *in_hand = count;
    return true;
}

bool site_close(demo_site *site)
{
    bool good = process_stop_well(&site->api, STOP_MS_MAX);
    for (unsigned i = 0; i < SITE_WORKERS; i++)
        good = process_stop_well(&site->workers[i], STOP_MS_MAX) && good;
    return good;
}

void site_done(demo_site *site, bool keep)
{
    process_kill(&site->api);
    for (unsigned i = 0; i < SITE_WORKERS; i++)
        process_kill(&site->workers[i]);
    PQfinish(site->database);
    place_done(&site->place, keep ? "logs" : NULL);
}
