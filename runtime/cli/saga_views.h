/* Lists of what the views of sagas say: tasks, debts, definitions. */
#ifndef SKALD_CLI_SAGA_VIEWS_H
#define SKALD_CLI_SAGA_VIEWS_H

#include "cli/listing.h"

typedef struct saga_views_options {
    session_options session;
    const char *definition;
    int64_t limit;
} saga_views_options;

extern const skald_command_option saga_views_options_table[];

typedef struct saga_listing {
    const skald_command *command;
    const listing_column *columns;
    const char *sql; /* of the definition ($1) and the limit ($2) */
    const char *nothing;
} saga_listing;

int saga_views_run(const saga_listing *listing, const saga_views_options *options);

#endif
