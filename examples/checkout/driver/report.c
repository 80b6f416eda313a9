/* Figures as words. */
#include "driver/report.h"

#include "common/settings.h"
#include "driver/database.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <skald/api.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int compare_values(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

percentiles percentiles_of(double *values, size_t count)
{
    if (count == 0)
        return (percentiles){0};
    qsort(values, count, sizeof(values[0]), compare_values);
    return (percentiles){values[(count - 1) / 2], values[(count - 1) * 99 / 100]};
}

bool report_is_good(const demo_report *report)
{
    return report->placed == report->options->order_count && report->cheated == 0 &&
           verdict_is_good(&report->verdict);
}

static const char *agrees(bool good)
{
    return good ? "agrees" : "DOES NOT AGREE";
}

static void print_outcome(const demo_report *report, FILE *file)
{
    const demo_verdict *v = &report->verdict;
    fprintf(file, "  %u orders in %.1f s, seed %" PRIu64 "\n", report->placed, report->seconds,
            report->options->seed);
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
            agrees(v->money_ok), (double)v->charged_cents / 100, (double)v->refunded_cents / 100);
    fprintf(file, "    stock            %s with the confirmed orders\n", agrees(v->stock_ok));
    fprintf(file, "    mails            %s with the confirmed orders\n", agrees(v->mail_ok));
    fprintf(file, "    analytics        %s with the confirmed and cancelled orders\n",
            agrees(v->analytics_ok));
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
    print_times(report, file);
    print_email(report, file);
    fprintf(file, "  Skald %s, PostgreSQL %s, nats-server %s\n", SKALD_VERSION,
            report->postgresql_version, report->nats_version);
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

static json_t *make_settings(const demo_report *report)
{
    const demo_options *o = report->options;
    return json_pack("{s:f, s:I, s:I, s:I}", "rate", o->rate, "provider_latency_ms",
                     (json_int_t)o->provider_latency_ms, "mail_latency_ms",
                     (json_int_t)o->mail_latency_ms, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *make_versions(const demo_report *report)
{
    return json_pack("{s:s, s:s, s:s}", "skald", SKALD_VERSION, "postgresql",
                     report->postgresql_version, "nats_server", report->nats_version);
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
    char seed[24]; /* as text: not every reader of JSON has 64-bit numbers */
    snprintf(seed, sizeof(seed), "%" PRIu64, report->options->seed);
    json_t *object = make_outcome(report);
    json_object_set_new(object, "customer_wait", make_waits(report));
    json_object_set_new(object, "email", make_email(report));
    json_object_set_new(object, "settings", make_settings(report));
    json_object_set_new(object, "versions", make_versions(report));
    json_object_set_new(object, "seed", json_string(seed));
    json_object_set_new(object, "ok", json_boolean(report_is_good(report)));
    json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', file);
    json_decref(object);
}

/* A nats-server greets everyone who connects with one line of JSON, before any authorization. */
static void read_greeting(unsigned port, char *line, size_t size)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {2, 0};
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const bool connected =
        made >= 0 && connect(made, (const struct sockaddr *)&address, sizeof(address)) == 0;
    const ssize_t got = connected ? recv(made, line, size - 1, 0) : 0;
    line[got > 0 ? got : 0] = '\0';
    if (made >= 0)
        close(made);
}

static void find_nats_version(char *out, size_t size)
{
    char line[4096];
    const char *url = setting_text("NATS_URL", "");
    const char *port = strrchr(url, ':');
    read_greeting(port != NULL ? (unsigned)strtoul(port + 1, NULL, 10) : 0, line, sizeof(line));
    const char *begin = strchr(line, '{');
    json_t *greeting = begin != NULL ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const char *version = json_string_value(json_object_get(greeting, "version"));
    snprintf(out, size, "%s", version != NULL ? version : "unknown");
    json_decref(greeting);
}

void report_find_versions(demo_report *report)
{
    PGconn *connection = database_connect(NULL);
    const char *version =
        connection != NULL ? PQparameterStatus(connection, "server_version") : NULL;
    snprintf(report->postgresql_version, sizeof(report->postgresql_version), "%s",
             version != NULL ? version : "unknown");
    PQfinish(connection);
    find_nats_version(report->nats_version, sizeof(report->nats_version));
}
