/* What a saga is made of: a definition is a const table of steps that can be read from top to
 * bottom.
 *
 *     static const skald_step checkout_steps[] = {
 *         {.name = "reserve-items",
 *          .run = {.participant = "inventory", .command = "shop.v1.ReserveItems"},
 *          .undo = {.participant = "inventory", .command = "shop.v1.ReleaseItems"}},
 *         {.name = "charge-card",
 *          .run = {.activity = charge_card, .verify = find_charge, .retry = "1s..1h for 72h"},
 *          .undo = {.activity = refund_card}},
 *         {.name = "confirm-order", .run.local = confirm_order, .pivot = true},
 *         {.name = "send-mail", .run.activity = send_mail},
 *     };
 *     static const skald_definition checkout = {
 *         .name = "checkout", .version = 1, .steps = SKALD_STEPS(checkout_steps)};
 *
 * Steps run in order. When a participant refuses, or a step is given up, what was done is undone in
 * the reverse order of its completion. Once the pivot is done there is no way back, and the steps
 * after it are repeated until they succeed. A field that is zero takes its default. */
#ifndef SKALD_SAGA_H
#define SKALD_SAGA_H

#include <skald/api.h>
#include <skald/retry.h>
#include <skald/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKALD_STEPS_MAX 64u           /* of one definition, groups and what is in them counted */
#define SKALD_STEPS_NESTING_MAX 4u    /* groups within groups */
#define SKALD_CHILDREN_NESTING_MAX 8u /* children of children */
#define SKALD_NAME_SIZE_MAX 63u       /* of a step, a definition or a participant */
#define SKALD_STEP_TYPE_SIZE_MAX 127u /* of a command or an event */

#define SKALD_DURATION_MS_MAX (3650ull * 24 * 3600 * 1000) /* ten years */

typedef struct skald_step skald_step;
typedef struct skald_definition skald_definition;

struct skald_context; /* of <skald/context.h> */

/* The user's code of a step: as in a handler or an activity, with the saga's state besides. Called
 * by the runtime only, never while a decision is made. */
typedef skald_status skald_step_function(struct skald_context *context);

/* Is the step needed? A pure function of the saga's state. The runtime asks it and tells the
 * machine the answer as an event, so that a recorded history needs no user code to be decided
 * again. */
typedef bool skald_step_condition(const void *state, size_t state_size);

/* What it means when the time of an attempt is over. Never that it was not done. */
typedef enum skald_timeout_meaning {
    SKALD_TIMEOUT_DEFAULT,     /* compensates for a wait and a child, retries for everything else */
    SKALD_TIMEOUT_RETRIES,     /* another attempt with the same key; a wait and a child wait on */
    SKALD_TIMEOUT_COMPENSATES, /* turns back; the step itself may be done and is undone too */
    SKALD_TIMEOUT_CONTINUES, /* goes on without an answer; maybe done, so undone on the way back */
} skald_timeout_meaning;

/* Who decides when a step before the pivot has used up its attempts. */
typedef enum skald_give_up {
    SKALD_GIVE_UP_COMPENSATES,
    SKALD_GIVE_UP_ASKS_PERSON,
} skald_give_up;

typedef struct skald_steps {
    const skald_step *list;
    size_t count;
} skald_steps;

#define SKALD_STEPS(array)                                                                         \
    {                                                                                              \
        (array), sizeof(array) / sizeof *(array)                                                   \
    }

/* What a step does, or what undoes it. The first group says what kind of work it is: exactly one of
 * its fields is set. */
typedef struct skald_work {
    skald_step_function *local;    /* in the saga's own transaction: done with it, or not at all */
    skald_step_function *activity; /* touches the outside world, in a job, with a key */
    const char *command;  /* sent to `participant`, which replies done, refused or failed */
    const char *wait_for; /* an event or a signal; kept when it comes early */
    uint64_t sleep_ms;
    const skald_definition *child; /* a saga of its own */
    skald_steps parallel;          /* all at once; done when all are done */
    skald_steps sequence;          /* one after the other, as a branch of a parallel group */

    const char *participant; /* of a command */
    skald_step_function
        *verify; /* of an activity: asks the outside world what came of an attempt */
    skald_step_function *compose; /* of a command or a child: writes the message or the input */
    skald_step_function *accept;  /* takes the reply, result, event or outcome into the state */
    /* How often a failure is tried again, and for how long since the first attempt: a schedule in
     * words, see <skald/retry.h>. Up to the pivot it is "50ms..30s, 10 times" by default; for
     * everything that is owed, which is every step after the pivot and every undo, "1s..1h for
     * 72h", then a person. */
    const char *retry;
    uint64_t timeout_ms; /* of one attempt; default one minute; a wait must say, a child need not */
    skald_timeout_meaning on_timeout;
} skald_work;

struct skald_step {
    const char *name; /* a-z, 0-9 and '-', beginning with a letter; unique within the definition */
    skald_work run;
    /* Undoes what was done under the run's key. It is also called when the run may never have
     * happened: then there is nothing to undo, and it says done. A child without one, whose
     * definition has no pivot, is undone by its own compensation. */
    skald_work undo;
    bool pivot;      /* the point of no return: done, nothing before it is undone any more */
    bool repeatable; /* does no harm when done again without having been undone, like a reading;
                        asked only when a person goes back to an earlier step */
    skald_give_up give_up;
    skald_step_condition *only_if;
};

struct skald_definition {
    const char *name;
    uint32_t version;     /* 1 or more; raise it when the fingerprint changes */
    uint64_t deadline_ms; /* since the start; when it passes before the pivot the saga turns back */
    skald_steps steps;
};

/* Told of one mistake, as a sentence with the name of the step, the cause and the remedy. The text
 * is valid during the call. */
typedef void skald_mistake_told(void *context, const char *sentence);

/* Examines a definition and its children, and tells of every mistake there is. Returns how many; a
 * definition with none can be run. Any thread. */
SKALD_API size_t skald_definition_check(const skald_definition *definition,
                                        skald_mistake_told *tell, void *context);

/* A number that is the same in every process and build for the same plan of steps: names, order,
 * kinds, addressees, undoing, pivot, conditions. Timeouts, retries and code are left out, because a
 * running saga goes on with others of those. The definition has no mistakes. Any thread. */
SKALD_API uint64_t skald_definition_fingerprint(const skald_definition *definition);

/* Both write the definition as a picture in text, cut to `size`, ended by NUL, and return the
 * length that the whole has, as snprintf does. The definition has no mistakes. Any thread. */
SKALD_API size_t skald_definition_mermaid(const skald_definition *definition, char *out,
                                          size_t size);
SKALD_API size_t skald_definition_dot(const skald_definition *definition, char *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
