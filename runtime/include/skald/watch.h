/* Watching declared flows: see <skald/flow.h> for what they are. */
#ifndef SKALD_WATCH_H
#define SKALD_WATCH_H

#include <skald/flow.h>
#include <skald/service.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Watches a flow, which the program keeps alive as long as the service; before the start. Any
 * service may: one that takes part in it, or one that does nothing else. What is seen is noted in
 * this service's database: `skald flow list`, `skald flow show KEY`, skald.v_flow. When an event
 * does not come in its time people are told once, as of dead messages, by skald.alert.<service> and
 * the alert command.
 *
 * Handlers are not touched by it: each stream is read by a follower of its own, "flows.<stream>",
 * from the time on when that was declared first. Nothing is ever parked or held up by what it sees,
 * and what is parked for a handler is seen all the same.
 *
 * Every mistake in the flow is said in the log, the first one is answered by skald_service_start
 * too. */
SKALD_API skald_status skald_watch(skald_service *service, const skald_flow *flow);

#ifdef __cplusplus
}
#endif

#endif
