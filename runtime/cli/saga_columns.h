/* What is told of a saga beside its steps: the columns of skald.saga as people and programs see
 * them. */
#ifndef SKALD_CLI_SAGA_COLUMNS_H
#define SKALD_CLI_SAGA_COLUMNS_H

#include "cli/listing.h"

/* clang-format off */
#define SAGA_SQL \
    "SELECT s.id, s.definition, s.version, s.phase, s.future, " SQL_TIME("s.started_at") ", " \
    SQL_TIME("s.changed_at") ", array_to_string(s.tasks, ', '), array_to_string(s.owed, ', ')," \
    " nullif(coalesce(s.blocked, s.waits_for), ''), nullif(s.reason, ''), s.blocked, " \
    SQL_TIME("s.due_at") ", " SQL_TIME("s.ended_at") ", s.parent, s.parent_operation," \
    " nullif(s.root, s.id), nullif(s.crashes, 0), s.turns, nullif(s.stale, 0), s.partition," \
    " s.state_type, s.correlation_id, s.causation_id, s.traceparent FROM skald.saga AS s"
/* clang-format on */

enum {
    SAGA_ID,
    SAGA_DEFINITION,
    SAGA_VERSION,
    SAGA_PHASE,
    SAGA_FUTURE,
    SAGA_STARTED,
    SAGA_CHANGED,
    SAGA_TASKS,
    SAGA_OWED,
    SAGA_WAITS_FOR,
    SAGA_REASON,
    SAGA_BLOCKED,
    SAGA_DUE,
    SAGA_ENDED,
    SAGA_PARENT,
    SAGA_PARENT_OPERATION,
    SAGA_ROOT,
    SAGA_CRASHES,
    SAGA_TURNS,
    SAGA_STALE,
    SAGA_PARTITION,
    SAGA_STATE_TYPE,
    SAGA_CORRELATION,
    SAGA_CAUSATION,
    SAGA_TRACE
};

/* The columns of SAGA_SQL; heads are those of `saga list`. */
extern const listing_column saga_columns[];

#endif
