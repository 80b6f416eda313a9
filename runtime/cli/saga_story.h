/* What has happened to a saga, as the engine wrote it down: a row per turn, a line per change and
 * action. */
#ifndef SKALD_CLI_SAGA_STORY_H
#define SKALD_CLI_SAGA_STORY_H

#include "cli/listing.h"
#include "cli/saga_view.h"

enum { STORY_TURNS_MAX = 500 };

/* The last change of a step, or of the saga as a whole. */
typedef struct story_change {
    int64_t at_us;   /* 0: not told of in the turns that were read */
    const char *to;  /* the state */
    const char *why; /* "done: it is done" */
} story_change;

typedef struct saga_story {
    const skald_rows *rows;              /* the last turns, the oldest first */
    story_change steps[SKALD_STEPS_MAX]; /* by the plan */
    story_change whole;
} saga_story;

/* Reads the last STORY_TURNS_MAX turns. False when PostgreSQL cannot be asked. */
bool saga_story_load(cli_session *session, const saga_view *view, saga_story *out);

/* The lines of one turn, or of the last turns, for people. */
void saga_story_turn_print(cli_session *session, const skald_rows *rows, uint32_t row);
void saga_story_print(cli_session *session, const skald_rows *rows, uint32_t turns_max);

/* Turns as a JSON array: number, at, actor, lines. */
void saga_story_array(cli_session *session, const skald_rows *rows, uint32_t turns_max);

/* The columns that rows of turns have. */
enum { STORY_NUMBER, STORY_AT, STORY_ACTOR, STORY_LINES };
#define STORY_SQL "SELECT number, " SQL_TIME("at") ", actor, lines FROM skald.saga_history"

#endif
