/* The tables of transitions as Mermaid state diagrams: a row is a line for each state it starts
 * from. Printed, never drawn by hand, so that they are what the machine does. */
#include "diagram.h"
#include "transitions.h"
#include "words.h"

typedef struct table {
    const skald_transition *rows;
    size_t row_count;
    uint8_t state_count;
    uint8_t input_count;
    const char *(*state_words)(uint8_t state);
    const char *(*input_words)(uint8_t input);
} table;

/* Mermaid takes '-' in a name for the beginning of an arrow. */
static void state_add(skald_text_out *text, const table *t, uint8_t state)
{
    for (const char *c = t->state_words(state); *c != '\0'; c++)
        skald_text_add(text, "%c", *c == '-' ? '_' : *c);
}

static void inputs_add(skald_text_out *text, const table *t, uint32_t on)
{
    bool first = true;
    for (uint8_t i = 0; i < t->input_count; i++) {
        if ((on & (1u << i)) == 0)
            continue;
        skald_text_add(text, "%s%s", first ? "" : " or ", t->input_words(i));
        first = false;
    }
}

static void line_add(skald_text_out *text, const table *t, const skald_transition *row, uint8_t from)
{
    skald_text_add(text, "    ");
    state_add(text, t, from);
    skald_text_add(text, " --> ");
    state_add(text, t, row->to == SKALD_STAYS ? from : row->to);
    skald_text_add(text, " : ");
    inputs_add(text, t, row->on);
    if (row->when != NULL)
        skald_text_add(text, " [%s]", row->when->words);
    skald_text_add(text, "\n");
}

static size_t table_write(const table *t, char *out, size_t size)
{
    skald_text_out text = {out, size, 0};
    skald_text_add(&text, "stateDiagram-v2\n");
    for (size_t i = 0; i < t->row_count; i++) {
        for (uint8_t from = 0; from < t->state_count; from++) {
            if ((t->rows[i].from & (1u << from)) != 0)
                line_add(&text, t, &t->rows[i], from);
        }
    }
    return text.length;
}

size_t skald_diagram_step_states(char *out, size_t size)
{
    const table t = {skald_transitions, skald_transition_count, SKALD_STEP_STATE_COUNT,
                     SKALD_INPUT_COUNT, skald_step_state_words, skald_step_input_words};
    return table_write(&t, out, size);
}

size_t skald_diagram_saga_phases(char *out, size_t size)
{
    const table t = {skald_saga_transitions, skald_saga_transition_count, SKALD_SAGA_PHASE_COUNT,
                     SKALD_SAGA_INPUT_COUNT, skald_saga_phase_words,      skald_saga_input_words};
    return table_write(&t, out, size);
}
