/* Any bytes as the description of a type, and any as a message of it: never a crash; what decodes
 * is printed as JSON, and what is read back from that can be decoded again. The first two bytes say
 * how long the description is; without one the type is test.v1.Kinds. */
#include "codec/decode.h"
#include "codec/describe.h"
#include "codec/encode.h"
#include "json/parse.h"
#include "json/print.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <test/v1/kinds.pb-c.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *type_read(const uint8_t *data, size_t size,
                                                   skald_arena *arena)
{
    const ProtobufCMessageDescriptor *type = &test__v1__kinds__descriptor;
    skald_error error;
    if (size == 0)
        return type;
    const skald_status status =
        skald_describe_read(&type, (skald_bytes){data, size}, arena, &error);
    return status == SKALD_OK ? type : NULL;
}

/* Only two entries of a map with one key are printed and refused when they come back. */
static void message_check(const ProtobufCMessage *message, skald_arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    skald_error error;
    skald_bytes packed = {0};
    ProtobufCMessage *parsed = NULL;
    const ProtobufCMessage *again = NULL;
    skald_json out = {.out = open_memstream(&text, &size)};
    skald_json_print(&out, message, true);
    fclose(out.out);
    json_t *json = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    assert(json != NULL);
    json_decref(json);
    if (skald_json_parse(&parsed, message->descriptor, text, size, arena, &error) == SKALD_OK &&
        skald_encode(&packed, parsed, arena, &error) == SKALD_OK)
        assert(skald_decode(&again, message->descriptor, packed, arena, &error) == SKALD_OK);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skald_arena arena;
    skald_error error;
    const ProtobufCMessage *message = NULL;
    if (size < 2)
        return 0;
    const size_t given = (size_t)data[0] << 8 | data[1];
    const size_t described = given < size - 2 ? given : size - 2;
    skald_arena_init(&arena, 0);
    const ProtobufCMessageDescriptor *type = type_read(data + 2, described, &arena);
    const skald_bytes body = {data + 2 + described, size - 2 - described};
    if (type != NULL && skald_decode(&message, type, body, &arena, &error) == SKALD_OK)
        message_check(message, &arena);
    skald_arena_done(&arena);
    return 0;
}
