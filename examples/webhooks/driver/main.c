/* The demo's story: a burst of events, an outage, an endpoint that is not there for 72 hours, and a
 * person who replays what was kept. It runs inside `skald dev --`, which brings the servers; the
 * script "demo" puts the two together. */
#include "common/clock.h"
#include "common/crowd.h"
#include "common/database.h"
#include "common/interrupt.h"
#include "driver/audit.h"
#include "driver/books.h"
#include "driver/options.h"
#include "driver/report.h"
#include "driver/site.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 10
#define STUCK_MS_MAX 120000 /* without any progress */
#define OUTAGE_HOURS 27
#define TRIES_MAX 25
#define PAUSE_MS 200

typedef struct demo_run {
    demo_options options;
    demo_site site;
    demo_books books;
    demo_crowd *crowd;
    double *waits;
    atomic_uint placed;
    atomic_bool stopped;
    demo_report report;
    FILE *talk; /* where progress is told: not among the figures that a program reads */
} demo_run;

/* --- the burst -----------------------------------------------------------------------------------
 */

/* Tells of it until there is an answer: the Idempotency-Key makes that safe. */
static void tell_event(void *user, http_client *client, unsigned index, double due_ms)
{
    demo_run *demo = user;
    char key[32];
    char text[64];
    bool placed = false;
    snprintf(key, sizeof(key), "event-%u", index + 1);
    snprintf(text, sizeof(text), "event number %u", index + 1);
    json_t *body = json_pack("{s:s}", "body", text);
    for (int try = 0; !placed && try < TRIES_MAX && !atomic_load(&demo->stopped); try++) {
        json_t *answer = NULL;
        placed = http_client_call(client, "POST", "/events", key, body, &answer) == 202;
        json_decref(answer);
        if (!placed)
            clock_sleep_ms(PAUSE_MS);
    }
    atomic_fetch_add(&demo->placed, placed);
    demo->waits[index] = clock_now_ms() - due_ms;
    json_decref(body);
}

static int64_t count_delivered(const demo_run *demo)
{
    return database_number(demo->site.database, "SELECT count(*) FROM delivered");
}

static bool send_burst(demo_run *demo)
{
    const unsigned count = demo->options.event_count;
    const double deliveries_rate = (double)demo->options.rate * BURST_FACTOR;
    const double begun = clock_now_ms();
    fprintf(demo->talk, "%u events, each for %u endpoints: %.0f deliveries in a second\n", count,
            ENDPOINTS, deliveries_rate);
    demo->crowd = crowd_start(&(crowd_plan){.port = demo->site.port,
                                            .count = count,
                                            .rate = deliveries_rate / ENDPOINTS,
                                            .user = demo,
                                            .act = tell_event});
    if (demo->crowd == NULL)
        return false;
    while (crowd_done(demo->crowd) < count) {
        if (!site_is_well(&demo->site))
            return false;
        clock_sleep_ms(LOOK_MS);
    }
    crowd_join(demo->crowd);
    demo->report.burst_rate = count * ENDPOINTS * 1e3 / (clock_now_ms() - begun);
    demo->report.answered = percentiles_of(demo->waits, count);
    demo->books.events_placed = atomic_load(&demo->placed);
    fprintf(demo->talk,
            "all events are taken in after %.1f s; %" PRId64 " of %u deliveries made so far\n",
            (clock_now_ms() - begun) / 1e3, count_delivered(demo), count * ENDPOINTS);
    return true;
}

/* --- waiting -------------------------------------------------------------------------------------
 */

/* Until the query answers at least `wanted`; there is no deadline as long as anything is delivered
 * or tried. */
static bool wait_for(demo_run *demo, const char *sql, int64_t wanted)
{
    int64_t last = -1;
    double moved = clock_now_ms();
    while (database_number(demo->site.database, sql) < wanted) {
        const int64_t now =
            database_number(demo->site.database, "SELECT (SELECT count(*) FROM delivered)"
                                                 " + (SELECT count(*) FROM skald.attempt)");
        if (!site_is_well(&demo->site))
            return false;
        if (now != last)
            moved = clock_now_ms();
        last = now;
        if (clock_now_ms() - moved > STUCK_MS_MAX) {
            fprintf(stderr, "webhooks-demo: nothing moves any more: %s\n", sql);
            return false;
        }
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

static bool wait_for_delivered(demo_run *demo, int64_t wanted)
{
    return wait_for(demo, "SELECT count(*) FROM delivered", wanted);
}

/* --- the outage ----------------------------------------------------------------------------------
 */

static int64_t count_attempts(const demo_run *demo)
{
    return database_number(demo->site.database, "SELECT count(*) FROM skald.attempt");
}

static bool circuit_is_open(const demo_run *demo)
{
    return database_number(demo->site.database, "SELECT count(*) FROM skald.queue WHERE"
                                                " name = 'deliveries' AND breaker_since"
                                                " IS NOT NULL") > 0;
}

static bool sit_out(demo_run *demo)
{
    book_outage *outage = &demo->books.outage;
    const double begun = clock_now_ms();
    const int64_t attempts = count_attempts(demo);
    const double hours_ms = (double)demo->options.hour_ms * OUTAGE_HOURS;
    while (clock_now_ms() - begun < hours_ms || !outage->circuit_opened) {
        if (!site_is_well(&demo->site) || clock_now_ms() - begun > STUCK_MS_MAX)
            return false;
        outage->circuit_opened = outage->circuit_opened || circuit_is_open(demo);
        clock_sleep_ms(LOOK_MS);
    }
    outage->seconds = (clock_now_ms() - begun) / 1e3;
    outage->attempts = count_attempts(demo) - attempts;
    outage->waiting =
        database_number(demo->site.database, "SELECT count(*) FROM skald.job WHERE"
                                             " queue = 'deliveries' AND state = 'waiting'");
    return true;
}

/* Closed, and deliveries are made again. */
static bool wait_for_circuit(demo_run *demo)
{
    const int64_t delivered = count_delivered(demo);
    if (!wait_for_delivered(demo, delivered + ENDPOINTS))
        return false;
    demo->books.outage.circuit_closed = !circuit_is_open(demo);
    return true;
}

static bool kill_receiver_for_a_while(demo_run *demo)
{
    const book_outage *outage = &demo->books.outage;
    fprintf(demo->talk, "%" PRId64 " delivered; the endpoints ann, bob and cid are killed\n",
            count_delivered(demo));
    if (!site_kill_receiver(&demo->site, SITE_RECEIVER) || !sit_out(demo))
        return false;
    fprintf(demo->talk,
            "they are back after %d hours (%.1f s); %" PRId64
            " attempts failed meanwhile, and the circuit opened\n",
            OUTAGE_HOURS, outage->seconds, outage->attempts);
    return site_start_receiver(&demo->site, SITE_RECEIVER) && wait_for_circuit(demo);
}

/* --- the endpoint that is not there --------------------------------------------------------------
 */

static bool wait_for_the_end(demo_run *demo)
{
    const int64_t reachable = (int64_t)demo->options.event_count * (ENDPOINTS - 1);
    if (!wait_for_delivered(demo, reachable) ||
        !wait_for(demo, "SELECT count(*) FROM skald.job WHERE state = 'dead'", 1))
        return false;
    demo->books.dead =
        database_number(demo->site.database, "SELECT count(*) FROM skald.job WHERE state = 'dead'");
    demo->books.behind =
        database_number(demo->site.database, "SELECT count(*) FROM skald.job WHERE state ="
                                             " 'waiting' AND key = 'dora' AND starts = 0");
    fprintf(demo->talk,
            "%" PRId64 " delivered; for dora 72 hours (%.1f s) are over: %" PRId64
            " is dead, %" PRId64 " wait behind it\n",
            count_delivered(demo), (double)demo->options.hour_ms * 72 / 1e3, demo->books.dead,
            demo->books.behind);
    return true;
}

static bool replay(demo_run *demo)
{
    const char *const list[] = {"skald", "dead", "list", "--time", "relative", NULL};
    const char *const replay_all[] = {"skald",        "dead",    "replay", "--all", "--reason",
                                      "dora is back", "--actor", "olga",   "--yes", NULL};
    if (!site_run_skald(&demo->site, list, demo->talk))
        return false;
    fprintf(demo->talk, "somebody has called dora, and her endpoint is there at last\n");
    return site_start_receiver(&demo->site, SITE_LATE_RECEIVER) &&
           site_run_skald(&demo->site, replay_all, demo->talk) &&
           wait_for_delivered(demo, (int64_t)demo->options.event_count * ENDPOINTS);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool tell_the_story(demo_run *demo)
{
    const double start = clock_now_ms();
    const int64_t third = (int64_t)demo->options.event_count * (ENDPOINTS - 1) / 3;
    if (!send_burst(demo) || !wait_for_delivered(demo, third) || !kill_receiver_for_a_while(demo) ||
        !wait_for_the_end(demo) || !replay(demo))
        return false;
    demo->report.seconds = (clock_now_ms() - start) / 1e3;
    return true;
}

static bool compare_books(demo_run *demo)
{
    const demo_limits limits = {
        .event_count = demo->options.event_count, .rate = demo->options.rate, .burst = SITE_BURST};
    fprintf(demo->talk, "everything has ended; comparing the books\n");
    if (!site_close(&demo->site) ||
        (demo->options.spoil != NULL && !audit_spoil(&demo->site, demo->options.spoil)) ||
        !audit_read(&demo->books, &demo->site))
        return false;
    books_check(&demo->books, &limits, &demo->report.verdict);
    return true;
}

static bool run(demo_run *demo)
{
    figures_find_versions(&demo->report.versions);
    fprintf(demo->talk, "one database, with Skald's tables and four of its own\n");
    demo->waits = calloc(demo->options.event_count, sizeof(*demo->waits));
    if (demo->waits == NULL || !site_prepare(&demo->site, &demo->options))
        return false;
    fprintf(demo->talk, "the service and the endpoints of ann, bob and cid are started; dora's is"
                        " not there\n");
    if (!site_open(&demo->site) || !tell_the_story(demo) || !compare_books(demo))
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
    demo.report.burst = SITE_BURST;
    demo.talk = demo.options.json ? stderr : stdout;
    setvbuf(demo.talk, NULL, _IOLBF, 0);
    interrupt_watch();
    const bool good = run(&demo);
    const int signal = interrupt_came();
    atomic_store(&demo.stopped, true);
    crowd_free(demo.crowd);
    site_done(&demo.site, !good && signal == 0 && demo.options.spoil == NULL);
    audit_done(&demo.books);
    free(demo.waits);
    return signal != 0 ? 128 + signal : good ? 0 : 1;
}
