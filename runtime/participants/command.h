/* A command as a participant reads it, and its answer as a message to whoever sent it. */
#ifndef SKALD_PARTICIPANTS_COMMAND_H
#define SKALD_PARTICIPANTS_COMMAND_H

#include "base/arena.h"

#include <skald/message.h>
#include <skald/status.h>

/* Of a reply without a body. */
#define SKALD_TYPE_NOTHING "skald.v1.Nothing"

typedef struct skald_command {
    const char *operation; /* its key, the same for every attempt */
    const char *undoes;    /* of an undo: the key of what it takes back; NULL: it is a run */
} skald_command;

#define SKALD_OUTCOME_DONE "done"
#define SKALD_OUTCOME_REFUSED "refused"
#define SKALD_OUTCOME_FAILED "failed"

typedef struct skald_command_answer {
    const char *outcome; /* one of the above */
    const char *reason;  /* of the others than done; NULL: none */
    const char *type;    /* of the body; NULL: there is none */
    skald_bytes body;
} skald_command_answer;

/* What the control of a command says, copied into `arena`. SKALD_MALFORMED when it has no key, or
 * takes itself back; SKALD_NO_MEMORY. */
skald_status skald_command_read(skald_command *out, const skald_message *message,
                                skald_arena *arena, skald_error *error);

/* The reply of this service, which has `partitions` partitions, to `message`, which came from
 * service `addressee`. All memory is from `arena` or borrowed from the arguments. SKALD_NO_MEMORY.
 */
skald_status skald_command_reply(skald_message *out, const skald_message *message,
                                 const skald_command *command, const char *addressee,
                                 const skald_command_answer *answer, uint32_t partitions,
                                 skald_arena *arena, skald_error *error);

#endif
