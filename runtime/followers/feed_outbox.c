/* Without a stream between: the followers of a service's own events read its outbox. */
#include "followers/feeder_inside.h"
#include "outbox/reader.h"

#include <skald/publish.h>
#include <stdio.h>

enum { FULL_WAIT_MS = 2 };

/* Feeds what may be read now; answers in *wait_ms when to look again. */
static skald_status round_feed(skald_feeder *feeder, skald_outbox_reader *reader, uint32_t *wait_ms,
                               skald_error *error)
{
    const skald_message *messages = NULL;
    size_t count = 0;
    const skald_status status = skald_outbox_reader_next(reader, &messages, &count, wait_ms, error);
    for (size_t i = 0; status == SKALD_OK && i < count; i++)
        skald_follower_feed(feeder->follower, &messages[i], 0, NULL, false);
    return status;
}

skald_status skald_feed_outbox(skald_feeder *feeder, int64_t position, skald_error *error)
{
    char source[SKALD_FOLLOWER_NAME_SIZE + 1];
    snprintf(source, sizeof source, "/%s", feeder->follower->stream);
    skald_outbox_reader *reader = NULL;
    skald_status status = skald_outbox_reader_open(&reader, feeder->pg, source, position);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "no memory to read the outbox");
    while (status == SKALD_OK && !skald_feeder_interrupted(feeder)) {
        uint32_t wait_ms = FULL_WAIT_MS;
        if (skald_feeder_queued(feeder) < SKALD_FEED_ITEMS_MAX)
            status = round_feed(feeder, reader, &wait_ms, error);
        if (status == SKALD_OK && wait_ms > 0)
            skald_bell_wait(&feeder->bell, &feeder->heard, wait_ms);
        if (status == SKALD_OK)
            status = skald_feeder_look(feeder, error);
    }
    skald_outbox_reader_close(reader);
    return status;
}
