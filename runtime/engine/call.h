/* What a step of a saga works with beside its context: in a turn of the engine or in an activity.
 */
#ifndef SKALD_ENGINE_CALL_H
#define SKALD_ENGINE_CALL_H

#include "engine/kinds.h"
#include "followers/context.h"

enum { SKALD_LOCK_NAME_SIZE = 256 };

/* Lines of skald.job.plan of an activity's job. */
#define SKALD_STEP_DEFINITION "Skald-Definition: "
#define SKALD_STEP_VERSION "Skald-Version: "
#define SKALD_STEP_FINGERPRINT "Skald-Fingerprint: "
#define SKALD_STEP_UNDOES "Skald-Undoes: "

typedef struct skald_saga_call {
    const skald_saga_kind *kind;
    const char *id;
    skald_step_function *run; /* of an activity */
    skald_step_function *verify;
    const char *key;         /* of an activity's operation, as the outside sees it */
    const char *undoes;      /* "": it undoes nothing */
    ProtobufCMessage *state; /* in the context's memory */
    bool accepts;
    const char *answer_type; /* in hand, of accept; NULL: nothing */
    skald_bytes answer;
    bool composes;
    const char *command_type; /* out; NULL: nothing was composed */
    skald_bytes command;
    bool locks;                      /* a local step of a turn may */
    char lock[SKALD_LOCK_NAME_SIZE]; /* out: which it must wait for; "": none */
} skald_saga_call;

#endif
