/* Where a message travels: "<service>.event.<pp>.<Type>",
 * "<service>.command.<addressee>.<pp>.<Type>" or "<service>.reply.<addressee>.<pp>.<Type>". */
#include "event/cloudevents.h"

#include <assert.h>
#include <skald/partition.h>
#include <string.h>

static const struct {
    skald_kind kind;
    const char *part;
} kinds[] = {
    {SKALD_KIND_EVENT, ".event."},
    {SKALD_KIND_COMMAND, ".command."},
    {SKALD_KIND_REPLY, ".reply."},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

char *skald_subject_of(const char *service, const skald_message *message, skald_arena *arena)
{
    assert(message->partition < SKALD_PARTITIONS_MAX);
    if (message->kind == SKALD_KIND_EVENT)
        return skald_arena_format(arena, "%s.event.%02u.%s", service, message->partition,
                                  message->type);
    assert(message->kind == SKALD_KIND_COMMAND || message->kind == SKALD_KIND_REPLY);
    assert(message->addressee != NULL);
    return skald_arena_format(arena, "%s.%s.%s.%02u.%s", service,
                              message->kind == SKALD_KIND_COMMAND ? "command" : "reply",
                              message->addressee, message->partition, message->type);
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

/* Behind the service: which kind, and where it goes on; NULL: none of them. */
static const char *kind_read(const char *at, skald_kind *kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        const size_t size = strlen(kinds[i].part);
        if (strncmp(at, kinds[i].part, size) == 0) {
            *kind = kinds[i].kind;
            return at + size;
        }
    }
    return NULL;
}

bool skald_subject_read(skald_subject *out, const char *subject, const char *service)
{
    const size_t service_size = strlen(service);
    skald_subject read = {.addressee = {0}};
    if (strncmp(subject, service, service_size) != 0)
        return false;
    const char *at = kind_read(subject + service_size, &read.kind);
    if (at == NULL)
        return false;
    if (read.kind != SKALD_KIND_EVENT) {
        const char *end = strchr(at, '.');
        if (end == NULL || end == at)
            return false;
        read.addressee = (skald_bytes){at, (size_t)(end - at)};
        at = end + 1;
    }
    const char *point = strchr(at, '.');
    if (point == NULL || point[1] == '\0')
        return false;
    const int partition = partition_read(at, (size_t)(point - at));
    if (partition < 0)
        return false;
    read.partition = (uint32_t)partition;
    *out = read;
    return true;
}

bool skald_subject_agrees(const skald_subject *subject, const skald_message *message)
{
    const size_t size = message->addressee != NULL ? strlen(message->addressee) : 0;
    return subject->kind == message->kind && subject->addressee.size == size &&
           (size == 0 || memcmp(subject->addressee.data, message->addressee, size) == 0);
}

bool skald_addressee_valid(const char *name)
{
    size_t size = 0;
    for (; name[size] != '\0'; size++) {
        const char c = name[size];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
            return false;
    }
    return size > 0 && size <= SKALD_ADDRESSEE_SIZE_MAX;
}
