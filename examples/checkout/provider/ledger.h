/* The provider's book: an append-only file with one JSON line per charge and refund. What is not in
 * it did not happen. */
#ifndef PROVIDER_LEDGER_H
#define PROVIDER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct shop_ledger shop_ledger;

/* One line of the book. The texts belong to the caller. */
typedef struct ledger_entry {
    const char *kind; /* "charge" or "refund" */
    const char *idempotency_key;
    const char *order_id;
    int64_t cents;
} ledger_entry;

/* Opens or makes the file and reads what it holds; a last line without an end was never answered
 * and is cut off. NULL, with a line on stderr, when that cannot be done. */
shop_ledger *ledger_open(const char *path);
void ledger_free(shop_ledger *ledger);

/* Writes the entry and syncs it to disk, unless the key is already in the book: then nothing is
 * written. `id` is the entry's number, that of the first one for a repeat. False when the disk
 * refuses. Any thread. */
bool ledger_add(shop_ledger *ledger, const ledger_entry *entry, char id[64]);

/* Is an entry of this kind with this key in the book? `id` is its number then. Any thread. */
bool ledger_find(shop_ledger *ledger, const char *kind, const char *idempotency_key, char id[64]);

#endif
