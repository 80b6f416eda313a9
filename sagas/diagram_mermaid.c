/* A definition or a running saga as a Mermaid flowchart. Groups are subgraphs, an undo hangs on its
 * step by a dotted line, the pivot is a hexagon. */
#include "diagram.h"
#include "words.h"

typedef struct picture {
    const skald_plan *plan;
    const skald_saga *saga;
    skald_text_out text;
} picture;

static void indent(picture *p, uint8_t step)
{
    for (int i = 0; i <= p->plan->steps[step].depth; i++)
        skald_text_add(&p->text, "    ");
}

static void label_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    skald_text_add(&p->text, "%s<br/>", planned->step->name);
    skald_diagram_work(&p->text, &planned->step->run, &planned->run);
    if (planned->step->only_if != NULL)
        skald_text_add(&p->text, "<br/>if needed");
    if (step == p->plan->pivot)
        skald_text_add(&p->text, "<br/>no way back");
    if (p->saga != NULL)
        skald_text_add(&p->text, "<br/>%s", skald_step_state_words(p->saga->steps[step].state));
}

static void leaf_add(picture *p, uint8_t step)
{
    const bool pivot = step == p->plan->pivot;
    indent(p, step);
    skald_text_add(&p->text, "s%u%s\"", step, pivot ? "{{" : "[");
    label_add(p, step);
    skald_text_add(&p->text, "\"%s\n", pivot ? "}}" : "]");
}

static void undo_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    if (planned->undo.kind == SKALD_WORK_NONE)
        return;
    skald_text_add(&p->text, "    s%u -. undo .-> u%u([\"", step, step);
    skald_diagram_work(&p->text, &planned->step->undo, &planned->undo);
    skald_text_add(&p->text, "\"])\n");
}

static void members_add(picture *p, uint8_t first, uint8_t end, bool chained);

static void group_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    const bool sequence = planned->run.kind == SKALD_WORK_SEQUENCE;
    indent(p, step);
    skald_text_add(&p->text, "subgraph s%u [\"%s: %s%s\"]\n", step, planned->step->name,
                   sequence ? "one after the other" : "all at once",
                   planned->step->only_if != NULL ? ", if needed" : "");
    members_add(p, (uint8_t)(step + 1), planned->end, sequence);
    indent(p, step);
    skald_text_add(&p->text, "end\n");
}

static void members_add(picture *p, uint8_t first, uint8_t end, bool chained)
{
    for (uint8_t i = first; i < end; i = p->plan->steps[i].end) {
        if (skald_work_is_group(p->plan->steps[i].run.kind))
            group_add(p, i);
        else
            leaf_add(p, i);
    }
    for (uint8_t i = first; chained && p->plan->steps[i].end < end; i = p->plan->steps[i].end) {
        indent(p, i);
        skald_text_add(&p->text, "s%u --> s%u\n", i, p->plan->steps[i].end);
    }
}

static void looks_add(picture *p)
{
    static const uint8_t shown[] = {SKALD_STEP_PENDING, SKALD_STEP_RUNNING, SKALD_STEP_DONE,
                                    SKALD_STEP_UNDONE, SKALD_STEP_HANDED_OVER};
    for (size_t i = 0; i < sizeof shown; i++)
        skald_text_add(&p->text, "    classDef %s fill:%s\n", skald_diagram_look(shown[i]),
                       skald_diagram_colour(shown[i]));
    for (uint8_t i = 0; i < p->plan->step_count; i++)
        skald_text_add(&p->text, "    class s%u %s\n", i,
                       skald_diagram_look(p->saga->steps[i].state));
}

size_t skald_diagram_mermaid(const skald_plan *plan, const skald_saga *saga, char *out, size_t size)
{
    picture p = {plan, saga, {out, size, 0}};
    skald_text_add(&p.text, "flowchart TD\n");
    members_add(&p, 0, plan->step_count, true);
    for (uint8_t i = 0; i < plan->step_count; i++)
        undo_add(&p, i);
    if (saga != NULL)
        looks_add(&p);
    return p.text.length;
}

size_t skald_definition_mermaid(const skald_definition *definition, char *out, size_t size)
{
    skald_plan plan;
    skald_plan_make(&plan, definition);
    return skald_diagram_mermaid(&plan, NULL, out, size);
}
