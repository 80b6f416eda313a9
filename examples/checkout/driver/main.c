/* The demo's story: open the shop, let customers in, close the e-mail service for a while (or kill
 * this and that), wait until every order has ended, and compare the books. It runs inside `skald
 * dev --`, which brings the servers; the script "demo" puts the two together. */
#include "common/clock.h"
#include "common/database.h"
#include "common/interrupt.h"
#include "driver/audit.h"
#include "driver/books.h"
#include "driver/chaos.h"
#include "driver/customers.h"
#include "driver/options.h"
#include "driver/report.h"
#include "driver/shop.h"
#include "driver/timeline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 10
#define STUCK_MS_MAX 120000 /* without any progress */
#define CHAIN_ORDERS_MAX 100u
#define CHAIN_RATE 50 /* where the orders are spread over the chaos */

typedef struct demo_run {
    demo_options options;
    demo_shop shop;
    demo_customers *customers;
    demo_report report;
    FILE *talk; /* where progress is told: not among the figures that a program reads */
} demo_run;

static percentiles measure_waits(const customer_order *orders, unsigned count)
{
    double *waits = calloc(count, sizeof(*waits));
    size_t placed = 0;
    for (unsigned i = 0; waits != NULL && i < count; i++)
        if (orders[i].placed)
            waits[placed++] = orders[i].wait_ms;
    const percentiles found = percentiles_of(waits, placed);
    free(waits);
    return found;
}

static bool wait_for_answers(demo_run *demo, unsigned count)
{
    while (customers_answered(demo->customers) < count) {
        if (!shop_is_well(&demo->shop))
            return false;
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

/* How long a customer waits when everything is done before the answer. */
static bool measure_chain(demo_run *demo)
{
    const unsigned count =
        demo->options.order_count < CHAIN_ORDERS_MAX ? demo->options.order_count : CHAIN_ORDERS_MAX;
    fprintf(demo->talk, "%u orders in a chain, to have something to compare with\n", count);
    if (!shop_open_chain(&demo->shop))
        return false;
    const customers_plan plan = {.port = demo->shop.chain_port,
                                 .order_count = count,
                                 .rate =
                                     demo->options.chaos_s > 0 ? CHAIN_RATE : demo->options.rate,
                                 .seed = demo->options.seed,
                                 .only_good = true};
    demo->customers = customers_start(&plan);
    const bool answered = demo->customers != NULL && wait_for_answers(demo, count);
    if (answered)
        demo->report.chained = measure_waits(customers_join(demo->customers), count);
    customers_free(demo->customers);
    demo->customers = NULL;
    return answered && shop_close_chain(&demo->shop);
}

static int64_t count_confirmed(const demo_run *demo)
{
    return database_number(demo->shop.databases[SERVICE_ORDERS],
                           "SELECT count(*) FROM orders WHERE state = 'confirmed'");
}

static int64_t count_shipments(const demo_run *demo)
{
    return database_number(demo->shop.databases[SERVICE_INVENTORY],
                           "SELECT count(*) FROM shipment");
}

static int64_t count_mails(const demo_run *demo)
{
    return database_number(demo->shop.databases[SERVICE_EMAIL], "SELECT count(*) FROM mail");
}

/* Until nobody who is confirmed waits for a mail. */
static bool wait_for_mails(demo_run *demo)
{
    const double start = clock_now_ms();
    while (count_mails(demo) < count_confirmed(demo)) {
        if (!shop_is_well(&demo->shop) || clock_now_ms() - start > STUCK_MS_MAX)
            return false;
        clock_sleep_ms(LOOK_MS);
    }
    demo->report.drain_ms = clock_now_ms() - start;
    return true;
}

static int64_t count_open(const demo_run *demo)
{
    return database_number(demo->shop.databases[SERVICE_ORDERS],
                           "SELECT count(*) FROM orders WHERE state = 'created'");
}

/* The outage must be felt, also where machines are slow: until an order was confirmed in it, or
 * none can be any more. */
static bool wait_for_confirmation(demo_run *demo, int64_t confirmed_before)
{
    while (
        count_confirmed(demo) == confirmed_before &&
        (customers_answered(demo->customers) < demo->options.order_count || count_open(demo) > 0)) {
        if (!shop_is_well(&demo->shop))
            return false;
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

/* Stops the e-mail service after a third of the orders and starts it again after two thirds. The
 * last third waits until it has stopped, so that there is somebody to confirm meanwhile. */
static bool stop_email_for_a_while(demo_run *demo)
{
    const unsigned third = demo->options.order_count / 3;
    if (!wait_for_answers(demo, third))
        return false;
    const double stopped = clock_now_ms();
    fprintf(demo->talk, "%u orders placed; the e-mail service is stopped\n", third);
    if (!shop_stop_service(&demo->shop, SERVICE_EMAIL))
        return false;
    const int64_t confirmed = count_confirmed(demo);
    customers_let_in(demo->customers);
    if (!wait_for_answers(demo, 2 * third) || !wait_for_confirmation(demo, confirmed))
        return false;
    demo->report.confirmed_meanwhile = count_confirmed(demo) - confirmed;
    demo->report.backlog_max = count_confirmed(demo) - count_mails(demo);
    demo->report.email_away_ms = clock_now_ms() - stopped;
    fprintf(demo->talk,
            "%u orders placed; the e-mail service is started again, %" PRId64
            " mails wait for it\n",
            2 * third, demo->report.backlog_max);
    return shop_start_service(&demo->shop, SERVICE_EMAIL) && wait_for_mails(demo);
}

/* What is still to be done, over all services; 0 when everything has ended. */
static int64_t count_unfinished(const demo_run *demo)
{
    const int64_t open = count_open(demo);
    const int64_t told =
        database_number(demo->shop.databases[SERVICE_ANALYTICS],
                        "SELECT coalesce(sum(confirmed + cancelled), 0) FROM daily");
    const int64_t to_tell =
        database_number(demo->shop.databases[SERVICE_ORDERS],
                        "SELECT count(*) FROM orders WHERE state IN ('confirmed', 'cancelled')");
    const int64_t unsent = count_confirmed(demo) - count_mails(demo);
    const int64_t unshipped = count_confirmed(demo) - count_shipments(demo);
    return open + (to_tell > told ? to_tell - told : 0) + (unsent > 0 ? unsent : 0) +
           (unshipped > 0 ? unshipped : 0) + audit_count_open(&demo->shop);
}

/* There is no deadline as long as anything moves. */
static bool wait_until_all_ended(demo_run *demo)
{
    int64_t left = INT64_MAX;
    double moved = clock_now_ms();
    while (left > 0) {
        if (!shop_is_well(&demo->shop))
            return false;
        const int64_t now_left = count_unfinished(demo);
        if (now_left != left)
            moved = clock_now_ms();
        left = now_left;
        if (clock_now_ms() - moved > STUCK_MS_MAX) {
            fprintf(stderr,
                    "checkout-demo: nothing moves any more, %" PRId64 " effects are missing\n",
                    left);
            return true; /* the check will name them */
        }
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

static bool kill_services_for_a_while(demo_run *demo)
{
    const chaos_plan plan = {
        .seconds = demo->options.chaos_s, .seed = demo->options.seed, .talk = demo->talk};
    if (!chaos_reign(&demo->shop, &plan, &demo->report.kills))
        return false;
    fprintf(demo->talk, "services were killed %u times; now they are left alone\n",
            demo->report.kills);
    return true;
}

static bool make_trouble(demo_run *demo)
{
    return demo->options.chaos_s > 0 ? kill_services_for_a_while(demo)
                                     : stop_email_for_a_while(demo);
}

static bool serve_customers(demo_run *demo)
{
    const unsigned count = demo->options.order_count;
    const customers_plan plan = {.port = demo->shop.orders_port,
                                 .order_count = count,
                                 .rate = demo->options.rate,
                                 .seed = demo->options.seed,
                                 .hold_from = demo->options.chaos_s > 0 ? 0 : count / 3 * 2};
    const double start = clock_now_ms();
    fprintf(demo->talk, "%u orders, %g in a second, seed %" PRIu64 "\n", plan.order_count,
            plan.rate, plan.seed);
    demo->customers = customers_start(&plan);
    if (demo->customers == NULL || !make_trouble(demo) ||
        !wait_for_answers(demo, plan.order_count) || !wait_until_all_ended(demo))
        return false;
    demo->report.seconds = (clock_now_ms() - start) / 1e3;
    demo->report.queued = measure_waits(customers_join(demo->customers), plan.order_count);
    demo->report.cheated = customers_cheated(demo->customers);
    return true;
}

static percentiles measure_ends(const demo_books *books)
{
    double *took = calloc(books->order_count + 1, sizeof(*took));
    size_t ended = 0;
    for (size_t i = 0; took != NULL && i < books->order_count; i++)
        if (books->orders[i].state > STATE_CREATED)
            took[ended++] = books->orders[i].took_ms;
    const percentiles found = percentiles_of(took, ended);
    free(took);
    return found;
}

/* Nothing runs any more, so nothing moves while the books are read. */
static bool compare_books(demo_run *demo)
{
    demo_books books = {0};
    fprintf(demo->talk, "everything has ended; comparing the books\n");
    bool good = demo->options.spoil == NULL || audit_spoil(&demo->shop, demo->options.spoil);
    good = good && audit_read(&books, &demo->shop, customers_join(demo->customers),
                              demo->options.order_count);
    if (good) {
        books_check(&books, &demo->report.verdict);
        demo->report.ways = books.ways;
        demo->report.placed = (unsigned)books.order_count;
        demo->report.ended = measure_ends(&books);
        good = !demo->options.timeline || timeline_show(&demo->shop, &books, demo->talk);
    }
    audit_done(&books);
    return good;
}

static void tell(const demo_run *demo)
{
    report_print_table(&demo->report, demo->talk);
    if (demo->options.json)
        report_print_json(&demo->report, stdout);
}

static bool run(demo_run *demo)
{
    figures_find_versions(&demo->report.versions);
    fprintf(demo->talk, "six databases, five of them with Skald's tables\n");
    if (!shop_init(&demo->shop, &demo->options) || !shop_prepare(&demo->shop) ||
        !measure_chain(demo))
        return false;
    fprintf(demo->talk, "five services, %s, and a payment provider are started\n",
            demo->options.orchestrated ? "orchestrated" : "choreographed");
    if (!shop_open(&demo->shop) || !serve_customers(demo) || !shop_close(&demo->shop) ||
        !compare_books(demo))
        return false;
    tell(demo);
    return report_is_good(&demo->report);
}

int main(int argc, char **argv)
{
    static demo_run demo;
    int code = 0;
    if (!options_read(&demo.options, argc, argv, &code))
        return code;
    demo.report.options = &demo.options;
    demo.talk = demo.options.json ? stderr : stdout;
    setvbuf(demo.talk, NULL, _IOLBF, 0);
    interrupt_watch();
    const bool good = run(&demo);
    const int signal = interrupt_came();
    customers_free(demo.customers);
    shop_done(&demo.shop, !good && signal == 0 && demo.options.spoil == NULL);
    return signal != 0 ? 128 + signal : good ? 0 : 1;
}
