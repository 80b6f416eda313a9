/* Changing many at once: a filter, a preview, a frozen set with a token, one durable operation that
 * the service's keeper works off. Jobs and sagas differ in what is asked of the database. */
#ifndef SKALD_CLI_BULK_H
#define SKALD_CLI_BULK_H

#include "cli/listing.h"

typedef struct bulk_object {
    const char *noun;    /* "jobs" */
    const char *nothing; /* "nothing that is dead fits" */
    /* Of a filter ($1): how many it means, and the token that is made of their ids. */
    const char *set_sql;
    const char *groups_sql;
    const listing_column *columns; /* of the groups */
    /* Begins the operation: action, filter, actor, reason, rate; and of sagas the step. */
    const char *begin_sql;
    bool has_step;
} bulk_object;

extern const bulk_object bulk_jobs;
extern const bulk_object bulk_sagas;

typedef struct bulk_options {
    const char *rate;
    const char *set;
    bool dry_run;
    bool yes;
    bool wait;
} bulk_options;

#define BULK_OPTIONS(type)                                                                         \
    {"dry-run", NULL, SKALD_OPTION_FLAG, offsetof(type, bulk.dry_run),                             \
     "only say what would be changed, and the set's token"},                                       \
        {"set", "TOKEN", SKALD_OPTION_TEXT, offsetof(type, bulk.set),                              \
         "only if it is still this set"},                                                          \
        {"yes", NULL, SKALD_OPTION_FLAG, offsetof(type, bulk.yes), "do not ask"},                  \
    {                                                                                              \
        "wait", NULL, SKALD_OPTION_FLAG, offsetof(type, bulk.wait),                                \
            "until it is done; exits with 2 when some were refused"                                \
    }

/* What is to be changed, and how. */
typedef struct bulk_change {
    const bulk_object *object;
    const bulk_options *options;
    const char *action; /* "replay" */
    const char *step;   /* of sagas; NULL: the one that waits for a person */
    const char *filter; /* JSON */
    double rate;        /* 0: no limit */
    int64_t count;      /* the rest is its own */
    char token[16];
} bulk_change;

/* Reads --rate. False after a mistake was said. */
bool bulk_rate_read(bulk_change *bulk, const cli_session *session, int *exit_code);

/* Shows what is meant with --dry-run; otherwise asks, unless told not to, and begins it. */
int bulk_run(cli_session *session, bulk_change *bulk);

#endif
