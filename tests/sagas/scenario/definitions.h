/* The definitions that scenarios name. */
#ifndef TEST_SCENARIO_DEFINITIONS_H
#define TEST_SCENARIO_DEFINITIONS_H

#include <skald/saga.h>

/* NULL when there is none of that name. */
const skald_definition *scenario_definition(const char *name);

/* The i-th of them, or NULL behind the last. */
const skald_definition *scenario_definition_at(size_t i);

#endif
