/* What was seen of an instance as text, for the row that it is stored in: a line for each type,
 * "shop.v1.OrderCreated 1 1772366400000000 1772366400000000", with how often and when first and
 * last. By types, so that it can be read after the flow's table has changed; checked when read. */
#ifndef SKALD_SAGAS_FLOW_CODE_H
#define SKALD_SAGAS_FLOW_CODE_H

#include "flow.h"

enum { SKALD_FLOW_CODE_SIZE = SKALD_FLOW_EVENTS_MAX * (SKALD_STEP_TYPE_SIZE_MAX + 60) + 1 };

/* Writes it with its NUL; `closed` is none of it. */
void skald_flow_encode(const skald_flow *flow, const skald_flow_state *state,
                       char out[SKALD_FLOW_CODE_SIZE]);

/* Types that the flow does not have any more are left out. SKALD_MALFORMED when the text is none of
 * ours; `state` is left alone then. */
skald_status skald_flow_decode(const skald_flow *flow, const char *text, skald_flow_state *state,
                               skald_error *error);

#endif
