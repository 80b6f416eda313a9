/* What a follower's row says that may change while it runs. */
#include "base/clock.h"
#include "followers/feeder_inside.h"
#include "followers/worker.h"

enum { LOOK_MS = 1000 };

/* Workers that stood still because of the cap go on. */
static void workers_wake(skald_follower *follower)
{
    for (uint32_t i = 0; i < follower->worker_count; i++) {
        skald_worker_lock(follower->workers[i]);
        skald_worker_wake(follower->workers[i]);
        skald_worker_unlock(follower->workers[i]);
    }
}

static void full_note(skald_follower *follower, bool full)
{
    if (atomic_exchange(&follower->full, full) == full)
        return;
    if (full)
        skald_log_say(follower->hub->log, SKALD_LOG_WARNING, "FOLLOWER-FULL",
                      "follower \"%s\" takes nothing new: its parked and dead messages are above "
                      "its cap; replay, edit or discard dead ones",
                      follower->name);
    else
        skald_log_say(follower->hub->log, SKALD_LOG_INFO, "FOLLOWER-GOES-ON",
                      "follower \"%s\" goes on, there is room again", follower->name);
    workers_wake(follower);
}

skald_status skald_feeder_look(skald_feeder *feeder, skald_error *error)
{
    if (skald_clock_ms() < feeder->look_ms)
        return SKALD_OK;
    skald_follower *follower = feeder->follower;
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(feeder->pg, &rows, error,
                    "SELECT (extract(epoch FROM skald.now()) * 1000000)::bigint,"
                    " full_since IS NOT NULL FROM skald.follower WHERE name = $1",
                    follower->name);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(rows) == 1) {
        atomic_store(&follower->ahead_us, skald_rows_integer(rows, 0, 0) - skald_clock_wall_us());
        full_note(follower, skald_rows_boolean(rows, 0, 1));
    }
    skald_rows_free(rows);
    feeder->look_ms = skald_clock_ms() + LOOK_MS;
    return SKALD_OK;
}
