/* Alerts: who is told of what, once per group and interval. That people were told is written down
 * after it happened, so a crash in between tells them twice rather than never. */
#include "base/clock.h"
#include "keeper/keeper_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TELL_PER_TURN = 16,
    COMMAND_LOOK_MS = 50,
    SHARE = 20, /* looking takes one part in so many of the time, however long it takes */
    SETTING_SIZE = 1200,
};

/* --- what there is to tell ------------------------------------------------------------------ */

/* Groups of dead jobs are found by leaping through the index from one to the next, so that their
 * number counts and not that of the jobs. A group is told again when a job died after the youngest
 * that people were told of. */
#define DEAD_GROUPS                                                                                \
    "WITH RECURSIVE cause AS ("                                                                    \
    " (SELECT coalesce(follower, queue) AS subscription, coalesce(fingerprint, '') AS fingerprint" \
    "  FROM skald.job WHERE state = 'dead' ORDER BY 1, 2 LIMIT 1)"                                 \
    " UNION ALL SELECT n.subscription, n.fingerprint FROM cause AS c, LATERAL"                     \
    " (SELECT coalesce(follower, queue) AS subscription, coalesce(fingerprint, '') AS fingerprint" \
    "  FROM skald.job WHERE state = 'dead' AND (coalesce(follower, queue), coalesce(fingerprint,"  \
    "   '')) > (c.subscription, c.fingerprint) ORDER BY 1, 2 LIMIT 1) AS n),"                      \
    " dead_group AS (SELECT c.subscription, c.fingerprint, (SELECT j.ended_at FROM skald.job AS j" \
    "  WHERE j.state = 'dead' AND coalesce(j.follower, j.queue) = c.subscription"                  \
    "  AND coalesce(j.fingerprint, '') = c.fingerprint AND j.ended_at IS NOT NULL"                 \
    "  ORDER BY j.ended_at DESC LIMIT 1) AS last_at FROM cause AS c)"

/* Troubles that are not jobs last; they are told again and again, as long as they last. */
#define TROUBLES                                                                                   \
    "SELECT name AS subscription, '@full' AS fingerprint FROM skald.follower"                      \
    " WHERE full_since IS NOT NULL"                                                                \
    " UNION ALL SELECT name, '@full' FROM skald.queue WHERE full_since IS NOT NULL"                \
    " UNION ALL SELECT name, '@breaker' FROM skald.queue"                                          \
    "  WHERE breaker_since <= (SELECT skald.now()) - breaker_open_ms * interval '1 ms'"            \
    " UNION ALL SELECT name, '@schedule' FROM skald.schedule WHERE failure IS NOT NULL"            \
    "  AND NOT paused"

static skald_status next_find(skald_keeper_alert *out, bool *found, skald_keeper *keeper,
                              skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        DEAD_GROUPS ", trouble AS (" TROUBLES "),"
                    " known AS (SELECT *, alerted_at <= (SELECT skald.now())"
                    "  - $1::bigint * interval '1 ms' AS again FROM skald.alert)"
                    " SELECT t.subscription, t.fingerprint, '-infinity'::timestamptz AS last_at"
                    " FROM trouble AS t LEFT JOIN known AS k USING (subscription, fingerprint)"
                    " WHERE coalesce(k.again, true)"
                    " UNION ALL SELECT g.subscription, g.fingerprint, g.last_at"
                    " FROM dead_group AS g LEFT JOIN known AS k USING (subscription, fingerprint)"
                    " WHERE g.last_at IS NOT NULL AND coalesce(k.again AND g.last_at > k.last_at,"
                    "  k.subscription IS NULL) LIMIT 1",
        keeper->options.alert_interval_ms);
    if (status != SKALD_OK)
        return status;
    *found = skald_rows_count(rows) > 0;
    if (*found) {
        *out = (skald_keeper_alert){0};
        snprintf(out->subscription, sizeof out->subscription, "%s", skald_rows_text(rows, 0, 0));
        snprintf(out->fingerprint, sizeof out->fingerprint, "%s", skald_rows_text(rows, 0, 1));
        snprintf(out->last_at, sizeof out->last_at, "%s", skald_rows_text(rows, 0, 2));
    }
    skald_rows_free(rows);
    return SKALD_OK;
}

/* --- in words ------------------------------------------------------------------------------- */

/* The columns of every description: the JSON object, and what of it is said elsewhere too. */
enum { TEXT, KIND, TYPE, REASON, COUNT, COMMAND };

#define DESCRIBED " SELECT row_to_json(t)::text, alert, type, reason, count, command FROM t"

/* Counting ends at 100,000: by then nobody cares how many there are. */
static skald_status dead_describe(skald_rows **rows, skald_keeper *keeper,
                                  const skald_keeper_alert *alert, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, rows, error,
        "WITH job AS (SELECT id, key, type, error_class, sqlstate, reason, ended_at FROM skald.job"
        "  WHERE state = 'dead' AND coalesce(follower, queue) = $2"
        "  AND coalesce(fingerprint, '') = $3 LIMIT 100000),"
        " youngest AS (SELECT * FROM job ORDER BY ended_at DESC NULLS LAST, id DESC LIMIT 1),"
        " t AS (SELECT 'dead' AS alert, $1::text AS service, $2::text AS subscription,"
        "  $3::text AS fingerprint, y.type, y.error_class, y.sqlstate, y.reason,"
        "  (SELECT count(*) FROM job) AS count, (SELECT count(DISTINCT key) FROM job) AS keys,"
        "  (SELECT min(ended_at) FROM job) AS first, (SELECT max(ended_at) FROM job) AS last,"
        "  'skald dead show ' || $3::text AS command FROM youngest AS y)" DESCRIBED,
        keeper->options.service, alert->subscription, alert->fingerprint);
}

static skald_status trouble_describe(skald_rows **rows, skald_keeper *keeper,
                                     const skald_keeper_alert *alert, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, rows, error,
        "WITH found AS (SELECT 'full' AS alert, full_since AS since, 'follower \"' || name ||"
        "  '\" keeps more than its caps allow and takes nothing new' AS reason,"
        "  'skald dead list --subscription ' || name AS command FROM skald.follower"
        "  WHERE $3 = '@full' AND name = $2 AND full_since IS NOT NULL"
        " UNION ALL SELECT 'full', full_since, 'queue \"' || name ||"
        "  '\" keeps more than its caps allow and takes nothing new',"
        "  'skald dead list --subscription ' || name FROM skald.queue"
        "  WHERE $3 = '@full' AND name = $2 AND full_since IS NOT NULL"
        " UNION ALL SELECT 'breaker', breaker_since, 'the circuit of queue \"' || name ||"
        "  '\" is open after ' || failures_in_row || ' failures in a row',"
        "  'skald queue show ' || name FROM skald.queue"
        "  WHERE $3 = '@breaker' AND name = $2 AND breaker_since IS NOT NULL"
        " UNION ALL SELECT 'schedule', failed_at, failure, 'skald schedule list'"
        "  FROM skald.schedule WHERE $3 = '@schedule' AND name = $2 AND failure IS NOT NULL),"
        " t AS (SELECT alert, $1::text AS service, $2::text AS subscription,"
        "  $3::text AS fingerprint, NULL::text AS type, reason, 0 AS count, since, command"
        "  FROM found LIMIT 1)" DESCRIBED,
        keeper->options.service, alert->subscription, alert->fingerprint);
}

static skald_status describe(skald_rows **rows, skald_keeper *keeper,
                             const skald_keeper_alert *alert, skald_error *error)
{
    if (alert->wait != 0)
        return skald_keeper_flow_describe(rows, keeper, alert, error);
    return alert->fingerprint[0] == '@' ? trouble_describe(rows, keeper, alert, error)
                                        : dead_describe(rows, keeper, alert, error);
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* --- telling -------------------------------------------------------------------------------- */

/* Of a command that failed nothing is told, so the group counts as new when the interval is over.
 */
static skald_status note(skald_keeper *keeper, const skald_keeper_alert *alert, bool told,
                         skald_error *error)
{
    if (alert->wait != 0)
        return skald_keeper_flow_note(keeper, alert, told, error);
    return skald_pg_do(
        keeper->pg, NULL, error,
        "INSERT INTO skald.alert AS a (subscription, fingerprint, alerted_at, last_at)"
        " VALUES ($1, $2, skald.now(), CASE WHEN $4 THEN $3::timestamptz ELSE '-infinity' END)"
        " ON CONFLICT (subscription, fingerprint) DO UPDATE SET alerted_at = excluded.alerted_at,"
        " last_at = greatest(a.last_at, excluded.last_at)",
        alert->subscription, alert->fingerprint, alert->last_at, told);
}

static void failure_say(skald_keeper *keeper, const skald_keeper_alert *alert,
                        const skald_error *failure)
{
    skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-ALERT-FAILED",
                  "nobody was told of \"%s\" %s: %s", alert->subscription, alert->fingerprint,
                  failure->text);
}

static skald_status command_begin(skald_keeper *keeper, const skald_keeper_alert *alert,
                                  const skald_rows *rows, skald_error *error)
{
    char settings[8][SETTING_SIZE];
    const struct {
        const char *name;
        const char *value;
    } values[] = {
        {"SERVICE", keeper->options.service},
        {"KIND", skald_rows_text(rows, 0, KIND)},
        {"SUBSCRIPTION", alert->subscription},
        {"FINGERPRINT", alert->fingerprint},
        {"TYPE", or_empty(skald_rows_text(rows, 0, TYPE))},
        {"REASON", or_empty(skald_rows_text(rows, 0, REASON))},
        {"COUNT", skald_rows_text(rows, 0, COUNT)},
        {"COMMAND", or_empty(skald_rows_text(rows, 0, COMMAND))},
    };
    const char *list[sizeof values / sizeof values[0] + 1] = {0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(settings[i], SETTING_SIZE, "SKALD_ALERT_%s=%s", values[i].name, values[i].value);
        list[i] = settings[i];
    }
    return skald_alert_command_begin(&keeper->command, keeper->options.alert_command,
                                     skald_rows_text(rows, 0, TEXT), list, error);
}

static skald_status message_send(skald_keeper *keeper, const skald_rows *rows, skald_error *error)
{
    if (keeper->options.nats == NULL)
        return SKALD_OK;
    char subject[128];
    snprintf(subject, sizeof subject, "skald.alert.%s", keeper->options.service);
    const char *text = skald_rows_text(rows, 0, TEXT);
    const skald_nats_view view = {.subject = subject, .body = {text, strlen(text)}};
    return skald_nats_send(keeper->options.nats, &view, error);
}

static void alert_say(skald_keeper *keeper, const skald_keeper_alert *alert, const skald_rows *rows)
{
    const char *command = or_empty(skald_rows_text(rows, 0, COMMAND));
    const char *reason = or_empty(skald_rows_text(rows, 0, REASON));
    if (alert->fingerprint[0] == '@')
        skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-ALERT", "%s; look with: %s",
                      reason, command);
    else
        skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-ALERT",
                      "%s dead of \"%s\", %s: %s; look with: %s", skald_rows_text(rows, 0, COUNT),
                      alert->subscription, or_empty(skald_rows_text(rows, 0, TYPE)), reason,
                      command);
}

/* With a command it decides whether people were told, and the duty goes on when it has ended.
 * Without one the message does; while NATS is away nobody can be told, and that is tried again at
 * the next turn. */
static skald_status tell(skald_keeper *keeper, const skald_keeper_alert *alert,
                         const skald_rows *rows, bool *goes_on, skald_error *error)
{
    skald_error failure = {0};
    const bool sent = message_send(keeper, rows, &failure) == SKALD_OK;
    if (!sent && keeper->options.alert_command == NULL) {
        if (!keeper->alert_unsent)
            failure_say(keeper, alert, &failure);
        keeper->alert_unsent = true;
        *goes_on = false;
        return SKALD_OK;
    }
    keeper->alert_unsent = false;
    alert_say(keeper, alert, rows);
    if (keeper->options.alert_command == NULL)
        return note(keeper, alert, true, error);
    if (command_begin(keeper, alert, rows, &failure) != SKALD_OK) {
        failure_say(keeper, alert, &failure);
        return note(keeper, alert, false, error);
    }
    keeper->telling = *alert;
    *goes_on = false;
    return SKALD_OK;
}

/* False: it still runs. */
static bool command_done(skald_keeper *keeper, skald_status *status, skald_error *error)
{
    if (keeper->command.pid == 0)
        return true;
    skald_error failure = {0};
    const skald_alert_outcome outcome = skald_alert_command_look(&keeper->command, &failure);
    if (outcome == SKALD_ALERT_RUNS)
        return false;
    if (outcome == SKALD_ALERT_FAILED)
        failure_say(keeper, &keeper->telling, &failure);
    *status = note(keeper, &keeper->telling, outcome == SKALD_ALERT_TOLD, error);
    return true;
}

void skald_keeper_alerts_end(skald_keeper *keeper)
{
    skald_status status = SKALD_OK;
    skald_error error = {0};
    if (keeper->pg != NULL && command_done(keeper, &status, &error) && status != SKALD_OK)
        skald_log_say(keeper->options.log, SKALD_LOG_WARNING, "KEEPER-WAITS", "alerts: %s",
                      error.text);
    skald_alert_command_end(&keeper->command);
}

static skald_status next_tell(skald_keeper *keeper, bool *goes_on, skald_error *error)
{
    skald_keeper_alert alert;
    skald_status status = next_find(&alert, goes_on, keeper, error);
    if (status == SKALD_OK && !*goes_on)
        status = skald_keeper_flow_find(&alert, goes_on, keeper, error);
    if (status != SKALD_OK || !*goes_on)
        return status;
    skald_rows *rows = NULL;
    status = describe(&rows, keeper, &alert, error);
    if (status != SKALD_OK)
        return status;
    /* It may be over by now. */
    if (skald_rows_count(rows) > 0)
        status = tell(keeper, &alert, rows, goes_on, error);
    skald_rows_free(rows);
    return status;
}

skald_status skald_keeper_alerts(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    const uint64_t begun_ms = skald_clock_ms();
    skald_status status = SKALD_OK;
    bool goes_on = command_done(keeper, &status, error);
    for (int i = 0; i < TELL_PER_TURN && goes_on && status == SKALD_OK; i++)
        status = next_tell(keeper, &goes_on, error);
    const uint64_t pause_ms = (skald_clock_ms() - begun_ms) * SHARE;
    if (keeper->command.pid != 0)
        *wait_ms = COMMAND_LOOK_MS;
    else if (goes_on)
        *wait_ms = 0;
    else if (pause_ms > *wait_ms)
        *wait_ms = (uint32_t)pause_ms;
    return status;
}
