/* One command of `skald`: a row in commands.c, and a file of its own. */
#ifndef SKALD_CLI_COMMAND_H
#define SKALD_CLI_COMMAND_H

#include <skald/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

/* Exit codes beside sysexits: a negative answer ("not running", "not up to date"), and a change to
 * many of which some were refused. */
#define SKALD_EXIT_NO 1
#define SKALD_EXIT_PARTLY 2

/* Large enough for any command's options. */
#define SKALD_COMMAND_OPTIONS_SIZE 256

typedef enum skald_option_kind {
    SKALD_OPTION_FLAG,   /* sets a bool */
    SKALD_OPTION_TEXT,   /* sets a const char * */
    SKALD_OPTION_NUMBER, /* sets an int64_t; whole and above 0, so that 0 is "not given" */
} skald_option_kind;

/* An option: parser and help are made from the same row. Lists end with a row without a name. */
typedef struct skald_command_option {
    const char *name;
    const char *value; /* what the help calls its argument; NULL for a flag */
    skald_option_kind kind;
    size_t offset; /* in the command's options struct */
    const char *help;
} skald_command_option;

typedef struct skald_command {
    const char *name; /* one word or two: "dev", "dev env" */
    const char *purpose;
    const char *examples; /* whole lines */
    const char *operands; /* as the usage line shows them; NULL: none are taken */
    const char *notes;    /* whole lines at the end of the help; NULL: none */
    bool runs;            /* the operands are another command, whose options are its own */
    const skald_command_option *options;
    size_t options_size;
    /* `options` is the zeroed struct that the options were written to; argv holds the operands. */
    int (*run)(const void *options, int argc, char **argv);
} skald_command;

extern const skald_command *const skald_commands[]; /* ends with NULL */

extern const skald_command skald_command_dev;
extern const skald_command skald_command_dev_env;
extern const skald_command skald_command_dev_status;
extern const skald_command skald_command_dev_stop;
extern const skald_command skald_command_dev_reset;
extern const skald_command skald_command_dev_psql;
extern const skald_command skald_command_migrate_up;
extern const skald_command skald_command_migrate_status;
extern const skald_command skald_command_migrate_sql;
extern const skald_command skald_command_saga_list;
extern const skald_command skald_command_saga_show;
extern const skald_command skald_command_saga_history;
extern const skald_command skald_command_saga_graph;
extern const skald_command skald_command_saga_retry;
extern const skald_command skald_command_saga_skip;
extern const skald_command skald_command_saga_resolve;
extern const skald_command skald_command_saga_compensate;
extern const skald_command skald_command_saga_cancel;
extern const skald_command skald_command_saga_tasks;
extern const skald_command skald_command_saga_debts;
extern const skald_command skald_command_saga_definitions;
extern const skald_command skald_command_job_list;
extern const skald_command skald_command_job_show;
extern const skald_command skald_command_job_replay;
extern const skald_command skald_command_job_discard;
extern const skald_command skald_command_job_cancel;
extern const skald_command skald_command_dead_list;
extern const skald_command skald_command_dead_show;
extern const skald_command skald_command_dead_replay;
extern const skald_command skald_command_dead_discard;
extern const skald_command skald_command_dead_edit;
extern const skald_command skald_command_queue_list;
extern const skald_command skald_command_queue_show;
extern const skald_command skald_command_queue_set;
extern const skald_command skald_command_queue_pause;
extern const skald_command skald_command_queue_resume;
extern const skald_command skald_command_schedule_list;
extern const skald_command skald_command_schedule_pause;
extern const skald_command skald_command_schedule_resume;
extern const skald_command skald_command_schedule_delete;
extern const skald_command skald_command_flow_list;
extern const skald_command skald_command_flow_show;
extern const skald_command skald_command_flow_close;
extern const skald_command skald_command_operation_list;
extern const skald_command skald_command_operation_show;
extern const skald_command skald_command_operation_stop;
extern const skald_command skald_command_audit_list;
extern const skald_command skald_command_suspect_list;
extern const skald_command skald_command_version;
extern const skald_command skald_command_help;

/* The command that the words name, the longest name first; NULL when there is none. `used` receives
 * how many words were its name. */
const skald_command *skald_command_find(int argc, char **argv, int *used);

/* Says on stderr that there is no such command and which one may be meant; returns EX_USAGE. */
int skald_command_unknown(int argc, char **argv);

/* Help of one command; the overview of all. */
void skald_command_help_print(const skald_command *command, FILE *out);
void skald_command_overview_print(FILE *out);

/* Parses options into the command's struct. Returns the index of the first operand, or -1 after
 * which `exit_code` says how to end: 0 when help was asked for, EX_USAGE when something was wrong.
 */
int skald_command_parse(const skald_command *command, int argc, char **argv, void *options,
                        int *exit_code);

/* Says the error on stderr, once, and returns the exit code of its status. */
int skald_command_fail(const skald_command *command, const skald_error *error);

/* The name among `names` (ends with NULL) that somebody who typed `word` may have meant, or NULL.
 */
const char *skald_command_nearest(const char *word, const char *const *names);

#endif
