/* One function per question. Time is always the database's clock_timestamp(). */
#include "leases/rows.h"

#include <skald/api.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

skald_status skald_process_renew(skald_pg *pg, const char *id, const char *followers,
                                 uint32_t lease_ms, skald_error *error)
{
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    return skald_pg_do(
        pg, NULL, error,
        "INSERT INTO skald.process (id, host, pid, version, followers, expires_at)"
        " VALUES ($1::uuid, $2, $3, $4, $5, clock_timestamp() + $6::bigint * interval '1 ms')"
        " ON CONFLICT (id) DO UPDATE SET followers = excluded.followers,"
        " expires_at = excluded.expires_at",
        id, host, getpid(), SKALD_VERSION, followers, lease_ms);
}

skald_status skald_process_bury(skald_pg *pg, const char *service, uint32_t lease_ms,
                                skald_error *error)
{
    /* The name is made as by skald_leases_application. */
    const skald_status status = skald_pg_do(
        pg, NULL, error,
        "SELECT pg_terminate_backend(a.pid) FROM skald.process AS p JOIN pg_stat_activity AS a"
        " ON a.application_name = 'skald/' || $1::text || '/' || right(p.id::text, 12)"
        " WHERE p.expires_at < clock_timestamp() AND a.xact_start IS NOT NULL"
        " AND a.usename = current_user AND a.datname = current_database()",
        service);
    if (status != SKALD_OK)
        return status;
    return skald_pg_do(pg, NULL, error,
                       "DELETE FROM skald.process WHERE expires_at < clock_timestamp()"
                       " - $1::bigint * 100 * interval '1 ms'",
                       lease_ms);
}

skald_status skald_process_expire(skald_pg *pg, const char *id, skald_error *error)
{
    return skald_pg_do(pg, NULL, error,
                       "UPDATE skald.process SET expires_at = clock_timestamp()"
                       " WHERE id = $1::uuid AND expires_at > clock_timestamp()",
                       id);
}

skald_status skald_process_leave(skald_pg *pg, const char *id, skald_error *error)
{
    return skald_pg_do(pg, NULL, error, "DELETE FROM skald.process WHERE id = $1::uuid", id);
}

skald_status skald_processes_load(skald_processes *out, skald_pg *pg, const char *follower,
                                  skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error,
                    "SELECT id FROM skald.process WHERE expires_at > clock_timestamp()"
                    " AND $1::text = ANY(followers) ORDER BY id LIMIT $2",
                    follower, SKALD_PROCESSES_MAX);
    if (status != SKALD_OK)
        return status;
    out->count = skald_rows_count(rows);
    for (uint32_t i = 0; i < out->count; i++)
        snprintf(out->ids[i], SKALD_PROCESS_ID_SIZE, "%s", skald_rows_text(rows, i, 0));
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_positions_load(skald_positions *out, skald_pg *pg, const char *follower,
                                  skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error,
                    "SELECT position, epoch, holder FROM skald.position WHERE follower = $1"
                    " ORDER BY partition LIMIT $2",
                    follower, SKALD_PARTITIONS_MAX);
    if (status != SKALD_OK)
        return status;
    out->count = skald_rows_count(rows);
    for (uint32_t i = 0; i < out->count; i++) {
        const char *holder = skald_rows_text(rows, i, 2);
        out->rows[i].position = skald_rows_integer(rows, i, 0);
        out->rows[i].epoch = skald_rows_integer(rows, i, 1);
        snprintf(out->rows[i].holder, SKALD_PROCESS_ID_SIZE, "%s", holder != NULL ? holder : "");
    }
    skald_rows_free(rows);
    return SKALD_OK;
}

static void taken_fill(skald_taken *out, skald_rows *rows)
{
    *out = (skald_taken){0};
    if (skald_rows_count(rows) == 1) {
        out->taken = true;
        out->epoch = skald_rows_integer(rows, 0, 0);
        out->position = skald_rows_integer(rows, 0, 1);
    }
    skald_rows_free(rows);
}

skald_status skald_position_take(skald_taken *out, skald_pg *pg, const char *follower,
                                 uint32_t partition, const char *id, skald_error *error)
{
    skald_rows *rows = NULL;
    /* A row that is locked is being committed to or taken this moment: the next turn sees it. */
    const skald_status status = skald_pg_do(
        pg, &rows, error,
        "UPDATE skald.position AS p SET epoch = p.epoch + 1, holder = $3::uuid"
        " FROM (SELECT follower, partition FROM skald.position WHERE follower = $1 AND partition = "
        "$2"
        "  AND (holder IS NULL OR NOT EXISTS (SELECT FROM skald.process AS o WHERE o.id = holder"
        "   AND o.expires_at > clock_timestamp())) FOR UPDATE SKIP LOCKED) AS free"
        " WHERE p.follower = free.follower AND p.partition = free.partition"
        " RETURNING p.epoch, p.position",
        follower, partition, id);
    if (status == SKALD_OK)
        taken_fill(out, rows);
    return status;
}

skald_status skald_position_retake(skald_taken *out, skald_pg *pg, const char *follower,
                                   uint32_t partition, const char *id, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error,
                    "UPDATE skald.position SET epoch = epoch + 1 WHERE follower = $1"
                    " AND partition = $2 AND holder = $3::uuid RETURNING epoch, position",
                    follower, partition, id);
    if (status == SKALD_OK)
        taken_fill(out, rows);
    return status;
}

skald_status skald_position_give(skald_pg *pg, const char *follower, uint32_t partition,
                                 const char *id, int64_t epoch, skald_error *error)
{
    return skald_pg_do(pg, NULL, error,
                       "UPDATE skald.position SET holder = NULL WHERE follower = $1"
                       " AND partition = $2 AND holder = $3::uuid AND epoch = $4",
                       follower, partition, id, epoch);
}
