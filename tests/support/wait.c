/* Polling with a limit. */
#include "support/wait.h"

#include "support/test.h"

#include "base/clock.h"

#define POLL_MS 5u

uint64_t wait_begin(void)
{
    return skald_clock_ms();
}

void wait_more(uint64_t begun, const char *fact, const char *file, int line)
{
    if (skald_clock_ms() - begun > WAIT_MS) {
        print_error("waited %u s in vain for: %s\n", WAIT_MS / 1000, fact);
        _fail(file, line);
    }
    skald_clock_sleep_ms(POLL_MS);
}
