/* The demo's story: one worker, a burst of pictures, two more workers, one of them killed, and
 * every thumbnail compared with what it must be. It runs inside `skald dev --`, which brings the
 * servers; the script "demo" puts the two together. */
#include "common/clock.h"
#include "common/database.h"
#include "common/interrupt.h"
#include "driver/audit.h"
#include "driver/books.h"
#include "driver/customers.h"
#include "driver/options.h"
#include "driver/report.h"
#include "driver/site.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 10
#define STUCK_MS_MAX 120000 /* without any progress */

typedef struct demo_run {
    demo_options options;
    demo_site site;
    demo_books books;
    demo_customers *customers;
    demo_report report;
    FILE *talk; /* where progress is told: not among the figures that a program reads */
} demo_run;

static int64_t count_made(const demo_run *demo)
{
    return database_number(demo->site.database, "SELECT count(*) FROM thumbnail");
}

/* The API is one of them. */
static int64_t count_processes(const demo_run *demo)
{
    return database_number(demo->site.database, "SELECT count(*) FROM skald.process WHERE"
                                                " expires_at > clock_timestamp()");
}

/* Until `count` says so many; there is no deadline as long as it moves. */
static bool wait_for(demo_run *demo, int64_t (*count)(const demo_run *demo), int64_t wanted)
{
    int64_t last = -1;
    double moved = clock_now_ms();
    for (int64_t now = 0; (now = count(demo)) < wanted; last = now) {
        if (!site_is_well(&demo->site))
            return false;
        if (now != last)
            moved = clock_now_ms();
        if (clock_now_ms() - moved > STUCK_MS_MAX) {
            fprintf(stderr, "thumbnails-demo: nothing moves any more, %" PRId64 " of %" PRId64 "\n",
                    now, wanted);
            return false;
        }
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

/* Thumbnails per second, from now until there are `made` of them. */
static bool measure(demo_run *demo, int64_t made, double *per_second)
{
    const double begun = clock_now_ms();
    const int64_t before = count_made(demo);
    if (!wait_for(demo, count_made, made))
        return false;
    *per_second = (double)(count_made(demo) - before) * 1e3 / (clock_now_ms() - begun);
    return true;
}

static bool work_with_one(demo_run *demo)
{
    const int64_t count = demo->options.picture_count;
    fprintf(demo->talk, "%" PRId64 " pictures are uploaded, %g in a second, seed %" PRIu64 "\n",
            count / 2, demo->options.rate, demo->options.seed);
    return customers_burst(demo->customers, 0, demo->options.rate) &&
           wait_for(demo, count_made, 1) && measure(demo, count * 3 / 8, &demo->books.one_worker);
}

static bool add_workers(demo_run *demo)
{
    fprintf(demo->talk,
            "%" PRId64 " thumbnails made, %.0f in a second; two more workers are started\n",
            count_made(demo), demo->books.one_worker);
    return site_add_worker(&demo->site, 1) && site_add_worker(&demo->site, 2) &&
           wait_for(demo, count_processes, SITE_WORKERS + 1);
}

static bool work_with_three(demo_run *demo)
{
    const int64_t count = demo->options.picture_count;
    const double rate = demo->options.rate * SITE_WORKERS;
    fprintf(demo->talk, "%" PRId64 " more pictures are uploaded, %g in a second\n",
            count - count / 2, rate);
    return customers_burst(demo->customers, 1, rate) && wait_for(demo, count_made, count / 2) &&
           measure(demo, count * 3 / 4, &demo->books.three_workers);
}

static bool kill_one(demo_run *demo)
{
    if (!site_kill_worker(&demo->site, 1, &demo->report.in_hand))
        return false;
    fprintf(demo->talk,
            "%" PRId64 " thumbnails made, %.0f in a second; a worker is killed with %u in hand\n",
            count_made(demo), demo->books.three_workers, demo->report.in_hand);
    return true;
}

static int64_t count_over(const demo_run *demo)
{
    return database_number(demo->site.database,
                           "SELECT count(*) FROM skald.job WHERE queue = 'thumbnails'"
                           " AND state NOT IN ('waiting', 'running')");
}

static bool serve_customers(demo_run *demo)
{
    const double start = clock_now_ms();
    demo->customers = customers_open(&demo->books, &demo->options, demo->site.port);
    if (demo->customers == NULL || !work_with_one(demo) || !add_workers(demo) ||
        !work_with_three(demo) || !kill_one(demo))
        return false;
    demo->report.answered = customers_join(demo->customers);
    if (!wait_for(demo, count_over, demo->options.picture_count))
        return false;
    demo->report.seconds = (clock_now_ms() - start) / 1e3;
    return true;
}

static bool compare_books(demo_run *demo)
{
    fprintf(demo->talk, "everything has ended; comparing the thumbnails\n");
    if (demo->options.spoil != NULL && !audit_spoil(demo->site.database, demo->options.spoil))
        return false;
    books_sort(&demo->books);
    if (!customers_collect(&demo->books, demo->site.port) || !site_close(&demo->site) ||
        !audit_read(&demo->books, demo->site.database))
        return false;
    books_check(&demo->books, &demo->report.verdict);
    return true;
}

static bool run(demo_run *demo)
{
    figures_find_versions(&demo->report.versions);
    fprintf(demo->talk, "one database, with Skald's tables and two of its own\n");
    demo->books.picture_count = demo->options.picture_count;
    demo->books.pictures = calloc(demo->books.picture_count, sizeof(book_picture));
    if (demo->books.pictures == NULL || !site_prepare(&demo->site, &demo->options))
        return false;
    fprintf(demo->talk, "an upload API and one worker of %u threads are started\n",
            demo->options.threads);
    if (!site_open(&demo->site) || !serve_customers(demo) || !compare_books(demo))
        return false;
    report_print_table(&demo->report, demo->talk);
    if (demo->options.json)
        report_print_json(&demo->report, stdout);
    return report_is_good(&demo->report);
}

int main(int argc, char **argv)
{
    static demo_run demo;
    int code = 0;
    if (!options_read(&demo.options, argc, argv, &code))
        return code;
    demo.report.options = &demo.options;
    demo.report.books = &demo.books;
    demo.talk = demo.options.json ? stderr : stdout;
    setvbuf(demo.talk, NULL, _IOLBF, 0);
    interrupt_watch();
    const bool good = run(&demo);
    const int signal = interrupt_came();
    customers_free(demo.customers);
    site_done(&demo.site, !good && signal == 0 && demo.options.spoil == NULL);
    free(demo.books.pictures);
    return signal != 0 ? 128 + signal : good ? 0 : 1;
}
