/* What a what-if has found out, and how it is shown. */
#ifndef SKALD_WHATIF_REPORT_H
#define SKALD_WHATIF_REPORT_H

#include "base/arena.h"

#include <skald/status.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    SKALD_WHATIF_ROWS_MAX = 20,     /* shown of one table */
    SKALD_WHATIF_MESSAGES_MAX = 100 /* shown, and as many jobs */
};

/* One text per column, NULL for SQL's NULL. */
typedef struct skald_whatif_row {
    const char **before; /* NULL: it was not there */
    const char **after;  /* NULL: it is gone */
} skald_whatif_row;

typedef struct skald_whatif_table {
    struct skald_whatif_table *next;
    const char *name;
    const char **columns;
    uint32_t column_count;
    uint64_t inserted, updated, deleted;
    skald_whatif_row rows[SKALD_WHATIF_ROWS_MAX];
    uint32_t row_count;
    const char *note; /* what cannot be shown, and why; NULL: nothing */
} skald_whatif_table;

/* A message as it is stored; of a job the queue stands in `addressee`. */
typedef struct skald_whatif_message {
    struct skald_whatif_message *next;
    const char *what; /* "event", "command", "reply"; "job", "activity" */
    const char *type;
    const char *key;
    const char *addressee;
    const char *operation; /* of a saga's command or activity; NULL: none */
    const char *due;       /* of a job that waits; NULL: at once */
    skald_bytes body;
    const char *fields; /* the body as JSON; NULL: its type is not known here */
} skald_whatif_message;

typedef struct skald_whatif_report {
    skald_arena memory; /* of everything in here */

    /* A job. */
    const char *job; /* its number; NULL: it is a saga */
    const char *job_state;
    const char *job_of; /* its follower or queue */
    const char *job_reason;
    const char *code; /* name of the handler; NULL: none was called */
    skald_whatif_message input;

    /* A saga. */
    const char *saga; /* its id */
    const char *definition;
    int64_t version;
    const char *pretended; /* what had to be assumed for something to happen; NULL: nothing */
    const char *phase_before, *phase_after;
    const char *waits_before, *waits_after;
    const char *state_before, *state_after; /* as JSON; NULL: cannot be shown */
    const char *lines;                      /* of the transcript, separated by \n */

    const char *outcome; /* "done", "failed", ... */
    const char *text;    /* what was said; NULL: nothing */
    const char *sqlstate;
    bool good; /* its effects would be kept */
    const char *warning;

    skald_whatif_table *tables;
    skald_whatif_message *messages;
    uint64_t messages_more;     /* than are shown */
    skald_whatif_message *jobs; /* and activities of sagas, which are held back */
    uint64_t jobs_more;
} skald_whatif_report;

void skald_whatif_report_done(skald_whatif_report *report);

/* For people, and for programs. */
void skald_whatif_print(const skald_whatif_report *report, FILE *out);
void skald_whatif_print_json(const skald_whatif_report *report, FILE *out);

#endif
