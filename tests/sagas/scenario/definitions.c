/* The definitions that scenarios name: a checkout, a trip in parallel, an approval that waits, a
 * parent with children, and one with the rarer kinds of undoing. */
#include "scenario/definitions.h"

#include <string.h>

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

static bool condition(const void *state, size_t state_size)
{
    return state == NULL || state_size > 0;
}

#define THREE_TIMES "2s..1m, 3 times"

/* ---- a checkout ---- */

static const skald_step checkout_steps[] = {
    {.name = "reserve-items",
     .run = {.participant = "inventory", .command = "shop.v1.ReserveItems", .retry = THREE_TIMES},
     .undo = {.participant = "inventory", .command = "shop.v1.ReleaseItems"}},
    {.name = "charge-card",
     .run = {.activity = code,
             .verify = code,
             .accept = code,
             .timeout_ms = 30000,
             .retry = THREE_TIMES},
     .undo = {.activity = code, .accept = code, .retry = THREE_TIMES}},
    {.name = "confirm-order", .run = {.local = code, .retry = THREE_TIMES}, .pivot = true},
    {.name = "send-mail", .run = {.activity = code, .retry = THREE_TIMES}},
};
static const skald_definition checkout = {
    .name = "checkout", .version = 1, .deadline_ms = 3600000, .steps = SKALD_STEPS(checkout_steps)};

/* ---- the pivot is a command, and each timeout means something else ---- */

static const skald_step transfer_steps[] = {
    {.name = "take",
     .run = {.local = code, .retry = THREE_TIMES},
     .undo = {.local = code, .retry = THREE_TIMES}},
    {.name = "ask-limit",
     .run = {.participant = "risk", .command = "AskLimit", .on_timeout = SKALD_TIMEOUT_COMPENSATES},
     .undo = {.participant = "risk", .command = "FreeLimit"}},
    {.name = "note",
     .run = {.activity = code, .on_timeout = SKALD_TIMEOUT_CONTINUES},
     .undo = {.activity = code}},
    {.name = "pay-out",
     .run = {.participant = "bank",
             .command = "PayOut",
             .on_timeout = SKALD_TIMEOUT_COMPENSATES,
             .retry = THREE_TIMES},
     .pivot = true},
    {.name = "receipt", .run = {.participant = "post", .command = "Print", .retry = THREE_TIMES}},
    {.name = "read",
     .run = {.wait_for = "ReceiptRead",
             .timeout_ms = 60000,
             .on_timeout = SKALD_TIMEOUT_RETRIES,
             .retry = "50ms..30s, 2 times"}},
};
static const skald_definition transfer = {
    .name = "transfer", .version = 1, .steps = SKALD_STEPS(transfer_steps)};

/* ---- a trip: branches at once, one of them with two steps, one only if needed ---- */

static const skald_step car_steps[] = {
    {.name = "reserve-car",
     .run = {.participant = "cars", .command = "Reserve"},
     .undo = {.participant = "cars", .command = "Cancel"}},
    {.name = "pay-car", .run.activity = code, .undo.activity = code},
};
static const skald_step trip_branches[] = {
    {.name = "flight",
     .run = {.participant = "flights", .command = "Book"},
     .undo = {.participant = "flights", .command = "Cancel"}},
    {.name = "hotel",
     .run = {.participant = "hotels", .command = "Book"},
     .undo = {.participant = "hotels", .command = "Cancel"}},
    {.name = "car", .run.sequence = SKALD_STEPS(car_steps), .only_if = condition},
};
static const skald_step trip_steps[] = {
    {.name = "quote", .run.local = code, .repeatable = true},
    {.name = "book", .run.parallel = SKALD_STEPS(trip_branches)},
    {.name = "tell", .run = {.local = code, .retry = "never"}},
};
static const skald_definition trip = {
    .name = "trip", .version = 1, .steps = SKALD_STEPS(trip_steps)};

/* ---- an approval: waits, sleeps, and a person who decides ---- */

static const skald_step approval_steps[] = {
    {.name = "file", .run.local = code, .undo.local = code},
    {.name = "approved", .run = {.wait_for = "Approved", .accept = code, .timeout_ms = 3600000}},
    {.name = "second-look",
     .run = {.wait_for = "LookedAgain", .timeout_ms = 60000, .on_timeout = SKALD_TIMEOUT_CONTINUES},
     .only_if = condition},
    {.name = "signed",
     .run = {.wait_for = "Signed",
             .timeout_ms = 60000,
             .on_timeout = SKALD_TIMEOUT_RETRIES,
             .retry = "50ms..30s, 2 times"},
     .give_up = SKALD_GIVE_UP_ASKS_PERSON},
    {.name = "cool-off", .run.sleep_ms = 600000},
    {.name = "archive",
     .run = {.activity = code, .retry = THREE_TIMES},
     .undo.activity = code,
     .give_up = SKALD_GIVE_UP_ASKS_PERSON},
    {.name = "publish", .run = {.local = code, .retry = THREE_TIMES}},
};
static const skald_definition approval = {
    .name = "approval", .version = 1, .steps = SKALD_STEPS(approval_steps)};

/* ---- children ---- */

static const skald_step parcel_steps[] = {{.name = "pack", .run.local = code, .undo.local = code}};
static const skald_definition parcel = {
    .name = "parcel", .version = 1, .steps = SKALD_STEPS(parcel_steps)};

static const skald_step delivery_steps[] = {
    {.name = "parcel", .run = {.child = &parcel, .timeout_ms = 60000}},
    {.name = "customs",
     .run = {.child = &parcel, .timeout_ms = 60000, .on_timeout = SKALD_TIMEOUT_RETRIES}},
    {.name = "insurance",
     .run = {.child = &parcel, .timeout_ms = 60000, .on_timeout = SKALD_TIMEOUT_CONTINUES}},
    {.name = "hand-out", .run.local = code, .pivot = true},
    {.name = "survey", .run.child = &parcel},
};
static const skald_definition delivery = {
    .name = "delivery", .version = 1, .steps = SKALD_STEPS(delivery_steps)};

/* ---- rarer ways of undoing ---- */

static const skald_step lending_steps[] = {
    {.name = "lend",
     .run.local = code,
     .undo = {.wait_for = "BookReturned", .accept = code, .timeout_ms = 86400000}},
    {.name = "announce", .run.local = code, .undo.sleep_ms = 60000},
    {.name = "deposit", .run.activity = code, .undo.child = &parcel},
    {.name = "check", .run = {.local = code, .retry = "never"}},
};
static const skald_definition lending = {
    .name = "lending", .version = 1, .steps = SKALD_STEPS(lending_steps)};

/* ---- locals and a child side by side ---- */

static const skald_step pair_branches[] = {
    {.name = "left", .run = {.local = code, .retry = THREE_TIMES}, .only_if = condition},
    {.name = "right", .run = {.local = code, .retry = "never"}},
    {.name = "far", .run.child = &parcel},
};
static const skald_step pair_steps[] = {
    {.name = "both", .run.parallel = SKALD_STEPS(pair_branches)}};
static const skald_definition pair = {
    .name = "pair", .version = 1, .steps = SKALD_STEPS(pair_steps)};

static const skald_definition *const all[] = {&checkout, &transfer, &trip, &approval,
                                              &delivery, &lending,  &pair};

const skald_definition *scenario_definition_at(size_t i)
{
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

const skald_definition *scenario_definition(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
}
