/* Settings of PostgreSQL that would make a promise a lie. One row per rule. */
#include "service/service_inside.h"

typedef struct rule {
    const char
        *name; /* what is written in skald_options.allow or SKALD_ALLOW; NULL: never allowed */
    const char *sql;   /* true when it is as it must be */
    const char *words; /* what is wrong and what helps */
} rule;

static const rule rules[] = {
    {"fsync", "SELECT current_setting('fsync') = 'on'",
     "fsync is off: a power cut would lose committed events; set fsync = on"},
    {"full_page_writes", "SELECT current_setting('full_page_writes') = 'on'",
     "full_page_writes is off: a power cut could damage committed events; set full_page_writes = "
     "on"},
    {"synchronous_commit", "SELECT current_setting('synchronous_commit') <> 'off'",
     "synchronous_commit is off: events could be sent that a crash then takes back; set "
     "synchronous_commit = on"},
    {NULL, "SELECT current_setting('server_version_num')::int >= 140000",
     "the server is older than PostgreSQL 14"},
    {NULL, "SELECT NOT pg_is_in_recovery()",
     "the server is a standby, which takes no writes: connect to the primary"},
    {NULL, "SELECT current_setting('server_encoding') = 'UTF8'",
     "the database is not in UTF8: create it with ENCODING 'UTF8'"},
    {NULL,
     "SELECT seqcache = 1 FROM pg_sequence WHERE seqrelid = 'skald.outbox_position_seq'::regclass",
     "the sequence of skald.outbox is cached by sessions, so events could be skipped: "
     "ALTER SEQUENCE skald.outbox_position_seq CACHE 1"},
    {NULL,
     "SELECT NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid"
     " WHERE i.inhparent = 'skald.outbox'::regclass AND c.relpersistence <> 'p')",
     "a part of skald.outbox is UNLOGGED, so a crash would empty it: ALTER TABLE ... SET LOGGED"},
};

static skald_status rule_check(skald_pg *pg, const rule *checked, const char *allow,
                               skald_error *error)
{
    if (checked->name != NULL && skald_word_listed(allow, checked->name))
        return SKALD_OK;
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run(pg, &rows, checked->sql, 0, NULL, error);
    if (status != SKALD_OK)
        return status;
    const bool kept = skald_rows_count(rows) == 1 && skald_rows_boolean(rows, 0, 0);
    skald_rows_free(rows);
    if (kept)
        return SKALD_OK;
    if (checked->name == NULL)
        return skald_error_set(error, SKALD_UNSAFE, "PostgreSQL: %s", checked->words);
    return skald_error_set(error, SKALD_UNSAFE,
                           "PostgreSQL: %s (or accept it with SKALD_ALLOW=%s, for tests only)",
                           checked->words, checked->name);
}

skald_status skald_safety_check(skald_pg *pg, const char *allow, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && status == SKALD_OK; i++)
        status = rule_check(pg, &rules[i], allow, error);
    return status;
}
