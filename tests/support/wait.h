/* Waiting for a fact, never for a time. */
#ifndef TEST_SUPPORT_WAIT_H
#define TEST_SUPPORT_WAIT_H

#include <stdint.h>

/* Far beyond what anything takes on a slow machine; it only ends tests that would hang. */
#define WAIT_MS 120000u

/* WAIT_UNTIL(counter(x) == 3): asks again and again until it is true; fails the test, naming the
 * expression, after WAIT_MS. Only in the test's own thread. */
#define WAIT_UNTIL(fact)                                                                           \
    do {                                                                                           \
        const uint64_t wait_begun_ = wait_begin();                                                 \
        while (!(fact))                                                                            \
            wait_more(wait_begun_, #fact, __FILE__, __LINE__);                                     \
    } while (0)

uint64_t wait_begin(void);
void wait_more(uint64_t begun, const char *fact, const char *file, int line);

#endif
