/* Pictures in text: of a definition, of a running saga, and of the table of transitions. All write
 * into the caller's buffer, cut to `size` and ended by NUL, and return the length of the whole. */
#ifndef SKALD_SAGAS_DIAGRAM_H
#define SKALD_SAGAS_DIAGRAM_H

#include "machine.h"
#include "text.h"

/* `saga` NULL: the definition alone; otherwise every step is shown with its state. */
size_t skald_diagram_mermaid(const skald_plan *plan, const skald_saga *saga, char *out,
                             size_t size);
size_t skald_diagram_dot(const skald_plan *plan, const skald_saga *saga, char *out, size_t size);
size_t skald_diagram_svg(const skald_plan *plan, const skald_saga *saga, char *out, size_t size);

/* The states of a step, or of a saga, and every row of their table, as a Mermaid state diagram. */
size_t skald_diagram_step_states(char *out, size_t size);
size_t skald_diagram_saga_phases(char *out, size_t size);

/* ---- what the pictures share ---- */

/* "shop.v1.ReserveItems to inventory, 30 s", "activity", "wait for Approved". */
void skald_diagram_work(skald_text_out *text, const skald_work *work, const skald_plan_work *planned);

/* How a state is shown: "idle", "active", "done", "undone", "person". */
const char *skald_diagram_look(uint8_t state);

/* Its colour, "#dddddd". */
const char *skald_diagram_colour(uint8_t state);

#endif
