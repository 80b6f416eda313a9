/* Check first, then let protobuf-c unpack into the arena, with what it takes counted. The check
 * already refuses what would grow too large; the count is the wall behind it. */
#include "codec/decode.h"
#include "codec/wire.h"

#include <assert.h>
#include <stdalign.h>

/* No body within the size limit needs more: each allocation answers to two bytes at least. */
enum { ALLOCATIONS_MAX = SKALD_BODY_SIZE_MAX };

typedef struct budget {
    skald_arena *arena;
    size_t size;
    size_t count;
    skald_status status; /* why an allocation was refused, SKALD_OK while none was */
} budget;

/* What an arena hands out is zeroed, which covers fields that protobuf-c 1.4.1 leaves unset. */
static void *budget_alloc(void *user, size_t size)
{
    budget *from = user;
    const skald_arena *arena = from->arena;
    const size_t arena_left = arena->size_max == 0 ? SIZE_MAX : arena->size_max - arena->size;
    const size_t rounded = size + alignof(max_align_t);
    if (rounded > SKALD_DECODE_MEMORY_MAX - from->size || rounded > arena_left ||
        from->count == ALLOCATIONS_MAX) {
        from->status = SKALD_FULL;
        return NULL;
    }
    from->size += rounded;
    from->count++;
    void *memory = skald_arena_alloc(from->arena, size);
    if (memory == NULL)
        from->status = SKALD_NO_MEMORY;
    return memory;
}

/* Everything is freed with the arena. */
static void budget_free(void *user, void *memory)
{
    (void)user;
    (void)memory;
}

static skald_status failure_explain(skald_status status, const char *type, skald_error *error)
{
    switch (status) {
    case SKALD_FULL:
        return skald_error_set(error, status, "%s: would take too much memory decoded", type);
    case SKALD_NO_MEMORY:
        return skald_error_set(error, status, "%s: no memory to decode it", type);
    default:
        /* All that the check leaves to protobuf-c: fields beyond those it keeps track of. */
        return skald_error_set(error, SKALD_MALFORMED, "%s: a required field is missing", type);
    }
}

skald_status skald_decode(const ProtobufCMessage **out,
                          const ProtobufCMessageDescriptor *descriptor, skald_bytes body,
                          skald_arena *arena, skald_error *error)
{
    assert(descriptor->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
    if (body.size > SKALD_BODY_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL, "%s: the body has %zu bytes, %u may be",
                               descriptor->name, body.size, SKALD_BODY_SIZE_MAX);
    const skald_status status = skald_wire_check(descriptor, body, SKALD_MALFORMED, error);
    if (status != SKALD_OK)
        return status;
    budget from = {.arena = arena};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &from};
    const ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, body.size, body.data);
    if (message == NULL)
        return failure_explain(from.status, descriptor->name, error);
    *out = message;
    return SKALD_OK;
}
