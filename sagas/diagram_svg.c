/* A definition or a running saga as SVG, for a page that has no other program to draw it. A
 * sequence goes down, branches stand side by side; every step has the width of a box and its undo
 * below its name, so that nothing has to be routed around anything. */
#include "diagram.h"
#include "words.h"

enum { BOX_WIDTH = 340, BOX_HEIGHT = 64, GAP = 24, EDGE = 12, HEAD = 20 };

typedef struct extent {
    int width;
    int height;
} extent;

typedef struct picture {
    const skald_plan *plan;
    const skald_saga *saga;
    skald_text_out text;
} picture;

/* ---- how much room ---- */

static extent step_extent(const picture *p, uint8_t step);

static extent members_extent(const picture *p, uint8_t first, uint8_t end, bool down)
{
    extent whole = {0, 0};
    for (uint8_t i = first; i < end; i = p->plan->steps[i].end) {
        const extent one = step_extent(p, i);
        const int gap = i == first ? 0 : GAP;
        if (down) {
            whole.height += one.height + gap;
            whole.width = one.width > whole.width ? one.width : whole.width;
        } else {
            whole.width += one.width + gap;
            whole.height = one.height > whole.height ? one.height : whole.height;
        }
    }
    return whole;
}

static extent step_extent(const picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    if (!skald_work_is_group(planned->run.kind))
        return (extent){BOX_WIDTH, BOX_HEIGHT};
    const bool down = planned->run.kind == SKALD_WORK_SEQUENCE;
    const extent inside = members_extent(p, (uint8_t)(step + 1), planned->end, down);
    return (extent){inside.width + 2 * EDGE, inside.height + 2 * EDGE + HEAD};
}

/* ---- boxes ---- */

static void words_add(picture *p, int x, int y, const char *style)
{
    skald_text_add(&p->text, "<text x=\"%d\" y=\"%d\"%s>", x, y, style);
}

static void leaf_draw(picture *p, uint8_t step, int x, int y)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    const uint8_t state = p->saga != NULL ? p->saga->steps[step].state : SKALD_STEP_PENDING;
    skald_text_add(&p->text,
                   "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\" "
                   "stroke=\"#555555\" stroke-width=\"%d\"/>\n",
                   x, y, BOX_WIDTH, BOX_HEIGHT, skald_diagram_colour(state),
                   step == p->plan->pivot ? 3 : 1);
    words_add(p, x + EDGE, y + 20, " font-weight=\"bold\"");
    skald_text_add(&p->text, "%s%s%s</text>\n", planned->step->name,
                   step == p->plan->pivot ? " (no way back)" : "",
                   planned->step->only_if != NULL ? " (if needed)" : "");
    words_add(p, x + EDGE, y + 37, "");
    skald_diagram_work(&p->text, &planned->step->run, &planned->run);
    if (p->saga != NULL)
        skald_text_add(&p->text, ": %s", skald_step_state_words(state));
    skald_text_add(&p->text, "</text>\n");
    if (planned->undo.kind == SKALD_WORK_NONE)
        return;
    words_add(p, x + EDGE, y + 54, " font-style=\"italic\"");
    skald_text_add(&p->text, "undo: ");
    skald_diagram_work(&p->text, &planned->step->undo, &planned->undo);
    skald_text_add(&p->text, "</text>\n");
}

static void members_draw(picture *p, uint8_t first, uint8_t end, bool down, int x, int y);

static void group_draw(picture *p, uint8_t step, int x, int y)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    const bool down = planned->run.kind == SKALD_WORK_SEQUENCE;
    const extent whole = step_extent(p, step);
    skald_text_add(&p->text,
                   "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"none\" "
                   "stroke=\"#999999\" stroke-dasharray=\"4\"/>\n",
                   x, y, whole.width, whole.height);
    words_add(p, x + EDGE, y + 16, "");
    skald_text_add(&p->text, "%s: %s%s</text>\n", planned->step->name,
                   down ? "one after the other" : "all at once",
                   planned->step->only_if != NULL ? ", if needed" : "");
    members_draw(p, (uint8_t)(step + 1), planned->end, down, x + EDGE, y + EDGE + HEAD);
}

static void arrow_draw(picture *p, int x, int y)
{
    skald_text_add(&p->text,
                   "<path d=\"M%d %d v%d l-4 -6 m4 6 l4 -6\" fill=\"none\" stroke=\"#555555\"/>\n",
                   x + BOX_WIDTH / 2, y - GAP, GAP);
}

static void members_draw(picture *p, uint8_t first, uint8_t end, bool down, int x, int y)
{
    for (uint8_t i = first; i < end; i = p->plan->steps[i].end) {
        const extent one = step_extent(p, i);
        if (down && i != first)
            arrow_draw(p, x, y);
        if (skald_work_is_group(p->plan->steps[i].run.kind))
            group_draw(p, i, x, y);
        else
            leaf_draw(p, i, x, y);
        x += down ? 0 : one.width + GAP;
        y += down ? one.height + GAP : 0;
    }
}

size_t skald_diagram_svg(const skald_plan *plan, const skald_saga *saga, char *out, size_t size)
{
    picture p = {plan, saga, {out, size, 0}};
    const extent whole = members_extent(&p, 0, plan->step_count, true);
    skald_text_add(&p.text,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "font-family=\"sans-serif\" font-size=\"12\">\n<title>%s</title>\n",
                   whole.width + 2 * EDGE, whole.height + 2 * EDGE, plan->definition->name);
    members_draw(&p, 0, plan->step_count, true, EDGE, EDGE);
    skald_text_add(&p.text, "</svg>\n");
    return p.text.length;
}
