/* Services that command and take part: "sagas" writes commands test.v1.Counted into its outbox by
 * hand, as an engine would, and keeps the replies in skald.saga_input; "stock" carries them out.
 * Without NATS both are one service, "shop", which takes part in its own sagas.
 *
 * What a handler does is told by the note of its command; what it did stands in table "effect" of
 * the participant, one row per operation. */
#ifndef TEST_SUPPORT_COMMANDING_H
#define TEST_SUPPORT_COMMANDING_H

#include "support/child.h"

#include <skald/skald.h>

/* Notes:
 *   ""               done
 *   "reply"          done, with a reply test.v1.Answered of the command's number
 *   "twice"          replies twice
 *   "skip"           need not be done
 *   "refuse"         refuses after it has done something
 *   "refuse-first"   refuses before
 *   "fail"           fails, always; "fail <n>": as often as that, in all, and is done then
 *   "early <n>"      something it depends on has not arrived, so often
 *   "sql"            leaves a statement that PostgreSQL refuses
 *   "publish"        publishes test.v1.Answered and is done
 *   "die"            ends the process
 *   "wait"           stands still for ever, as long as table "gate" is empty
 *   "later <note>"   enqueues a job in queue "work", which answers and does as its note says: of
 * the above "", "reply", "refuse", "fail", "die"; or "gate": waits until table "gate" has a row
 *   "later-unique", "later-nothing"  mistakes
 */
typedef struct commanding {
    bool nats;
    const char *commander; /* names of the services */
    const char *participant;
    char *sagas_database;
    char *stock_database; /* the same without NATS */
    skald_service *sagas;
    skald_service *stock; /* the same without NATS; NULL: it does not run here */
} commanding;

/* Databases and the service that commands; then the participant in this process. */
commanding commanding_prepare(bool nats);
commanding commanding_begin(bool nats);
void commanding_end(commanding *pair);

/* The participant starts and stops in this process. */
void commanding_stock_start(commanding *pair);
void commanding_stock_stop(commanding *pair);

/* The participant as a process of its own, supervised or not; NATS only. `crash`: SKALD_CRASH. */
test_child *commanding_child(const commanding *pair, bool supervised, const char *crash);

/* First thing in main(). */
void commanding_child_become(int argc, char **argv);

/* Sends a command of saga `saga`, "run.1" say, for step "hold"; an undo names what it takes back,
 * else `undoes` is NULL. */
void commanding_send(commanding *pair, const char *saga, const char *operation, const char *undoes,
                     const char *note);

/* Writes a row of any kind into the commander's outbox, for hostile ones; "@" in `control` is the
 * commander's name. */
void commanding_write(commanding *pair, char kind, const char *addressee, const char *type,
                      const char *key, const char *control, const void *body, size_t size);

/* The answers that came, in order: "run.1 done, undo.1 refused: why"; a body adds its type: "run.1
 * done test.v1.Answered". */
const char *commanding_answers(const commanding *pair, const char *saga);
bool commanding_answered(const commanding *pair, const char *saga, const char *answers);

/* What was done, in order: "run.1 undo.1". */
const char *commanding_effects(const commanding *pair, const char *saga);

/* What the participant remembers: "run.1 done, ..." by key. */
const char *commanding_fence(const commanding *pair, const char *saga);

/* How often user code ran for it, rolled back or not. */
int commanding_calls(const char *operation_of_saga);

/* Jobs of the participant, "state/reason" in order. */
const char *commanding_jobs(const commanding *pair);

#endif
