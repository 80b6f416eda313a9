/* protobuf-c packs whatever it is given. So the structures are looked at before, and the bytes
 * after, with the same eyes as a follower's: what leaves can be decoded. */
#include "codec/encode.h"
#include "codec/shape.h"
#include "codec/wire.h"

#include <assert.h>

skald_status skald_encode(skald_bytes *out, const ProtobufCMessage *message, skald_arena *arena,
                          skald_error *error)
{
    skald_status status = skald_shape_check(message, error);
    if (status != SKALD_OK)
        return status;
    const char *type = message->descriptor->name;
    const size_t size = protobuf_c_message_get_packed_size(message);
    if (size > SKALD_BODY_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL, "%s: takes %zu bytes, %u may be", type, size,
                               SKALD_BODY_SIZE_MAX);
    unsigned char *packed = skald_arena_alloc(arena, size);
    if (packed == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "%s: no memory for %zu bytes", type, size);
    const size_t packed_size = protobuf_c_message_pack(message, packed);
    assert(packed_size == size);
    const skald_bytes body = {packed, size};
    status = skald_wire_check(message->descriptor, body, SKALD_INVALID, error);
    if (status == SKALD_OK)
        *out = body;
    return status;
}
