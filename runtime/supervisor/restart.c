/* Why it is right:
 *
 * - What was in hand is written down by the next worker, and counts towards its end as a dead
 * message. So there is always progress, and no reason to wait.
 * - A start that is refused, before any worker ever ran, is the fault of the configuration: a
 * person is waiting for the one sentence that says so, and a second try would be refused too.
 * - A start that is refused later is an outage or a change under way. Servers that cannot be
 * reached are waited for without end, as a running worker does; anything else ends the program
 * after a while, so that whoever watches it sees that it does not work. */
#include "supervisor/restart.h"

#include <sysexits.h>

static uint64_t delay_ms(uint32_t quick_ends)
{
    uint64_t delay = 0;
    for (uint32_t i = 0; i < quick_ends && delay < SKALD_RESTART_DELAY_MS_MAX; i++)
        delay = delay == 0 ? SKALD_RESTART_DELAY_MS_MIN : delay * 2;
    return delay < SKALD_RESTART_DELAY_MS_MAX ? delay : SKALD_RESTART_DELAY_MS_MAX;
}

skald_restart skald_restart_decide(const skald_restart_input *input)
{
    skald_restart answer = {.exit_code = input->by_signal ? 128 + input->code : input->code};
    if (input->in_hand)
        return answer;
    if (!input->by_signal && !input->any_ran) {
        answer.give_up = true;
        return answer;
    }
    if (input->lived_ms >= SKALD_RESTART_QUICK_MS)
        return answer;
    const bool outage = input->any_ran && !input->by_signal && input->code == EX_UNAVAILABLE;
    answer.quick_ends = input->quick_ends + 1;
    answer.give_up = answer.quick_ends >= SKALD_RESTART_QUICK_MAX && !outage;
    /* The first one may have been an accident. */
    answer.delay_ms = delay_ms(answer.quick_ends - 1);
    return answer;
}
