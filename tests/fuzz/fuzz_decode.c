/* Any bytes as a message: never a crash; what passes is what protobuf-c unpacks too, and it can be
 * encoded and decoded again. */
#include "codec/decode.h"
#include "codec/encode.h"

#include <assert.h>
#include <stdint.h>
#include <test/v1/events.pb-c.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skald_arena arena;
    skald_arena_init(&arena, 0);
    const ProtobufCMessage *first = NULL;
    const ProtobufCMessage *second = NULL;
    skald_bytes packed = {0};
    skald_error error;
    const ProtobufCMessageDescriptor *descriptor = &test__v1__everything__descriptor;
    if (skald_decode(&first, descriptor, (skald_bytes){data, size}, &arena, &error) == SKALD_OK) {
        /* Packing can make it larger than a body may be: short forms of numbers become long. */
        const skald_status status = skald_encode(&packed, first, &arena, &error);
        assert(status == SKALD_OK || status == SKALD_FULL);
        if (status == SKALD_OK)
            assert(skald_decode(&second, descriptor, packed, &arena, &error) == SKALD_OK);
    }
    skald_arena_done(&arena);
    return 0;
}
