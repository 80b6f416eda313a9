/* A saga as the machine sees it: its definition, rebuilt from what a program wrote down, and its
 * state. */
#ifndef SKALD_CLI_SAGA_VIEW_H
#define SKALD_CLI_SAGA_VIEW_H

#include "cli/body.h"
#include "cli/session.h"

#include "definitions/describe.h"
#include "machine.h"

typedef struct saga_view {
    const char *id;
    const skald_plan *plan; /* NULL: no program that knows its definition has written it down */
    const skald_saga *saga; /* NULL: there is no plan, or its bytes cannot be read */
    const char *trouble;    /* why not */
    cli_body state;         /* what it works on */
} saga_view;

/* False when PostgreSQL cannot be asked, or the saga is gone; say session_fail. That it cannot be
 * understood is no failure: `trouble` says why. */
bool saga_view_load(cli_session *session, const char *id, saga_view *out);

/* The plan of one version of a definition (0: the highest), with who describes it. False as above;
 * SKALD_NOT_FOUND in session->error when there is none. `plan` stays NULL where what is written
 * down cannot be read, and `trouble` says why. */
bool saga_plan_load(cli_session *session, const char *name, int64_t version,
                    const skald_plan **plan, const char **trouble);

#endif
