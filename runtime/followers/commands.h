/* What is done with a command inside the batch's transaction: the fence decides, its handler may
 * run, and an answer goes into the outbox. */
#ifndef SKALD_FOLLOWERS_COMMANDS_H
#define SKALD_FOLLOWERS_COMMANDS_H

#include "fence.h"
#include "followers/batch_parts.h"

/* Before the items run: reads what is known of the operations of all commands among them. */
skald_status skald_commands_load(skald_batch *batch, skald_item *const *items, size_t count,
                                 skald_error *error);

/* What the fence says about this one, which is well-formed (skald_command_read). */
skald_fence_verdict skald_command_decide(skald_batch *batch, const skald_command *command);

/* Does what is to be done with a verdict other than RUN. SKALD_FAILED for NOT_YET, noted as the
 * answer of the item. */
skald_status skald_command_settle(skald_batch *batch, const skald_item *item,
                                  const skald_command *command, skald_fence_verdict verdict,
                                  skald_error *error);

/* Its handler ran, or said no (`reason` NULL: it did not): the context in hand knows the rest. */
skald_status skald_command_end(skald_batch *batch, const skald_item *item,
                               const skald_command *command, const char *reason,
                               skald_error *error);

/* Answers failed; nothing is remembered of it, so that the next attempt runs. One that cannot be
 * answered is passed over. */
skald_status skald_command_fail(skald_batch *batch, const skald_item *item, const char *reason,
                                skald_error *error);

#endif
