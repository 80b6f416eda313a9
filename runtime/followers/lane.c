/* The queue of a lane, and the rules by which it takes messages in. */
#include "followers/lane.h"

void skald_lane_take(skald_lane *lane, int64_t epoch, int64_t position)
{
    skald_lane_lose(lane);
    lane->held = true;
    lane->loading = true;
    /* Whoever reads the stream may be far ahead: it must begin anew for this lane first. */
    lane->dropped = true;
    lane->epoch = epoch;
    lane->position = position;
    lane->fed = position;
}

void skald_lane_lose(skald_lane *lane)
{
    skald_item_free_all(lane->first);
    lane->first = NULL;
    lane->last = NULL;
    lane->count = 0;
    lane->held = false;
    lane->loading = false;
    lane->leaving = false;
    lane->dropped = false;
    lane->missing_before = 0;
}

static void queue_push(skald_lane *lane, skald_item *item)
{
    item->next = NULL;
    item->lane = lane;
    if (lane->last != NULL)
        lane->last->next = item;
    else
        lane->first = item;
    lane->last = item;
    lane->count++;
}

skald_lane_answer skald_lane_offer(skald_lane *lane, skald_item *item, bool repair)
{
    const skald_message *message = &item->message;
    if (!lane->held || lane->leaving || lane->dropped)
        return SKALD_LANE_REFUSED;
    if (lane->missing_before != 0 && !repair)
        return SKALD_LANE_REFUSED;
    /* A message whose position cannot be read has no place in the order; it is kept for a person.
     */
    if (message->position == 0) {
        queue_push(lane, item);
        return SKALD_LANE_QUEUED;
    }
    if (message->position <= lane->fed)
        return SKALD_LANE_REPEATED;
    /* Its writer says which position came before it in this lane. Have we not seen that one, the
     * mirror has lost it, and nothing may pass until it is found. */
    if (message->previous > lane->fed && !repair) {
        lane->missing_before = message->position;
        return SKALD_LANE_MISSING;
    }
    if (lane->count >= SKALD_LANE_ITEMS_MAX) {
        lane->dropped = true;
        return SKALD_LANE_REFUSED;
    }
    queue_push(lane, item);
    lane->fed = message->position;
    return SKALD_LANE_QUEUED;
}

skald_item *skald_lane_pop(skald_lane *lane, uint32_t count_max, uint32_t *count)
{
    skald_item *first = lane->first;
    skald_item *last = NULL;
    *count = 0;
    while (lane->first != NULL && *count < count_max) {
        last = lane->first;
        lane->first = last->next;
        lane->count--;
        (*count)++;
    }
    if (last == NULL)
        return NULL;
    last->next = NULL;
    if (lane->first == NULL)
        lane->last = NULL;
    return first;
}

void skald_lane_rewind(skald_lane *lane)
{
    lane->dropped = false;
    lane->missing_before = 0;
}
