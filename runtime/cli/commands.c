/* The table of commands, in the order of the overview. */
#include "cli/command.h"

#include <assert.h>
#include <string.h>

const skald_command *const skald_commands[] = {
    &skald_command_dev,
    &skald_command_dev_env,
    &skald_command_dev_status,
    &skald_command_dev_stop,
    &skald_command_dev_reset,
    &skald_command_dev_psql,
    &skald_command_migrate_up,
    &skald_command_migrate_status,
    &skald_command_migrate_sql,
    &skald_command_saga_list,
    &skald_command_saga_show,
    &skald_command_saga_history,
    &skald_command_saga_graph,
    &skald_command_saga_retry,
    &skald_command_saga_skip,
    &skald_command_saga_resolve,
    &skald_command_saga_compensate,
    &skald_command_saga_cancel,
    &skald_command_saga_tasks,
    &skald_command_saga_debts,
    &skald_command_saga_definitions,
    &skald_command_job_list,
    &skald_command_job_show,
    &skald_command_job_replay,
    &skald_command_job_discard,
    &skald_command_job_cancel,
    &skald_command_dead_list,
    &skald_command_dead_show,
    &skald_command_dead_replay,
    &skald_command_dead_discard,
    &skald_command_dead_edit,
    &skald_command_queue_list,
    &skald_command_queue_show,
    &skald_command_queue_set,
    &skald_command_queue_pause,
    &skald_command_queue_resume,
    &skald_command_schedule_list,
    &skald_command_schedule_pause,
    &skald_command_schedule_resume,
    &skald_command_schedule_delete,
    &skald_command_flow_list,
    &skald_command_flow_show,
    &skald_command_flow_close,
    &skald_command_operation_list,
    &skald_command_operation_show,
    &skald_command_operation_stop,
    &skald_command_audit_list,
    &skald_command_suspect_list,
    &skald_command_version,
    &skald_command_help,
    NULL,
};

#define NAME_SIZE 80
#define NAMES_MAX 80

static const skald_command *find_name(const char *name)
{
    for (size_t i = 0; skald_commands[i] != NULL; i++)
        if (strcmp(skald_commands[i]->name, name) == 0)
            return skald_commands[i];
    return NULL;
}

static bool is_word(const char *argument)
{
    return *argument != '-' && *argument != '\0';
}

static void join(char *out, const char *first, const char *second)
{
    snprintf(out, NAME_SIZE, "%.35s %.35s", first, second);
}

const skald_command *skald_command_find(int argc, char **argv, int *used)
{
    char two[NAME_SIZE];
    *used = 0;
    if (argc < 1)
        return NULL;
    if (argc > 1 && is_word(argv[1])) {
        join(two, argv[0], argv[1]);
        *used = 2;
        /* No command takes a word as its first operand and has commands below it, so a second word
         * that is not known is a mistake; only "help" is followed by other commands' words. */
        if (find_name(two) != NULL || strcmp(argv[0], "help") != 0)
            return find_name(two);
    }
    *used = 1;
    return find_name(argv[0]);
}

/* ---- Did you mean ... ---- */

/* How many letters must be changed, added, left out or swapped; words of up to 40 letters. */
static size_t distance(const char *left, const char *right)
{
    size_t rows[3][41];
    const size_t size = strlen(right);
    if (strlen(left) > 40 || size > 40)
        return 40;
    for (size_t j = 0; j <= size; j++)
        rows[0][j] = j;
    for (size_t i = 1; left[i - 1] != '\0'; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= size; j++) {
            const size_t change = before[j - 1] + (left[i - 1] != right[j - 1]);
            now[j] = before[j] + 1 < now[j - 1] + 1 ? before[j] + 1 : now[j - 1] + 1;
            now[j] = change < now[j] ? change : now[j];
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] &&
                earlier[j - 2] + 1 < now[j])
                now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[strlen(left) % 3][size];
}

const char *skald_command_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t least = 3;
    for (size_t i = 0; names[i] != NULL; i++) {
        const size_t steps = distance(word, names[i]);
        if (steps < least && steps < strlen(names[i])) {
            least = steps;
            best = names[i];
        }
    }
    return best;
}

/* Commands that begin with this word: "migrate" alone is the start of three. */
static bool print_below(const char *word)
{
    const size_t size = strlen(word);
    bool any = false;
    for (size_t i = 0; skald_commands[i] != NULL; i++) {
        const char *name = skald_commands[i]->name;
        if (strncmp(name, word, size) != 0 || name[size] != ' ')
            continue;
        if (!any)
            fprintf(stderr, "skald: \"%s\" needs one more word:\n", word);
        fprintf(stderr, "  skald %-16s %s\n", name, skald_commands[i]->purpose);
        any = true;
    }
    return any;
}

int skald_command_unknown(int argc, char **argv)
{
    /* First words of names that are no commands themselves, then all names. */
    const char *names[NAMES_MAX] = {"migrate",  "saga",      "flow",  "job",     "dead",
                                    "queue",    "schedule",  "operation", "audit", "suspect"};
    size_t count = 10;
    char typed[NAME_SIZE];
    for (size_t i = 0; skald_commands[i] != NULL; i++) {
        assert(count < NAMES_MAX - 1);
        names[count++] = skald_commands[i]->name;
    }
    if (argc > 1 && is_word(argv[1]))
        join(typed, argv[0], argv[1]);
    else if (print_below(argv[0]))
        return EX_USAGE;
    else
        snprintf(typed, sizeof typed, "%.70s", argv[0]);
    const char *meant = skald_command_nearest(typed, names);
    if (meant == NULL && argc > 1)
        meant = skald_command_nearest(argv[0], names);
    fprintf(stderr, "skald: there is no command \"%s\"", typed);
    if (meant != NULL)
        fprintf(stderr, "; did you mean \"skald %s\"?\n", meant);
    else
        fprintf(stderr, "; \"skald help\" lists them\n");
    return EX_USAGE;
}
