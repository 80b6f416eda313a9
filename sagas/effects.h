/* What a row of the table does beside changing the state. */
#ifndef SKALD_SAGAS_EFFECTS_H
#define SKALD_SAGAS_EFFECTS_H

#include "transitions.h"

/* Of a step that runs. */
skald_effect skald_effect_ask;
skald_effect skald_effect_need;       /* the condition holds */
skald_effect skald_effect_begin;      /* a new operation */
skald_effect skald_effect_attempt;    /* the same one again */
skald_effect skald_effect_wait;       /* for an event, or for time to pass */
skald_effect skald_effect_wait_on;    /* once more as long */
skald_effect skald_effect_rest;       /* until the next attempt */
skald_effect skald_effect_retry;      /* the same operation when in doubt, otherwise a new one */
skald_effect skald_effect_finish;     /* done: what it says counts */
skald_effect skald_effect_come_early; /* the event had come */
skald_effect skald_effect_keep;       /* the event is kept */
skald_effect skald_effect_know;       /* done, which was not known */
skald_effect skald_effect_doubt;      /* its attempt may be done */
skald_effect skald_effect_clear;      /* known not to be done */
skald_effect skald_effect_call_back;  /* a child */
skald_effect skald_effect_come_back;  /* a child, compensated */
skald_effect skald_effect_reset;
skald_effect skald_effect_step_refuse; /* what was asked */

/* Of a step that makes the saga turn back. */
skald_effect skald_effect_refusal;
skald_effect skald_effect_come_back_refusal;
skald_effect skald_effect_give_up;       /* certainly not done */
skald_effect skald_effect_give_up_doubt; /* maybe done */

/* Of a step that is undone. */
skald_effect skald_effect_undo_begin;
skald_effect skald_effect_undo_attempt;
skald_effect skald_effect_undo_retry;
skald_effect skald_effect_undo_rest;
skald_effect skald_effect_undo_abandon;
skald_effect skald_effect_undo_finish;
skald_effect skald_effect_undo_come_back;
skald_effect skald_effect_undo_come_early;
skald_effect skald_effect_undo_keep;
skald_effect skald_effect_again;           /* once this undo is over */
skald_effect skald_effect_know_again;      /* done, which was not known: again */
skald_effect skald_effect_owe_again;       /* done, which was not known: owed though it was over */
skald_effect skald_effect_owe_doubt_again; /* maybe done: owed though it was over */

/* Of the saga. */
skald_effect skald_effect_start;
skald_effect skald_effect_end;
skald_effect skald_effect_turn_back;
skald_effect skald_effect_reopen;
skald_effect skald_effect_reopen_turn_back;
skald_effect skald_effect_remember;
skald_effect skald_effect_forget;
skald_effect skald_effect_rewind;
skald_effect skald_effect_rewind_forget;
skald_effect skald_effect_go_forward;
skald_effect skald_effect_saga_refuse;

#endif
