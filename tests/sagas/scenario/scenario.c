/* Reads a scenario and runs the machine by it. */
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "saga_future.h"
#include "scenario/definitions.h"
#include "transcript.h"
#include "words.h"

enum { LINE_SIZE = 512, WORDS_MAX = 6 };

static const int64_t DAY_MS = 24 * 3600 * 1000;

/* The first day is one that a reader of the stored times recognises: 2026-01-01. */
static const int64_t FIRST_DAY_MS = 1767225600000;

uint32_t scenario_rows[256];
uint32_t scenario_saga_rows[256];

typedef struct scenario {
    FILE *out;
    bool in_use;
    int64_t day;
    int64_t now_ms;
    skald_plan plan;
    skald_saga saga;
    skald_saga_decision decision;
} scenario;

static scenario it;

/* ---- reading ---- */

static size_t words_split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    return count;
}

static bool day_read(scenario *s, const char *word)
{
    int days = 0;
    char unit = '\0';
    if (sscanf(word, "+%d%c", &days, &unit) != 2 || unit != 'd')
        return false;
    s->day = days;
    return true;
}

static bool time_read(scenario *s, const char *word)
{
    int hours = 0;
    int minutes = 0;
    double seconds = 0;
    if (sscanf(word, "%d:%d:%lf", &hours, &minutes, &seconds) != 3)
        return false;
    s->now_ms = FIRST_DAY_MS + s->day * DAY_MS + (int64_t)hours * 3600000 +
                (int64_t)minutes * 60000 + (int64_t)(seconds * 1000 + 0.5);
    return true;
}

static uint8_t step_read(const scenario *s, const char *word, bool *undo)
{
    *undo = strncmp(word, "undo:", 5) == 0;
    const char *name = *undo ? word + 5 : word;
    return skald_plan_find(&s->plan, name, strlen(name));
}

static skald_operation operation_read(const scenario *s, const char *word, const char *round)
{
    bool undo = false;
    const uint8_t step = step_read(s, word, &undo);
    if (step == SKALD_STEP_NONE)
        return (skald_operation){.step = SKALD_STEP_NONE};
    const skald_saga_step *at = &s->saga.steps[step];
    const uint8_t now = undo ? at->undo_round : at->run_round;
    const uint8_t wanted = round != NULL ? (uint8_t)atoi(round) : now;
    return (skald_operation){step, undo ? SKALD_UNDO : SKALD_RUN, wanted};
}

/* ---- writing ---- */

static void rows_count(const skald_saga_decision *decision)
{
    for (size_t i = 0; i < decision->change_count; i++) {
        const skald_saga_change *change = &decision->changes[i];
        uint32_t *rows = change->step == SKALD_STEP_NONE ? scenario_saga_rows : scenario_rows;
        rows[change->row]++;
    }
}

static void decision_write(scenario *s)
{
    char line[SKALD_TRANSCRIPT_LINE_SIZE];
    for (size_t i = 0; i < s->decision.change_count; i++) {
        skald_transcript_change(&s->plan, &s->saga, &s->decision.changes[i], line, sizeof line);
        fprintf(s->out, "%s\n", line);
    }
    for (size_t i = 0; i < s->decision.action_count; i++) {
        skald_transcript_action(&s->plan, &s->saga, &s->decision.actions[i], line, sizeof line);
        fprintf(s->out, "%s\n", line);
    }
}

static void future_write(scenario *s)
{
    char line[SKALD_TRANSCRIPT_LINE_SIZE];
    skald_saga_future_words(&s->plan, &s->saga, line, sizeof line);
    fprintf(s->out, "%s\n", line);
}

/* ---- commands ---- */

static void use(scenario *s, const char *name)
{
    const skald_definition *definition = scenario_definition(name);
    if (definition == NULL) {
        fprintf(s->out, "?? there is no definition %s\n", name);
        return;
    }
    skald_plan_make(&s->plan, definition);
    skald_saga_init(&s->saga, &s->plan);
    s->in_use = true;
}

/* As if so many rounds lay behind the step. */
static void rounds_set(scenario *s, const char *name, const char *rounds)
{
    bool undo = false;
    const uint8_t step = step_read(s, name, &undo);
    if (step == SKALD_STEP_NONE)
        fprintf(s->out, "?? no such step: %s\n", name);
    else if (undo)
        s->saga.steps[step].undo_round = (uint8_t)atoi(rounds);
    else
        s->saga.steps[step].run_round = (uint8_t)atoi(rounds);
}

static void event_bring(scenario *s, skald_saga_event_kind kind, const char *subject,
                        const char *round)
{
    const bool signal = kind == SKALD_EVENT_SIGNAL;
    const skald_saga_event event = {
        .kind = kind,
        .time_ms = s->now_ms,
        .random = UINT64_MAX / 2,
        .operation = subject != NULL && !signal ? operation_read(s, subject, round)
                                                : (skald_operation){.step = SKALD_STEP_NONE},
        .name = signal ? subject : NULL,
    };
    skald_machine_step(&s->plan, &s->saga, &event, &s->decision);
    rows_count(&s->decision);
    decision_write(s);
}

static void command_run(scenario *s, char *line)
{
    char *words[WORDS_MAX] = {0};
    const size_t count = words_split(line, words);
    size_t at = 0;
    if (at < count && day_read(s, words[at]))
        at++;
    if (at < count && time_read(s, words[at]))
        at++;
    const char *verb = at < count ? words[at] : "";
    const char *subject = at + 1 < count ? words[at + 1] : NULL;
    const char *round = at + 2 < count ? words[at + 2] : NULL;
    const skald_saga_event_kind kind = skald_saga_event_find(verb);
    if (strcmp(verb, "use") == 0 && subject != NULL)
        use(s, subject);
    else if (!s->in_use)
        fprintf(s->out, "?? a scenario begins with > use and the name of a definition\n");
    else if (strcmp(verb, "future") == 0)
        future_write(s);
    else if (strcmp(verb, "rounds") == 0 && round != NULL)
        rounds_set(s, subject, round);
    else if (kind != SKALD_EVENT_COUNT && (kind != SKALD_EVENT_SIGNAL || subject != NULL))
        event_bring(s, kind, subject, round);
    else
        fprintf(s->out, "?? no such command: %s\n", verb);
}

void scenario_run(const char *script, FILE *out)
{
    it = (scenario){.out = out, .now_ms = FIRST_DAY_MS};
    char line[LINE_SIZE];
    while (*script != '\0') {
        const size_t size = strcspn(script, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, script);
        script += size + (script[size] == '\n' ? 1 : 0);
        const bool command = strncmp(line, "> ", 2) == 0;
        if (command || line[0] == '#' || line[0] == '\0')
            fprintf(out, "%s\n", line);
        if (command)
            command_run(&it, line + 2);
    }
}
