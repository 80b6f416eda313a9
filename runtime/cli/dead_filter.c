/* skald.job_filter_check has the list of fields. */
#include "cli/dead_filter.h"
#include "cli/job_find.h"
#include "cli/listing.h"

#include <stdlib.h>

bool dead_filter_given(const dead_bulk_options *options, int operands, const cli_session *session,
                       int *exit_code)
{
    const bool filter = options->subscription != NULL || options->fingerprint != NULL ||
                        options->type != NULL || options->key != NULL ||
                        options->error_class != NULL || options->sqlstate != NULL ||
                        options->since != NULL || options->until != NULL;
    if (operands > 0 || filter || options->all)
        return true;
    *exit_code = session_refuse(session, EX_USAGE,
                                "say which: jobs, --fingerprint, --subscription, --type, --key, "
                                "--since, ... or --all");
    return false;
}

static bool time_member(cli_session *session, skald_json *json, const char *name, const char *text)
{
    int64_t time_us = 0;
    if (text == NULL)
        return true;
    if (!session_time_read(session, name, text, &time_us))
        return false;
    skald_json_name(json, name);
    listing_time(json, false, time_us);
    return true;
}

static void text_member(skald_json *json, const char *name, const char *text)
{
    if (text == NULL)
        return;
    skald_json_name(json, name);
    skald_json_text(json, text);
}

/* Jobs may be named by their messages' ids; the filter has numbers. */
static bool ids_member(cli_session *session, skald_json *json, int argc, char **argv,
                       int *exit_code)
{
    if (argc == 0)
        return true;
    skald_json_name(json, "ids");
    skald_json_open(json, '[');
    for (int i = 0; i < argc; i++) {
        int64_t job = 0;
        if (!job_find(session, argv[i], &job, exit_code))
            return false;
        skald_json_integer(json, job);
    }
    skald_json_close(json, ']');
    return true;
}

static bool members(cli_session *session, skald_json *json, const dead_bulk_options *options,
                    int argc, char **argv, int *exit_code)
{
    text_member(json, "subscription", options->subscription);
    text_member(json, "fingerprint", options->fingerprint);
    text_member(json, "type", options->type);
    text_member(json, "key", options->key);
    text_member(json, "error_class", options->error_class);
    text_member(json, "sqlstate", options->sqlstate);
    *exit_code = EX_USAGE;
    return time_member(session, json, "since", options->since) &&
           time_member(session, json, "until", options->until) &&
           ids_member(session, json, argc, argv, exit_code);
}

bool dead_filter_make(cli_session *session, const dead_bulk_options *options, int argc, char **argv,
                      const char **out, int *exit_code)
{
    char *text = NULL;
    size_t size = 0;
    skald_json json = {.out = open_memstream(&text, &size)};
    if (json.out == NULL) {
        *exit_code = session_refuse(session, EX_OSERR, "no memory for a filter");
        return false;
    }
    skald_json_open(&json, '{');
    const bool complete = members(session, &json, options, argc, argv, exit_code);
    skald_json_close(&json, '}');
    fclose(json.out);
    *out = skald_arena_text(&session->arena, text);
    free(text);
    if (complete)
        *exit_code = EX_OK;
    return complete;
}
