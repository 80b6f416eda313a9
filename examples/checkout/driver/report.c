/* Figures as words. */
#include "driver/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

bool report_is_good(const demo_report *report)
{
    return report->placed == report->options->order_count && report->cheated == 0 &&
           verdict_is_good(&report->verdict);
}

static const char *mode_of(const demo_report *report)
{
    return report->options->orchestrated ? "orchestrated" : "choreographed";
}

static void print_outcome(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "  %u orders, %s, in %.1f s, seed %" PRIu64 "\n", report->placed, mode_of(report),
            report->seconds, report->options->seed);
    fprintf(file, "    confirmed        %8" PRIu64 "\n", v->confirmed);
    fprintf(file, "    cancelled        %8" PRIu64 "   out of stock, money given back\n",
            v->cancelled);
    fprintf(file, "    payment failed   %8" PRIu64 "   card refused\n", v->payment_failed);
    fprintf(file, "    lost             %8" PRIu64 "   effects of events that are missing\n",
            v->lost);
    fprintf(file, "    doubled          %8" PRIu64 "   effects that happened more than once\n",
            v->doubled);
    if (v->wrong > 0)
        fprintf(file, "    WRONG            %8" PRIu64 "   ended, but not as they had to\n",
                v->wrong);
    if (report->placed < report->options->order_count)
        fprintf(file, "    NOT PLACED       %8u   the shop did not answer\n",
                report->options->order_count - report->placed);
    if (report->cheated > 0)
        fprintf(file, "    CHEATED          %8u   clicked twice and got two orders\n",
                report->cheated);
}

static void print_books(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "  the books\n");
    fprintf(file,
            "    money            %s with the provider's ledger: %.2f charged, %.2f given back\n",
            figures_agrees(v->money_ok), (double)v->charged_cents / 100,
            (double)v->refunded_cents / 100);
    fprintf(file, "    stock            %s with the confirmed orders\n",
            figures_agrees(v->stock_ok));
    fprintf(file, "    mails            %s with the confirmed orders\n",
            figures_agrees(v->mail_ok));
    fprintf(file, "    analytics        %s with the confirmed and cancelled orders\n",
            figures_agrees(v->analytics_ok));
}

/* What whoever had an eye on each order says of them. */
static void print_ways(const demo_report *report, FILE *file)
{
    const book_ways *w = &report->ways;
    const bool sagas = report->options->orchestrated;
    fprintf(file, "    %s            %s with the orders: %" PRId64 " %s, %" PRId64 " %s,\n",
            sagas ? "sagas" : "flows", figures_agrees(report->verdict.ways_ok), w->well,
            sagas ? "completed" : "ended well", w->badly, sagas ? "compensated" : "badly");
    fprintf(file, "                     %" PRId64 " open, %" PRId64 " %s\n", w->open, w->owed,
            sagas ? "undos owed" : "events awaited");
}

static void print_times(const demo_report *report, FILE *file)
{
    const demo_options *o = report->options;
    fprintf(file, "  how long it takes       half of them   99 of 100\n");
    fprintf(file, "    the customer waits\n");
    fprintf(file,
            "      in a chain         %9.1f ms  %7.1f ms   everything done before the answer\n",
            report->chained.p50_ms, report->chained.p99_ms);
    fprintf(file,
            "      queued             %9.1f ms  %7.1f ms   the order is safe, the rest follows\n",
            report->queued.p50_ms, report->queued.p99_ms);
    fprintf(file, "    the order has ended  %9.1f ms  %7.1f ms\n", report->ended.p50_ms,
            report->ended.p99_ms);
    fprintf(file,
            "    (the provider takes %ld ms for each call, of which a cancelled order needs two;\n"
            "     the mail server takes %ld ms)\n",
            o->provider_latency_ms, o->mail_latency_ms);
}

static void print_chaos(const demo_report *report, FILE *file)
{
    fprintf(file, "  services were killed %u times in %u s\n", report->kills,
            report->options->chaos_s);
}

static void print_email(const demo_report *report, FILE *file)
{
    fprintf(file, "  e-mail was stopped for %.1f s and nobody waited for it\n",
            report->email_away_ms / 1000);
    fprintf(file, "    confirmed meanwhile %5" PRId64 " orders\n", report->confirmed_meanwhile);
    fprintf(file,
            "    its backlog         %5" PRId64
            " mails, all sent %.0f ms after it was started again\n",
            report->backlog_max, report->drain_ms);
}

void report_print_table(const demo_report *report, FILE *file)
{
    fprintf(file, "\n");
    print_outcome(report, file);
    print_books(report, file);
    print_ways(report, file);
    print_times(report, file);
    if (report->options->chaos_s > 0)
        print_chaos(report, file);
    else
        print_email(report, file);
    figures_print_versions(&report->versions, file);
    fprintf(file, "\n%s\n",
            report_is_good(report) ? "All orders ended, nothing lost, nothing twice."
                                   : "SOMETHING IS WRONG: see above.");
}

static json_t *make_waits(const demo_report *report)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "chained_p50_ms", report->chained.p50_ms,
                     "chained_p99_ms", report->chained.p99_ms, "queued_p50_ms",
                     report->queued.p50_ms, "queued_p99_ms", report->queued.p99_ms);
}

static json_t *make_email(const demo_report *report)
{
    return json_pack("{s:f, s:I, s:I, s:f}", "stopped_ms", report->email_away_ms,
                     "confirmed_meanwhile", (json_int_t)report->confirmed_meanwhile, "backlog_max",
                     (json_int_t)report->backlog_max, "drain_ms", report->drain_ms);
}

static json_t *make_ways(const demo_report *report)
{
    const book_ways *w = &report->ways;
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}", "mode", mode_of(report), "agree",
                     report->verdict.ways_ok, "well", (json_int_t)w->well, "badly",
                     (json_int_t)w->badly, "open", (json_int_t)w->open, "owed",
                     (json_int_t)w->owed);
}

static json_t *make_settings(const demo_report *report)
{
    const demo_options *o = report->options;
    return json_pack("{s:f, s:I, s:I, s:I, s:I}", "rate", o->rate, "provider_latency_ms",
                     (json_int_t)o->provider_latency_ms, "mail_latency_ms",
                     (json_int_t)o->mail_latency_ms, "chaos_s", (json_int_t)o->chaos_s, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *make_outcome(const demo_report *report)
{
    const demo_verdict *v = &report->verdict;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:I, s:I, s:f, s:f, s:f}",
        "orders", (json_int_t)report->placed, "confirmed", (json_int_t)v->confirmed, "cancelled",
        (json_int_t)v->cancelled, "payment_failed", (json_int_t)v->payment_failed, "lost",
        (json_int_t)v->lost, "doubled", (json_int_t)v->doubled, "wrong", (json_int_t)v->wrong,
        "not_placed", (json_int_t)(report->options->order_count - report->placed), "money_ok",
        v->money_ok, "stock_ok", v->stock_ok, "mail_ok", v->mail_ok, "analytics_ok",
        v->analytics_ok, "charged_cents", (json_int_t)v->charged_cents, "refunded_cents",
        (json_int_t)v->refunded_cents, "p50_ms", report->ended.p50_ms, "p99_ms",
        report->ended.p99_ms, "seconds", report->seconds);
}

void report_print_json(const demo_report *report, FILE *file)
{
    json_t *object = make_outcome(report);
    json_object_set_new(object, "customer_wait", make_waits(report));
    json_object_set_new(object, "ways", make_ways(report));
    json_object_set_new(object, "email", make_email(report));
    json_object_set_new(object, "kills", json_integer(report->kills));
    json_object_set_new(object, "settings", make_settings(report));
    json_object_set_new(object, "versions", figures_versions_json(&report->versions));
    json_object_set_new(object, "seed", figures_seed_json(report->options->seed));
    json_object_set_new(object, "ok", json_boolean(report_is_good(report)));
    figures_print_json(object, file);
}
