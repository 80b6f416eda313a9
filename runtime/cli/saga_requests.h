/* What a person may ask of a saga now: the machine is asked what it would say, on a copy. */
#ifndef SKALD_CLI_SAGA_REQUESTS_H
#define SKALD_CLI_SAGA_REQUESTS_H

#include "cli/saga_view.h"

/* Why the machine would refuse this request (constant text), or NULL when it would grant it or
 * cannot be asked because the saga is not understood. `step` NULL: of the whole. */
const char *saga_refusal(const saga_view *view, skald_saga_event_kind kind, const char *step);

/* Would this change anything? */
bool saga_would_change(const saga_view *view, skald_saga_event_kind kind, uint8_t step);

/* The commands that help now, and what each does: those that would be granted and change something.
 * `told` is called for each in turn. */
typedef void saga_command_told(void *user, const char *command, const char *meaning);
void saga_commands(cli_session *session, const saga_view *view, bool blocked,
                   saga_command_told *told, void *user);

#endif
