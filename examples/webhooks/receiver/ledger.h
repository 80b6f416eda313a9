/* The receiver's book: an append-only file with one JSON line per request. It survives the process.
 */
#ifndef RECEIVER_LEDGER_H
#define RECEIVER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hooks_ledger hooks_ledger;

typedef enum ledger_answer {
    LEDGER_TAKEN,
    LEDGER_REPEATED, /* its key is in the book already: nothing new */
    LEDGER_REFUSED,  /* more than it can take in a second */
    LEDGER_BROKEN,   /* the file cannot be written */
} ledger_answer;

/* Opens or makes the file and reads which keys it holds. `per_second_max`: requests in any second
 * that it takes. NULL, with a line on stderr, when that cannot be done. */
hooks_ledger *ledger_open(const char *path, unsigned per_second_max);
void ledger_free(hooks_ledger *ledger);

/* One request: decides, and writes it down. Any thread. */
ledger_answer ledger_note(hooks_ledger *ledger, const char *endpoint, int64_t number,
                          const char *key);

#endif
