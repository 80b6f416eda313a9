/* What the files of the checker share: the walk over a definition, and how a mistake is told. */
#ifndef SKALD_SAGAS_DEFINITION_CHECK_H
#define SKALD_SAGAS_DEFINITION_CHECK_H

#include "plan.h"

typedef struct skald_check {
    const skald_definition *definition;
    skald_mistake_told *tell;
    void *context;
    size_t mistake_count;
    size_t step_count;
    uint64_t slept_ms;       /* by all sleeps together */
    const skald_step *pivot; /* the first one seen */
    size_t name_count;
    const char *names[SKALD_STEPS_MAX];
    size_t event_count;
    const char *events[2 * SKALD_STEPS_MAX]; /* waited for, by runs and undos */
} skald_check;

enum { SKALD_MISTAKE_SIZE = 512 };

/* definition "checkout": <sentence> */
void skald_check_tell(skald_check *check, const char *format, ...) SKALD_PRINTF(2, 3);

/* The name of a step for a sentence, also when it has none. */
const char *skald_check_name(const skald_step *step);

/* a-z, 0-9 and '-' behind a letter, not too long; NULL is none. */
bool skald_check_is_name(const char *name);

/* All rules on one step by itself and against those before it; not on what is in it. */
void skald_check_step(skald_check *check, const skald_step *step, size_t depth);

#endif
