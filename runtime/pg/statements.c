/* An open-addressed table by the hash of the SQL text. */
#include "pg/statements.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES_MAX = 8 };

static uint64_t text_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

static void slot_clear(skald_statement *slot)
{
    free(slot->sql);
    *slot = (skald_statement){0};
}

void skald_statements_done(skald_statements *statements)
{
    for (size_t i = 0; i < SKALD_STATEMENTS_MAX; i++)
        slot_clear(&statements->slots[i]);
}

static skald_statement *slot_at(skald_statements *statements, uint64_t hash, size_t probe)
{
    return &statements->slots[(hash + probe) % SKALD_STATEMENTS_MAX];
}

skald_statement *skald_statements_find(skald_statements *statements, const char *sql,
                                       uint64_t now_ms, char stale[SKALD_STATEMENT_NAME_SIZE])
{
    stale[0] = '\0';
    const uint64_t hash = text_hash(sql);
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        skald_statement *slot = slot_at(statements, hash, probe);
        if (slot->sql == NULL || slot->hash != hash || strcmp(slot->sql, sql) != 0)
            continue;
        if (!slot->expired && now_ms - slot->prepared_ms < SKALD_STATEMENT_AGE_MS_MAX)
            return slot;
        memcpy(stale, slot->name, SKALD_STATEMENT_NAME_SIZE);
        slot_clear(slot);
        return NULL;
    }
    return NULL;
}

skald_statement *skald_statements_add(skald_statements *statements, const char *sql,
                                      uint64_t now_ms)
{
    const uint64_t hash = text_hash(sql);
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        skald_statement *slot = slot_at(statements, hash, probe);
        if (slot->sql != NULL)
            continue;
        char *copy = strdup(sql);
        if (copy == NULL)
            return NULL;
        *slot = (skald_statement){.sql = copy, .hash = hash, .prepared_ms = now_ms};
        snprintf(slot->name, sizeof slot->name, "skald_%" PRIu64, ++statements->names_given);
        return slot;
    }
    return NULL;
}

void skald_statements_forget_unconfirmed(skald_statements *statements)
{
    for (size_t i = 0; i < SKALD_STATEMENTS_MAX; i++) {
        if (statements->slots[i].sql != NULL && !statements->slots[i].confirmed)
            slot_clear(&statements->slots[i]);
    }
}
