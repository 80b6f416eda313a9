/* What alerts.c tells of flows: events that did not come. Once per instance and expectation; but
 * when a service is down, so that the same event does not come for many at once, once for all of
 * them. */
#include "keeper/keeper_parts.h"

#include <stdio.h>

enum { SINGLY_MAX = 20 }; /* as many of one expectation at a time are told one by one */

/* clang-format off */

#define DUE(table) table ".alerted_at IS NULL AND " table ".alarm_at <= (SELECT skald.now())"

/* The same is awaited after the same. */
#define ALIKE(left, right) \
    left ".flow = " right ".flow AND " left ".after = " right ".after AND " \
    left ".words = " right ".words"

#define FIND_SQL \
    "WITH first AS (SELECT * FROM skald.flow_wait AS w WHERE " DUE("w") \
    "  AND (w.tried_at IS NULL" \
    "   OR w.tried_at <= (SELECT skald.now()) - $1::bigint * interval '1 ms')" \
    "  ORDER BY w.alarm_at, w.id LIMIT 1)" \
    " SELECT f.id, f.flow, a.last_at, a.count > $2 FROM first AS f," \
    " LATERAL (SELECT max(l.alarm_at) AS last_at, count(*) AS count FROM" \
    "  (SELECT w.alarm_at FROM skald.flow_wait AS w WHERE " DUE("w") " AND " ALIKE("w", "f") \
    "   ORDER BY w.alarm_at LIMIT 100000) AS l) AS a"

/* Those that are told of by this alert: $3 names one, and with $4 it stands for all like it. */
#define TOLD \
    "SELECT w.* FROM skald.flow_wait AS w JOIN skald.flow_wait AS f ON f.id = $3::bigint" \
    " WHERE " DUE("w") " AND (w.id = f.id OR ($4::boolean AND w.alarm_at <= $5::timestamptz AND " \
    ALIKE("w", "f") "))"

#define TIME_TEXT(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* To be pasted: quoted where a shell would make something else of it. */
#define FOR_A_SHELL(text) \
    "CASE WHEN " text " ~ '^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$' THEN " text \
    " ELSE '''' || replace(" text ", '''', '''\\''''') || '''' END"

/* The instance that waits longest is named, with the event that came last. */
#define DESCRIBE_SQL \
    "WITH told AS (" TOLD ")," \
    " named AS (SELECT w.*, i.last_type, i.last_source, i.last_at," \
    "  array_to_string(w.sources, ' or ') AS source, (SELECT count(*) FROM told) AS count," \
    "  (SELECT array_agg(k.key) FROM (SELECT key FROM told ORDER BY alarm_at, id LIMIT 20) AS k)" \
    "   AS keys FROM told AS w JOIN skald.flow AS i ON i.flow = w.flow AND i.key = w.key" \
    "  ORDER BY w.alarm_at, w.id LIMIT 1)," \
    " t AS (SELECT 'flow' AS alert, $1::text AS service, $2::text AS subscription," \
    "  '@flow' AS fingerprint, words AS type, CASE WHEN count > 1" \
    "   THEN format('flow \"%s\": for %s instances %s did not come from %s after %s; first for" \
    " key \"%s\", until %s', flow, count, words, source, after, key, " TIME_TEXT("due_at") ")" \
    "   ELSE format('flow \"%s\", key \"%s\": %s did not come from %s until %s; last came %s from" \
    " %s at %s', flow, key, words, source, " TIME_TEXT("due_at") ", last_type, last_source, " \
    TIME_TEXT("last_at") ") END AS reason," \
    "  count, flow, key, keys, after, since, expects AS expected, sources, due_at, last_type," \
    "  last_source, last_at, CASE WHEN count > 1" \
    "   THEN 'skald flow list --state overdue --flow ' || flow" \
    "   ELSE 'skald flow show ' || " FOR_A_SHELL("key") " END AS command FROM named)" \
    " SELECT row_to_json(t)::text, alert, type, reason, count, command FROM t"

/* clang-format on */

skald_status skald_keeper_flow_find(skald_keeper_alert *out, bool *found, skald_keeper *keeper,
                                    skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(keeper->pg, &rows, error, FIND_SQL,
                                            keeper->options.alert_interval_ms, (int)SINGLY_MAX);
    if (status != SKALD_OK)
        return status;
    *found = skald_rows_count(rows) > 0;
    if (*found) {
        *out = (skald_keeper_alert){.wait = skald_rows_integer(rows, 0, 0),
                                    .many = skald_rows_boolean(rows, 0, 3)};
        snprintf(out->subscription, sizeof out->subscription, "%s", skald_rows_text(rows, 0, 1));
        snprintf(out->fingerprint, sizeof out->fingerprint, "@flow");
        snprintf(out->last_at, sizeof out->last_at, "%s", skald_rows_text(rows, 0, 2));
    }
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_keeper_flow_describe(skald_rows **rows, skald_keeper *keeper,
                                        const skald_keeper_alert *alert, skald_error *error)
{
    return skald_pg_do(keeper->pg, rows, error, DESCRIBE_SQL, keeper->options.service,
                       alert->subscription, alert->wait, alert->many, alert->last_at);
}

/* The event may have come while people were told: then its row is gone. */
skald_status skald_keeper_flow_note(skald_keeper *keeper, const skald_keeper_alert *alert,
                                    bool told, skald_error *error)
{
    return skald_pg_do(keeper->pg, NULL, error,
                       "WITH told AS (" TOLD
                       ") UPDATE skald.flow_wait AS o SET tried_at = (SELECT skald.now()),"
                       " alerted_at = CASE WHEN $2::boolean THEN (SELECT skald.now()) END"
                       " FROM told WHERE o.id = told.id AND $1::text IS NOT NULL",
                       alert->subscription, told, alert->wait, alert->many, alert->last_at);
}
