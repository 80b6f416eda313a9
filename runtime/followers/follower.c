/* Which handler, which lane: the dispatching between streams and workers. */
#include "followers/follower.h"
#include "followers/feeder.h"
#include "followers/report.h"
#include "followers/suspects.h"
#include "followers/worker.h"

#include <string.h>

const skald_handler *skald_follower_handler(const skald_follower *follower, skald_kind kind,
                                            const char *type)
{
    if (type == NULL)
        return NULL;
    for (uint32_t i = 0; i < follower->handler_count; i++) {
        if (follower->kinds[i] == kind &&
            strcmp(follower->handlers[i]->descriptor->name, type) == 0)
            return follower->handlers[i];
    }
    return NULL;
}

skald_status skald_follower_add(skald_follower *follower, skald_kind kind,
                                const skald_handler *handler, skald_error *error)
{
    const skald_handler *other = skald_follower_handler(follower, kind, handler->descriptor->name);
    if (other != NULL)
        return skald_error_set(
            error, SKALD_INVALID, "follower \"%s\" has two handlers for %s: \"%s\" and \"%s\"",
            follower->name, handler->descriptor->name, other->name, handler->name);
    if (follower->handler_count == SKALD_HANDLERS_MAX)
        return skald_error_set(error, SKALD_FULL, "follower \"%s\" has more than %d handlers",
                               follower->name, SKALD_HANDLERS_MAX);
    follower->commands = follower->commands || kind == SKALD_KIND_COMMAND;
    follower->kinds[follower->handler_count] = kind;
    follower->handlers[follower->handler_count++] = handler;
    return SKALD_OK;
}

void skald_follower_lanes_init(skald_follower *follower, uint32_t partitions)
{
    follower->partitions = partitions;
    for (uint32_t i = 0; i < partitions; i++) {
        follower->lanes[i].follower = follower;
        follower->lanes[i].partition = i;
        follower->lanes[i].worker = follower->workers[i % follower->worker_count];
        skald_worker_add(follower->lanes[i].worker, &follower->lanes[i]);
    }
}

static void lane_taken(void *user, uint32_t partition, int64_t epoch, int64_t position)
{
    skald_follower *follower = user;
    skald_lane *lane = &follower->lanes[partition];
    skald_worker_lock(lane->worker);
    skald_lane_take(lane, epoch, position);
    skald_worker_wake(lane->worker);
    skald_worker_unlock(lane->worker);
    skald_feeder_rewind(follower->feeder);
}

static void lane_lost(void *user, uint32_t partition)
{
    skald_follower *follower = user;
    skald_lane *lane = &follower->lanes[partition];
    skald_worker_lock(lane->worker);
    skald_lane_lose(lane);
    skald_worker_unlock(lane->worker);
}

static bool lane_leave(void *user, uint32_t partition)
{
    skald_follower *follower = user;
    skald_lane *lane = &follower->lanes[partition];
    skald_worker_lock(lane->worker);
    lane->leaving = true;
    const bool idle = !lane->busy;
    if (idle)
        skald_lane_lose(lane);
    skald_worker_unlock(lane->worker);
    return idle;
}

static void lanes_reached(void *user, const skald_positions *positions)
{
    skald_report_reached(user, positions);
}

skald_duty skald_follower_duty(skald_follower *follower)
{
    return (skald_duty){
        .name = follower->name,
        .partitions = follower->partitions,
        .user = follower,
        .taken = lane_taken,
        .lost = lane_lost,
        .leave = lane_leave,
        .reached = lanes_reached,
    };
}

/* The partition a message belongs to; one that cannot be told counts to the first. */
static uint32_t partition_of(const skald_follower *follower, const skald_message *message)
{
    if (follower->options.foreign && message->key != NULL)
        return skald_partition_of(message->key, strlen(message->key), follower->partitions);
    return message->partition < follower->partitions ? message->partition : 0;
}

void skald_follower_feed(skald_follower *follower, const skald_message *message, uint64_t sequence,
                         const char *trouble, bool repair)
{
    skald_lane *lane = &follower->lanes[partition_of(follower, message)];
    skald_worker_lock(lane->worker);
    /* Most refusals need no copy: ask before making one. */
    const bool known = !lane->held || (message->position != 0 && message->position <= lane->fed);
    skald_worker_unlock(lane->worker);
    if (known)
        return;
    skald_item *item = skald_item_new(message, trouble);
    skald_lane_answer answer = SKALD_LANE_REFUSED;
    skald_worker_lock(lane->worker);
    if (item == NULL) {
        /* Without memory the message is as if dropped, and is read again. */
        lane->dropped = lane->held;
    } else {
        item->sequence = sequence;
        answer = skald_lane_offer(lane, item, repair);
        if (answer == SKALD_LANE_QUEUED)
            skald_worker_wake(lane->worker);
    }
    skald_worker_unlock(lane->worker);
    if (answer != SKALD_LANE_QUEUED)
        skald_item_free(item);
    if (answer == SKALD_LANE_MISSING)
        skald_feeder_repair(follower->feeder);
}

void skald_follower_ring(skald_follower *follower)
{
    if (follower->direct && follower->feeder != NULL)
        skald_feeder_wake(follower->feeder);
}

void skald_follower_done(skald_follower *follower)
{
    for (uint32_t i = 0; i < follower->partitions; i++) {
        skald_item_free_all(follower->lanes[i].first);
        skald_key_set_done(&follower->lanes[i].parked);
        skald_suspects_forget(&follower->lanes[i]);
    }
}
