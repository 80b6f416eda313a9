/* Figures as words. */
#include "driver/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

bool report_is_good(const demo_report *report)
{
    return report->verdict.made > 0 && verdict_is_good(&report->verdict);
}

static void print_outcome(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "  %zu pictures in %.1f s, seed %" PRIu64 "\n", report->books->picture_count,
            report->seconds, report->options->seed);
    fprintf(file, "    thumbnails made  %8" PRIu64 "\n", v->made);
    fprintf(file, "    cancelled        %8" PRIu64 "   not wanted any more, and not made\n",
            v->cancelled);
    fprintf(file, "    lost             %8" PRIu64 "   thumbnails that are missing\n", v->lost);
    fprintf(file, "    doubled          %8" PRIu64 "   thumbnails that were made more than once\n",
            v->doubled);
    fprintf(file, "    wrong pixels     %8" PRIu64 "   compared with what they must be\n",
            v->wrong);
}

static const char *good_or_not(bool good)
{
    return good ? "yes" : "NO ";
}

static void print_promises(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    const book_progress *progress = &report->books->progress;
    fprintf(file, "  what was promised\n");
    fprintf(file,
            "    uploaded twice, made once  %s   %" PRIu64 " pictures were, %" PRIu64
            " jobs for %zu pictures\n",
            good_or_not(v->unique_ok), v->twice, report->books->job_count,
            report->books->picture_count);
    fprintf(file, "    who pays overtakes         %s   in %" PRIu64 " of %" PRIu64 " cases\n",
            good_or_not(v->paying_ok), v->overtaken, v->waited);
    fprintf(file, "    progress is seen to rise   %s   %u steps of one picture, in %u looks\n",
            good_or_not(v->progress_ok), progress->steps, progress->looks);
    fprintf(file, "    cancelled is cancelled     %s\n", good_or_not(v->cancel_ok));
    fprintf(file,
            "    all workers take part      %s   %.0f thumbnails a second by one, %.0f by three\n",
            good_or_not(v->shared_ok), report->books->one_worker, report->books->three_workers);
}

void report_print_table(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "\n");
    print_outcome(report, file);
    print_promises(report, file);
    fprintf(file,
            "  an upload is answered after %.1f ms (half of them), %.1f ms (99 of 100);\n"
            "  %" PRIu64 " customers were shown a placeholder meanwhile\n",
            report->answered.p50_ms, report->answered.p99_ms, v->placeholders);
    fprintf(file,
            "  the worker that was killed had %u in hand; %" PRIu64 " were begun anew by others\n",
            report->in_hand, v->interrupted);
    figures_print_versions(&report->versions, file);
    fprintf(file, "\n%s\n",
            report_is_good(report) ? "Every thumbnail was made, and made once."
                                   : "SOMETHING IS WRONG: see above.");
}

static json_t *make_settings(const demo_report *report)
{
    const demo_options *o = report->options;
    return json_pack("{s:f, s:i, s:I, s:I}", "rate", o->rate, "threads", (int)o->threads,
                     "delay_ms", (json_int_t)o->delay_ms, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *make_outcome(const demo_report *report)
{
    const demo_verdict *v = &report->verdict;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:b,"
        " s:f, s:f, s:f, s:f, s:f}",
        "pictures", (json_int_t)report->books->picture_count, "made", (json_int_t)v->made,
        "cancelled", (json_int_t)v->cancelled, "lost", (json_int_t)v->lost, "doubled",
        (json_int_t)v->doubled, "wrong", (json_int_t)v->wrong, "uploaded_twice",
        (json_int_t)v->twice, "jobs", (json_int_t)report->books->job_count, "placeholders",
        (json_int_t)v->placeholders, "in_hand_when_killed", (json_int_t)report->in_hand,
        "begun_anew", (json_int_t)v->interrupted, "waited", (json_int_t)v->waited, "overtaken",
        (json_int_t)v->overtaken, "unique_ok", v->unique_ok, "paying_ok", v->paying_ok,
        "progress_ok", v->progress_ok, "cancel_ok", v->cancel_ok, "shared_ok", v->shared_ok,
        "one_worker_per_second", report->books->one_worker, "three_workers_per_second",
        report->books->three_workers, "answered_p50_ms", report->answered.p50_ms, "answered_p99_ms",
        report->answered.p99_ms, "seconds", report->seconds);
}

void report_print_json(const demo_report *report, FILE *file)
{
    json_t *object = make_outcome(report);
    json_object_set_new(object, "progress_steps", json_integer(report->books->progress.steps));
    json_object_set_new(object, "settings", make_settings(report));
    json_object_set_new(object, "versions", figures_versions_json(&report->versions));
    json_object_set_new(object, "seed", figures_seed_json(report->options->seed));
    json_object_set_new(object, "ok", json_boolean(report_is_good(report)));
    figures_print_json(object, file);
}
