/* Where a message travels: "<service>.event.<pp>.<Type>". */
#include "event/cloudevents.h"

#include <assert.h>
#include <skald/partition.h>
#include <string.h>

#define EVENT_PART ".event."

char *skald_subject_of(const char *service, const skald_message *message, skald_arena *arena)
{
    assert(message->kind == SKALD_KIND_EVENT);
    assert(message->partition < SKALD_PARTITIONS_MAX);
    return skald_arena_format(arena, "%s" EVENT_PART "%02u.%s", service, message->partition,
                              message->type);
}

/* Two digits, or three for 100 and above: one way to write each partition. */
static int partition_read(const char *text, size_t size)
{
    if (size != 2 && size != 3)
        return -1;
    int value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    if (size == 3 && value < 100)
        return -1;
    return value < (int)SKALD_PARTITIONS_MAX ? value : -1;
}

int skald_subject_partition(const char *subject, const char *service)
{
    const size_t service_size = strlen(service);
    if (strncmp(subject, service, service_size) != 0)
        return -1;
    const char *at = subject + service_size;
    if (strncmp(at, EVENT_PART, strlen(EVENT_PART)) != 0)
        return -1;
    at += strlen(EVENT_PART);
    const char *point = strchr(at, '.');
    if (point == NULL || point[1] == '\0')
        return -1;
    return partition_read(at, (size_t)(point - at));
}
