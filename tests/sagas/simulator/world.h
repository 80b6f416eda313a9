/* The simulator: one saga of a definition made by chance, an engine that crashes, a network that
 * loses, doubles, delays and reorders, participants and a provider with books, and a person. All of
 * it is decided by one seed, in virtual time. */
#ifndef TEST_SIMULATOR_WORLD_H
#define TEST_SIMULATOR_WORLD_H

#include "support/random.h"

#include "machine.h"

#include <stdio.h>

enum {
    SIM_STEPS_MAX = 56,
    SIM_ROUNDS_MAX = 16,
    SIM_QUEUE_MAX = 256,
    SIM_TOLD_MAX = 8,
    SIM_NAME_SIZE = 8,
    SIM_START_MS = 1000,
};

/* A definition made by chance, with the memory it lies in. */
typedef struct sim_definition {
    skald_definition definition;
    skald_step steps[SIM_STEPS_MAX];
    char names[SIM_STEPS_MAX][SIM_NAME_SIZE];
    char events[SIM_STEPS_MAX][SIM_NAME_SIZE];
    size_t step_count;
} sim_definition;

typedef enum sim_answer { SIM_UNDECIDED, SIM_DONE, SIM_REFUSED } sim_answer;

/* What is true outside of one run of a step: the books of the participant under one key. */
typedef struct sim_book {
    bool asked;     /* the engine has sent it */
    bool applied;   /* its effect has happened */
    bool undone;    /* and was taken back */
    bool fenced;    /* its undo came first: the run is refused from now on */
    uint8_t answer; /* sim_answer, the same to every attempt */
} sim_book;

/* What is true of a step, and what the checks have seen of it. */
typedef struct sim_step {
    sim_book books[SIM_ROUNDS_MAX];
    uint32_t undo_answered; /* a bit per undo round: the provider answers the same key the same */
    int32_t seen_order;     /* when it was seen done, passed or in doubt; 0: not */
    bool known;             /* a success of this round was told to the machine */
    bool doubted;           /* an attempt of this round failed or was out of time */
    bool refused;           /* and this is what was told of it */
    bool let_be;            /* a person skipped its undo */
    bool came;              /* the event it waits for was brought before its turn */
    bool task;              /* a person was told of it, and not that it is over */
} sim_step;

typedef enum sim_message_kind {
    SIM_TO_PARTICIPANT,
    SIM_TO_ENGINE,
    SIM_CHILD_ENDS
} sim_message_kind;

typedef struct sim_message {
    int64_t at_ms;
    uint8_t kind;   /* sim_message_kind */
    uint8_t action; /* skald_saga_action_kind, to a participant */
    uint8_t event;  /* skald_saga_event_kind, to the engine */
    skald_operation operation;
    skald_operation undoes;
    const char *name;
} sim_message;

/* Chances in percent, drawn for each saga so that calm and wild ones are both seen. */
typedef struct sim_chances {
    uint32_t lose, twice, late, refuse, fail, crash, request, child_fails;
} sim_chances;

typedef struct sim_world {
    test_random random;
    sim_chances chances;
    bool calm; /* faults have stopped */
    int64_t now_ms;
    sim_definition made;
    skald_plan plan;
    skald_saga saga; /* as it is stored */
    skald_saga before;
    sim_step steps[SIM_STEPS_MAX];
    sim_step steps_before[SIM_STEPS_MAX];
    int32_t order;
    int32_t order_before;
    size_t queue_count;
    sim_message queue[SIM_QUEUE_MAX];
    size_t told_count; /* answers that were brought, a ring of them */
    sim_message told[SIM_TOLD_MAX];
    size_t outbox_count; /* actions decided and not yet stored */
    skald_saga_action outbox[2 * SKALD_SAGA_ACTIONS_MAX];
    skald_saga_decision decision;
    bool pivot_seen_done;
    bool pivot_seen_done_before;
    uint32_t event_count;
    const char *wrong; /* the first promise broken, or NULL */
    uint8_t wrong_step;
    FILE *story;
} sim_world;

/* definitions.c */
void sim_definition_make(sim_definition *made, test_random *random);

/* engine.c: one event, with all that its transaction does; messages that arise are in the queue. */
void sim_engine_handle(sim_world *world, const skald_saga_event *event);
void sim_queue_put(sim_world *world, sim_message message);
void sim_queue_add(sim_world *world, sim_message message, bool may_be_lost);
bool sim_queue_holds_run(const sim_world *world, uint8_t step);

/* participants.c */
void sim_participant_take(sim_world *world, const sim_message *message);
void sim_child_end(sim_world *world, const sim_message *message);
skald_saga_event_kind sim_local_run(sim_world *world, const skald_saga_action *action);
void sim_signal_send(sim_world *world, const char *name, uint32_t delay_ms, bool once);

/* person.c */
void sim_person_asks(sim_world *world);
void sim_person_works(sim_world *world);

/* checks.c */
void sim_check_changes(sim_world *world);
void sim_check_action(sim_world *world, const skald_saga_action *action);
void sim_note_signal(sim_world *world, const skald_saga_event *event);
void sim_check_stored(sim_world *world);
void sim_check_end(sim_world *world);
void sim_fail(sim_world *world, const char *wrong, uint8_t step);

static inline sim_book *sim_book_of(sim_world *world, uint8_t step, uint8_t round)
{
    return &world->steps[step].books[round % SIM_ROUNDS_MAX];
}

#endif
