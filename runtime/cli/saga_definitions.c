/* skald saga definitions */
#include "cli/saga_views.h"

static const listing_column columns[] = {
    {"name", "NAME", LISTING_TEXT},
    {"version", "VERSION", LISTING_COUNT},
    {"open", "OPEN", LISTING_COUNT},
    {"compensating", "COMPENSATING", LISTING_COUNT},
    {"for_people", "TASKS", LISTING_COUNT},
    {"blocked", "BLOCKED", LISTING_COUNT},
    {"other_plan", "OTHER PLAN", LISTING_COUNT},
    {"state_type", "STATE", LISTING_TEXT},
    {"seen_at", "SEEN", LISTING_TIME},
    {"fingerprint", NULL, LISTING_ID},
    {0},
};

/* Also versions that sagas still run on and nobody has written down. */
/* clang-format off */
#define DEFINITIONS_SQL \
    "WITH open AS (SELECT definition AS name, version, count(*) AS open," \
    " count(*) FILTER (WHERE phase = 'compensating') AS compensating," \
    " count(*) FILTER (WHERE tasks IS NOT NULL) AS for_people," \
    " count(*) FILTER (WHERE blocked IS NOT NULL) AS blocked," \
    " array_agg(fingerprint) AS prints FROM skald.saga WHERE ended_at IS NULL GROUP BY 1, 2)" \
    " SELECT name, version, coalesce(o.open, 0), coalesce(o.compensating, 0)," \
    " coalesce(o.for_people, 0), coalesce(o.blocked, 0)," \
    " (SELECT count(*) FROM unnest(o.prints) AS p WHERE p <> d.fingerprint), d.state_type, " \
    SQL_TIME("d.seen_at") ", d.fingerprint" \
    " FROM skald.saga_definition AS d FULL JOIN open AS o USING (name, version)" \
    " WHERE ($1::text IS NULL OR name = $1) ORDER BY name, version DESC LIMIT $2"
/* clang-format on */

static int run(const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return saga_views_run(&(saga_listing){&skald_command_saga_definitions, columns, DEFINITIONS_SQL,
                                          "No program has defined a saga yet."},
                          options);
}

const skald_command skald_command_saga_definitions = {
    .name = "saga definitions",
    .purpose = "list the definitions and how many sagas are on each",
    .examples = "  skald saga definitions\n",
    .notes = "OTHER PLAN counts sagas that began on another plan of steps under that version;\n"
             "SEEN is when a program that knows it was last started, - means never.\n",
    .options = saga_views_options_table,
    .options_size = sizeof(saga_views_options),
    .run = run,
};
