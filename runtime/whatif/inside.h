/* What the files of a what-if share:
 *
 *     run.c       connections, and which of the two it is
 *     job.c       a handler of a follower
 *     saga.c      a turn of a saga
 *     look.c      what the transaction has left, read before it is rolled back
 *     changes.c   of it: rows of one table, before and after
 *     body.c      a body as text
 *     print.c, print_json.c
 */
#ifndef SKALD_WHATIF_INSIDE_H
#define SKALD_WHATIF_INSIDE_H

#include "pg/connection.h"
#include "pg/pipeline.h"
#include "whatif/whatif.h"

enum {
    SKALD_WHATIF_LOCK_MS = 2000,      /* for a lock of the running service */
    SKALD_WHATIF_STATEMENT_MS = 5000, /* of user code */
    SKALD_WHATIF_IDLE_MS = 10000,     /* between its statements */
    SKALD_WHATIF_LOOK_MS = 4000,      /* for all that is read afterwards */
    SKALD_WHATIF_SCAN_MS = 2000,      /* for one statement of it */
};

typedef struct skald_whatif {
    const skald_whatif_options *options;
    skald_whatif_report *report;
    skald_pg *pg;                      /* of the transaction */
    skald_pg *past;                    /* sees the database as it is without it */
    int64_t transaction;               /* its id with the epoch */
    int64_t span;                      /* ids from that one on that may be its subtransactions */
    int64_t outbox_before, job_before; /* what was drawn last before it */
    uint64_t look_until_ms;
    skald_types_seen seen;
} skald_whatif;

/* The first statements of the transaction: limits, and marks by which its rows are found. */
skald_status skald_whatif_mark(skald_whatif *w, skald_pipeline *pipeline, skald_error *error);

/* Everything deferred to COMMIT is checked now, as that of `owner`, and the transaction left open
 * on w->pg. */
skald_status skald_whatif_settle(skald_pipeline *pipeline, uint32_t owner, skald_error *error);

/* Reads what the open transaction has left, and ends it: always by ROLLBACK. */
skald_status skald_whatif_look(skald_whatif *w, skald_error *error);

/* The one sentence for a lock or a statement that took too long. */
skald_status skald_whatif_gave_up(skald_error *error);

skald_status skald_whatif_job(skald_whatif *w, skald_error *error);
skald_status skald_whatif_saga(skald_whatif *w, skald_error *error);

/* --- changes.c ------------------------------------------------------------------------------ */

/* Is this system column (xmin, xmax) of a row the transaction, whose id is $1, or one of its
 * subtransactions, of which there are less than $2 ids further on? Only ids that are near are
 * looked up, so that a row frozen long ago is never taken for one of ours. */
#define SKALD_WHATIF_BEHIND(column) "((" column "::text::bigint - $1) & 4294967295)"
#define SKALD_WHATIF_OURS(column)                                                                  \
    "(CASE WHEN " column "::text = '0' OR " SKALD_WHATIF_BEHIND(                                   \
        column) " >= $2 THEN false"                                                                \
                " ELSE pg_xact_status(($1 + " SKALD_WHATIF_BEHIND(                                 \
                    column) ")::text::xid8) = 'in progress' END)"

/* A table that has changed: as the catalogue has it. */
typedef struct skald_whatif_target {
    const char *name;                    /* quoted where needed */
    const char *columns;                 /* names, one a line */
    const char *texts;                   /* expressions for their values */
    const char *key;                     /* an expression for the primary key; NULL: none */
    uint64_t inserted, updated, deleted; /* as counted, of rows that came and went too */
    bool whole;                          /* locked as a whole, so that nobody else can read it */
} skald_whatif_target;

skald_status skald_whatif_changes(skald_whatif *w, const skald_whatif_target *target,
                                  skald_error *error);

/* --- body.c --------------------------------------------------------------------------------- */

/* A body as JSON in the report's memory; NULL when its type is not known or it cannot be read. */
const char *skald_whatif_fields(skald_whatif *w, const char *type, skald_bytes body);

/* Copies into the report. NULL for NULL. */
const char *skald_whatif_keep(skald_whatif *w, const char *text);

#endif
