/* The steps of a saga, a line each, in the order of its definition. */
#ifndef SKALD_CLI_SAGA_STEPS_H
#define SKALD_CLI_SAGA_STEPS_H

#include "cli/saga_story.h"

/* For people. The saga is understood (view->saga). */
void saga_steps_print(cli_session *session, const saga_view *view, const saga_story *story);

/* As a JSON array. */
void saga_steps_array(cli_session *session, const saga_view *view, const saga_story *story);

#endif
