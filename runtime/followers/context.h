/* The inside of a skald_context: what a handler or an activity works with, and what it left behind.
 */
#ifndef SKALD_FOLLOWERS_CONTEXT_H
#define SKALD_FOLLOWERS_CONTEXT_H

#include "base/arena.h"
#include "effects/effects.h"
#include "followers/attempts.h"
#include "followers/hub.h"
#include "followers/item.h"
#include "outbox/writer.h"
#include "pg/pipeline.h"

#include <skald/context.h>

enum { SKALD_CONTEXT_RESULTS_MAX = 1024 };

/* What user code said with one of the answers of <skald/context.h>. */
typedef struct skald_answer {
    skald_status status; /* what it then returns; SKALD_OK: it said nothing */
    skald_failure_kind kind;
    char error_class[SKALD_ERROR_CLASS_SIZE_MAX + 1];
    uint64_t retry_after_ms;
    char text[SKALD_ERROR_TEXT_SIZE];
} skald_answer;

struct skald_context {
    skald_hub *hub;
    skald_pipeline *pipeline;
    skald_outbox_writer *writer;
    skald_job_writer *jobs;
    /* Of an activity, which runs outside any transaction: what it does is collected here, and its
     * queries go to a connection of its own. NULL in a handler; then the three above are. */
    skald_effects *effects;
    skald_pg *own; /* opened at its first query */
    const skald_item *item;
    uint32_t owner;               /* the item's number in the pipeline */
    uint32_t statements;          /* sent by the call in hand, queries among them */
    struct skald_saga_call *saga; /* of a step of a saga (engine/call.h); NULL: it is none */
    bool tells_sagas; /* sagas were started or told of something: ring after the commit */
    skald_arena memory;
    skald_error failure; /* the first call of the context that failed */
    skald_answer answer;
    /* Of a command, or of the job that answers one (answer.c). */
    const char *origin;    /* the service whose message a handler has in hand */
    const char *operation; /* key of it; NULL: no command is in hand */
    const char *undoes;
    const char *reply_type; /* of the reply's body; NULL: there is none */
    skald_bytes reply_body;
    bool later;             /* the job held_job answers */
    bool holds_job;         /* held_job was enqueued, and is not written yet */
    skald_new_job held_job; /* lies in `memory` */
    skald_rows *results[SKALD_CONTEXT_RESULTS_MAX];
    uint32_t result_count;
};

void skald_context_init(skald_context *context, skald_hub *hub, skald_pipeline *pipeline,
                        skald_outbox_writer *writer, skald_job_writer *jobs);

/* The same for activities. */
void skald_context_init_activity(skald_context *context, skald_hub *hub, skald_effects *effects);

/* Begins the next message. */
void skald_context_begin(skald_context *context, const skald_item *item, uint32_t owner);

/* What a call of user code amounts to that returned `returned`: SKALD_OK: done. SKALD_SKIPPED: need
 * not be done, *attempt says why. SKALD_REFUSED: the command is refused, *attempt says why.
 * SKALD_FAILED: *attempt says what kind of failure it is. A call of the context that failed fails
 * it, also when user code goes on regardless: half of an effect must not commit. `code` is the
 * handler's or activity's name. */
skald_status skald_context_outcome(const skald_context *context, skald_status returned,
                                   const char *code, skald_attempt *attempt);

/* Is a command in hand, or the job that answers one? */
bool skald_context_answers(const skald_context *context);

/* What is known of the command in hand; a part of skald_context_begin. */
void skald_context_command_begin(skald_context *context);

/* A job that a handler of commands enqueues is held until the next one, or the handler's end, since
 * it may yet be the one that answers. It lies in the context's memory. SKALD_NO_MEMORY. */
skald_status skald_context_job_hold(skald_context *context, const skald_new_job *job,
                                    skald_error *error);
skald_status skald_context_job_flush(skald_context *context, skald_error *error);

/* Frees what the handler used. */
void skald_context_end(skald_context *context);

void skald_context_done(skald_context *context);

/* Remembers the first failure of a call, so that user code need not pass it on itself. */
skald_status skald_context_failed(skald_context *context, const skald_error *error);

#endif
