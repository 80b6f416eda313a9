/* skald queue set */
#include "cli/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All limits are texts, because "none" takes one away. */
typedef struct queue_set_options {
    session_options session;
    const char *concurrency;
    const char *rate;
    const char *burst;
    const char *key_concurrency;
    const char *key_rate;
    const char *key_burst;
    const char *breaker_failures;
} queue_set_options;

typedef struct queue_limit {
    const char *option;
    const char *value;
    bool whole;
    bool removable;
} queue_limit;

enum { LIMIT_COUNT = 7 };

static void limits_fill(queue_limit limits[LIMIT_COUNT], const queue_set_options *options)
{
    const queue_limit all[LIMIT_COUNT] = {
        {"concurrency", options->concurrency, true, true},
        {"rate", options->rate, false, true},
        {"burst", options->burst, true, false},
        {"key-concurrency", options->key_concurrency, true, true},
        {"key-rate", options->key_rate, false, true},
        {"key-burst", options->key_burst, true, false},
        {"breaker-failures", options->breaker_failures, true, true},
    };
    memcpy(limits, all, sizeof all);
}

static bool limit_valid(const queue_limit *limit)
{
    char *end = NULL;
    if (limit->value == NULL || (limit->removable && strcmp(limit->value, "none") == 0))
        return true;
    const double value = strtod(limit->value, &end);
    return *limit->value >= '0' && *limit->value <= '9' && *end == '\0' && isfinite(value) &&
           value > 0 && (!limit->whole || (value == trunc(value) && value < INT32_MAX));
}

/* "rate=50 burst=10", for the audit. False when no limit is given, or one is wrong. */
static bool limits_check(const queue_limit limits[LIMIT_COUNT], char *detail, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (!limit_valid(&limits[i])) {
            fprintf(stderr, "skald queue set: --%s is a %s above 0%s, not \"%s\"\n",
                    limits[i].option, limits[i].whole ? "whole number" : "number",
                    limits[i].removable ? ", or none" : "", limits[i].value);
            return false;
        }
        if (limits[i].value != NULL && used < size)
            used += (size_t)snprintf(detail + used, size - used, "%s%s=%s", used > 0 ? " " : "",
                                     limits[i].option, limits[i].value);
    }
    if (used == 0)
        fputs("skald queue set: say which limits: --rate N, --concurrency N, ...\n", stderr);
    return used > 0;
}

/* clang-format off */
#define NEW_VALUE(column, parameter, type) \
    column " = CASE WHEN " parameter "::text IS NULL THEN " column \
    " ELSE nullif(" parameter ", 'none')::" type " END"
#define SET_SQL \
    "WITH changed AS (UPDATE skald.queue SET " \
    NEW_VALUE("concurrency", "$5", "integer") ", " \
    NEW_VALUE("rate", "$6", "double precision") ", " \
    NEW_VALUE("burst", "$7", "integer") ", " \
    NEW_VALUE("key_concurrency", "$8", "integer") ", " \
    NEW_VALUE("key_rate", "$9", "double precision") ", " \
    NEW_VALUE("key_burst", "$10", "integer") ", " \
    NEW_VALUE("breaker_failures", "$11", "integer") \
    " WHERE name = $1 AND name NOT LIKE '@%' RETURNING name)" \
    " INSERT INTO skald.audit (actor, action, object, reason, detail)" \
    " SELECT $2, 'set', 'queue ' || name, $3, $4 FROM changed RETURNING id"
/* clang-format on */

static int set(cli_session *session, const char *name, const queue_limit limits[LIMIT_COUNT],
               const char *detail)
{
    const skald_param params[] = {skald_text(name),
                                  skald_text(session->actor),
                                  skald_text(session->reason),
                                  skald_text(detail),
                                  skald_text(limits[0].value),
                                  skald_text(limits[1].value),
                                  skald_text(limits[2].value),
                                  skald_text(limits[3].value),
                                  skald_text(limits[4].value),
                                  skald_text(limits[5].value),
                                  skald_text(limits[6].value)};
    const skald_rows *rows = session_ask(session, SET_SQL, sizeof params / sizeof *params, params);
    if (rows == NULL)
        return session_fail(session);
    if (skald_rows_count(rows) == 0)
        return session_refuse(session, SKALD_EXIT_NO,
                              "there is no queue \"%s\"; \"skald queue list\" lists them", name);
    if (!session->json) {
        printf("queue %s: %s\n", name, detail);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "queue");
    skald_json_text(&session->out, name);
    skald_json_name(&session->out, "set");
    skald_json_text(&session->out, detail);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const queue_set_options *set_options = options;
    queue_limit limits[LIMIT_COUNT];
    char detail[256] = "";
    cli_session session;
    int exit_code = EX_OK;
    limits_fill(limits, set_options);
    if (argc != 1) {
        fputs("skald queue set: say which queue\n", stderr);
        return EX_USAGE;
    }
    if (!limits_check(limits, detail, sizeof detail))
        return EX_USAGE;
    if (!session_open_change(&session, &skald_command_queue_set, &set_options->session, &exit_code))
        return exit_code;
    return session_end(&session, set(&session, argv[0], limits, detail));
}

static const skald_command_option options_table[] = {
    {"concurrency", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, concurrency),
     "how many run at a time, over all processes; none"},
    {"rate", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, rate),
     "how many begin in a second; none"},
    {"burst", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, burst),
     "how many of those at once after a pause"},
    {"key-concurrency", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, key_concurrency),
     "how many of one key at a time; none"},
    {"key-rate", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, key_rate),
     "how many of one key begin in a second; none"},
    {"key-burst", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, key_burst),
     "how many of those at once after a pause"},
    {"breaker-failures", "N", SKALD_OPTION_TEXT, offsetof(queue_set_options, breaker_failures),
     "failures in a row that open the circuit; none"},
    SESSION_CHANGE_OPTIONS(queue_set_options),
    SESSION_OPTIONS(queue_set_options),
    {0},
};

const skald_command skald_command_queue_set = {
    .name = "queue set",
    .purpose = "change the limits of a queue while it runs",
    .examples = "  skald queue set emails --rate 50 --burst 10 --reason \"provider allows more\"\n"
                "  skald queue set emails --concurrency none --reason \"no limit is needed\"\n",
    .operands = "NAME",
    .notes = "They hold in all processes at once, and stay until a program declares others.\n",
    .options = options_table,
    .options_size = sizeof(queue_set_options),
    .run = run,
};
