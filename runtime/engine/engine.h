/* The engine: threads that step the sagas of the partitions which this process holds. */
#ifndef SKALD_ENGINE_ENGINE_H
#define SKALD_ENGINE_ENGINE_H

#include "engine/kinds.h"
#include "followers/hub.h"
#include "leases/leases.h"
#include "pg/connection.h"
#include "supervisor/hand.h"

typedef struct skald_engine skald_engine;

/* Starts the threads; nothing is stepped before the leases give partitions. hub->sagas is set. */
skald_status skald_engine_open(skald_engine **out, skald_hub *hub, skald_error *error);

/* The duty that the leases share among processes. */
skald_duty skald_engine_duty(skald_engine *engine);

/* Something may have been committed: look now. Any thread; NULL is accepted. */
void skald_engine_ring(skald_engine *engine);

/* Threads end after the turn in hand. NULL is accepted. */
void skald_engine_stop(skald_engine *engine);

/* Waits for them, `wait_ms` at most; false when user code did not return: the engine must stay.
 * NULL is accepted. */
bool skald_engine_join(skald_engine *engine, uint64_t wait_ms);

/* Frees what was joined. NULL is accepted. */
void skald_engine_close(skald_engine *engine);

/* --- register.c: at the start of a service --------------------------------------------------- */

/* Rows for the duty, one per definition; open sagas whose definition is gone are refused
 * (SKALD_SCHEMA) or blocked, and those whose definition is back go on. */
skald_status skald_engine_register(skald_hub *hub, skald_pg *pg, skald_error *error);

/* A process ended with a step of this saga in hand, in a turn: from now on the saga runs alone, and
 * with the third time it is blocked until a person says "retry". */
skald_status skald_engine_crash_note(skald_pg *pg, const skald_crash *crash, skald_error *error);

#endif
