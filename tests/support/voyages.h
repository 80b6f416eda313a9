/* A service "harbour" that runs sagas, whose definitions are made of the functions below. What a
 * step does is told by the note of its saga's state, a list of "<step>.<run or undo>=<what>"
 * separated by ";":
 *
 *     (nothing)      done
 *     refuse         refuses before it does anything
 *     refuse-late    writes its row, then refuses
 *     fail           fails, always; "fail <n>": the first n attempts
 *     fail-late <n>  the same after it has written its row
 *     sql <n>        leaves a statement that PostgreSQL refuses, the first n attempts
 *     commit         leaves a row that is refused at COMMIT
 *     lock <name>    takes a lock first
 *     crash          ends its process
 *     wait           waits until table "gate" has a row with the saga's id (activities)
 *     unknown <n>    does it and answers SKALD_TIMEOUT, the first n attempts (activities)
 *     result         gives test.v1.Tide as its result (activities)
 *
 * What a step did stands in table "logbook" (its effect, committed with the saga) and, of an
 * activity, in table "called" (what the outside has seen, committed at once). */
#ifndef TEST_SUPPORT_VOYAGES_H
#define TEST_SUPPORT_VOYAGES_H

#include "support/child.h"

#include <libpq-fe.h>
#include <skald/skald.h>

/* For definitions. */
skald_status voyage_local(skald_context *context);
skald_status voyage_activity(skald_context *context);
skald_status voyage_verify(skald_context *context);
skald_status voyage_compose(skald_context *context); /* a child's state */
skald_status voyage_accept(skald_context *context); /* notes "<step>:<height>", "<step>:<n> took" */
bool voyage_needed(const void *state, size_t size); /* unless the number is 0 */

typedef struct voyages_options {
    const skald_definition *const *definitions; /* ended by NULL */
    skald_saga_options options; /* size 0: defaults; state and id_field are filled */
    const char *nats_url;
    uint32_t lease_ms; /* 1000 */
    bool unstarted;    /* the service is made but not started */
} voyages_options;

typedef struct voyages {
    const char *database;
    skald_service *service;
    PGconn *connection;
} voyages;

voyages voyages_begin(const voyages_options *options);
voyages voyages_prepare(void);
skald_service *voyages_service(const char *database, const voyages_options *options);
void voyages_stop(voyages *harbour);
void voyages_end(voyages *harbour);

/* Starts a saga; true when it is new. */
bool voyages_start(voyages *harbour, const skald_definition *definition, const char *id,
                   const char *note, int64_t number);

/* Inserts and rings. */
void voyages_signal(voyages *harbour, const char *id, const char *name, int64_t height);
void voyages_cancel(voyages *harbour, const char *id);
/* By SQL: rings if there is a service. */
void voyages_ask(voyages *harbour, const char *id, const char *event, const char *step);
void voyages_open(voyages *harbour, const char *id); /* "wait" of this saga goes on */

/* Is its phase, or its future, this? */
bool voyages_is(const voyages *harbour, const char *id, const char *phase);
bool voyages_awaits(const voyages *harbour, const char *id, const char *future);

/* "a.run b.run b.undo": what stands in the logbook, in the order of commits; valid as
 * database_text. */
const char *voyages_log(const voyages *harbour, const char *id);
const char *voyages_called(const voyages *harbour, const char *id);

/* What was taken into the state: "a b:7". Valid until the next call. */
const char *voyages_took(voyages *harbour, const char *id);

/* A column of skald.saga. */
const char *voyages_column(const voyages *harbour, const char *id, const char *column);

/* The service as a process of its own, with these definitions; `name` was given to
 * voyages_child_become with them. */
test_child *voyages_child(const char *database, const char *crash);

/* The same under a supervisor, which starts it anew. */
test_child *voyages_child_supervised(const char *database);

/* Starts a saga without a service in this process. */
void voyages_insert(voyages *harbour, const skald_definition *definition, const char *id,
                    const char *note, int64_t number);
void voyages_child_stop(test_child *child);

/* First thing in main(). */
void voyages_child_become(int argc, char **argv, const skald_definition *const *definitions);

#endif
