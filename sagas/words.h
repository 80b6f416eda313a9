/* The words of states, phases, inputs, events and actions, as people read them. Never NULL. */
#ifndef SKALD_SAGAS_WORDS_H
#define SKALD_SAGAS_WORDS_H

#include "transitions.h"

const char *skald_step_state_words(uint8_t state);
const char *skald_saga_phase_words(uint8_t phase);
const char *skald_step_input_words(uint8_t input);
const char *skald_saga_input_words(uint8_t input);
const char *skald_saga_event_words(skald_saga_event_kind kind);
const char *skald_saga_action_words(skald_saga_action_kind kind);
const char *skald_work_kind_words(skald_work_kind kind);

/* The event with these words, or SKALD_EVENT_COUNT: for who asks on a command line. */
skald_saga_event_kind skald_saga_event_find(const char *words);

#endif
