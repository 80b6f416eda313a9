/* Figures as words. */
#include "driver/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

bool report_is_good(const demo_report *report)
{
    return verdict_is_good(&report->verdict);
}

static const char *yes_or_no(bool good)
{
    return good ? "yes" : "NO ";
}

static void print_outcome(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "  %" PRIu64 " events for %u endpoints in %.1f s\n", report->books->events_placed,
            ENDPOINTS, report->seconds);
    fprintf(file, "    delivered        %8" PRIu64 "\n", v->delivered);
    fprintf(file, "    lost             %8" PRIu64 "   deliveries that are missing\n", v->lost);
    fprintf(file, "    doubled          %8" PRIu64 "   deliveries that had their effect twice\n",
            v->doubled);
    fprintf(file,
            "    repeated         %8" PRIu64 "   the answer was lost; the endpoint knew the key\n",
            v->repeated);
}

static void print_promises(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    const book_outage *outage = &report->books->outage;
    fprintf(file, "  what was promised\n");
    fprintf(file, "    every event is taken in   %s   %.0f deliveries a second came in\n",
            yes_or_no(v->burst_ok), report->burst_rate);
    fprintf(file,
            "    never more than it takes  %s   %u in the busiest second; %" PRIu64
            " answered with 429\n",
            yes_or_no(v->rate_ok), v->busiest_second, report->books->refused);
    fprintf(file, "    in order                  %s   for each endpoint\n", yes_or_no(v->order_ok));
    fprintf(file,
            "    an outage is left alone   %s   %" PRId64 " attempts in %.1f s, %" PRId64
            " deliveries waited\n",
            yes_or_no(v->outage_ok), outage->attempts, outage->seconds, outage->waiting);
    fprintf(file, "    the circuit opens, closes %s\n", yes_or_no(v->circuit_ok));
    fprintf(file,
            "    kept for a person         %s   %" PRId64 " dead after 72 hours, %" PRId64
            " behind it\n",
            yes_or_no(v->dead_ok), report->books->dead, report->books->behind);
}

void report_print_table(const demo_report *report, FILE *file)
{
    fprintf(file, "\n");
    print_outcome(report, file);
    print_promises(report, file);
    fprintf(
        file,
        "  whoever tells of an event waits %.1f ms (half of them), %.1f ms (99 of 100)\n"
        "  (an hour takes %ld ms here; the endpoints can take %u in a second, and %u at once)\n",
        report->answered.p50_ms, report->answered.p99_ms, report->options->hour_ms,
        report->options->rate, report->burst);
    figures_print_versions(&report->versions, file);
    fprintf(file, "\n%s\n",
            report_is_good(report) ? "Every endpoint was told of every event, once and in order."
                                   : "SOMETHING IS WRONG: see above.");
}

static json_t *make_outage(const demo_report *report)
{
    const book_outage *outage = &report->books->outage;
    return json_pack("{s:f, s:I, s:I, s:b, s:b}", "seconds", outage->seconds, "attempts",
                     (json_int_t)outage->attempts, "waiting", (json_int_t)outage->waiting,
                     "circuit_opened", outage->circuit_opened, "circuit_closed",
                     outage->circuit_closed);
}

static json_t *make_settings(const demo_report *report)
{
    const demo_options *o = report->options;
    return json_pack("{s:i, s:i, s:I, s:I}", "rate", (int)o->rate, "burst", (int)report->burst,
                     "hour_ms", (json_int_t)o->hour_ms, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *make_outcome(const demo_report *report)
{
    const demo_verdict *v = &report->verdict;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:b, s:b, s:b, s:b, s:b, s:b,"
                     " s:f, s:f, s:f, s:f}",
                     "events", (json_int_t)report->books->events_placed, "delivered",
                     (json_int_t)v->delivered, "lost", (json_int_t)v->lost, "doubled",
                     (json_int_t)v->doubled, "repeated", (json_int_t)v->repeated, "refused",
                     (json_int_t)report->books->refused, "busiest_second", (int)v->busiest_second,
                     "dead", (json_int_t)report->books->dead, "behind",
                     (json_int_t)report->books->behind, "burst_ok", v->burst_ok, "rate_ok",
                     v->rate_ok, "order_ok", v->order_ok, "outage_ok", v->outage_ok, "circuit_ok",
                     v->circuit_ok, "dead_ok", v->dead_ok, "burst_per_second", report->burst_rate,
                     "answered_p50_ms", report->answered.p50_ms, "answered_p99_ms",
                     report->answered.p99_ms, "seconds", report->seconds);
}

void report_print_json(const demo_report *report, FILE *file)
{
    json_t *object = make_outcome(report);
    json_object_set_new(object, "outage", make_outage(report));
    json_object_set_new(object, "settings", make_settings(report));
    json_object_set_new(object, "versions", figures_versions_json(&report->versions));
    json_object_set_new(object, "ok", json_boolean(report_is_good(report)));
    figures_print_json(object, file);
}
