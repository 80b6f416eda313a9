/* The worker's side: what a process that is supervised says of itself. Without a supervisor these
 * do nothing. */
#ifndef SKALD_SUPERVISOR_SUPERVISED_H
#define SKALD_SUPERVISOR_SUPERVISED_H

#include "supervisor/shared.h"

/* This process, just forked, is a worker from now on. Its signals: SIGTERM is left to the caller;
 * SIGINT and SIGHUP, which a terminal sends to all processes at once, do nothing, since the
 * supervisor has them too and says what follows; crashes are written down. */
void skald_supervised_open(skald_shared_worker *worker);

/* Its service begins to start, as this skald.process.id. */
void skald_supervised_known(const char *process_id);

/* Its service runs. From now on a call of exit() by user code is written down as well. */
void skald_supervised_ready(void);

/* Gives the skald.process.id of a process before this one that has ended and is not noted yet;
 * false when there is none. It is forgotten by skald_dead_noted, when it is in the database. */
bool skald_dead_next(char out[SKALD_PROCESS_ID]);
void skald_dead_noted(void);

#endif
