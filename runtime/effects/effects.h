/* What an activity does to the database, collected until its end is noted: statements, events and
 * jobs, in one transaction with the job's row. */
#ifndef SKALD_EFFECTS_EFFECTS_H
#define SKALD_EFFECTS_EFFECTS_H

#include "effects/job_writer.h"
#include "outbox/writer.h"

typedef struct skald_effects_entry skald_effects_entry;

/* Zero-initialised is empty. Everything lies in an arena of the caller. */
typedef struct skald_effects {
    skald_effects_entry *first;
    skald_effects_entry **last; /* NULL: empty */
    uint32_t count;
} skald_effects;

/* Forgets everything; the memory is the arena's. */
void skald_effects_clear(skald_effects *effects);

/* Replaces each text of a message, and its body, by a copy in `arena`; false without memory. */
bool skald_effects_message_copy(skald_message *message, skald_arena *arena);

/* Keep a copy in `arena`. SKALD_NO_MEMORY; SKALD_INVALID for a statement that cannot be sent. */
skald_status skald_effects_statement(skald_effects *effects, skald_arena *arena, const char *sql,
                                     size_t count, const skald_param *params, skald_error *error);
skald_status skald_effects_event(skald_effects *effects, skald_arena *arena,
                                 const skald_message *event, skald_error *error);
skald_status skald_effects_job(skald_effects *effects, skald_arena *arena, const skald_new_job *job,
                               skald_error *error);

/* Queues the statements as those of `owner`, and hands events and jobs to the writers, which send
 * them later. */
skald_status skald_effects_send(const skald_effects *effects, skald_pipeline *pipeline,
                                uint32_t owner, skald_outbox_writer *events, skald_job_writer *jobs,
                                skald_error *error);

#endif
