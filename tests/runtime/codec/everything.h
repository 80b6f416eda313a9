/* Random messages of test.v1.Everything, and bytes written by hand. */
#ifndef TEST_CODEC_EVERYTHING_H
#define TEST_CODEC_EVERYTHING_H

#include "support/random.h"
#include "support/test.h"

#include "base/arena.h"

#include <test/v1/events.pb-c.h>

/* ---- a random valid message, in `arena` ---- */

static inline void *taken(skald_arena *arena, size_t size)
{
    void *memory = skald_arena_alloc(arena, size);
    assert_non_null(memory);
    return memory;
}

static inline char *text_random(test_random *random, skald_arena *arena)
{
    static const char *const pieces[] = {
        "a", "order", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\n"};
    char text[64] = "";
    for (uint32_t left = random_below(random, 8); left > 0; left--)
        strcat(text, pieces[random_below(random, sizeof pieces / sizeof *pieces)]);
    return skald_arena_text(arena, text);
}

static inline Test__V1__Everything *everything_random(test_random *random, skald_arena *arena,
                                                      int depth);

static inline void everything_repeat(Test__V1__Everything *message, test_random *random,
                                     skald_arena *arena, int depth)
{
    message->n_packed = random_below(random, 5);
    message->packed = taken(arena, sizeof *message->packed * 5);
    for (size_t i = 0; i < message->n_packed; i++)
        message->packed[i] = (int32_t)random_next(random);
    message->n_texts = random_below(random, 4);
    message->texts = taken(arena, sizeof *message->texts * 4);
    for (size_t i = 0; i < message->n_texts; i++)
        message->texts[i] = text_random(random, arena);
    message->n_children = depth > 0 ? random_below(random, 4) : 0;
    message->children = taken(arena, sizeof *message->children * 4);
    for (size_t i = 0; i < message->n_children; i++)
        message->children[i] = everything_random(random, arena, depth - 1);
}

static inline Test__V1__Everything *everything_random(test_random *random, skald_arena *arena,
                                                      int depth)
{
    Test__V1__Everything *message = taken(arena, sizeof *message);
    test__v1__everything__init(message);
    if (random_chance(random, 50)) {
        message->real = (double)random_below(random, 1000) / 7;
        message->small_real = (float)random_below(random, 1000);
        message->int32_value = (int32_t)random_next(random);
        message->sint64_value = (int64_t)random_next(random);
        message->fixed64_value = random_next(random);
        message->flag = random_chance(random, 50);
        message->colour = (Test__V1__Colour)random_below(random, 3); /* 2 is unknown to the enum */
    }
    if (random_chance(random, 50)) {
        message->text = text_random(random, arena);
        message->data.len = random_below(random, 20);
        message->data.data = taken(arena, 20);
    }
    if (random_chance(random, 50))
        everything_repeat(message, random, arena, depth);
    if (depth > 0 && random_chance(random, 50))
        message->child = everything_random(random, arena, depth - 1);
    if (random_chance(random, 30)) {
        message->choice_case = TEST__V1__EVERYTHING__CHOICE_CHOICE_TEXT;
        message->choice_text = text_random(random, arena);
    } else if (depth > 0 && random_chance(random, 30)) {
        message->choice_case = TEST__V1__EVERYTHING__CHOICE_CHOICE_CHILD;
        message->choice_child = everything_random(random, arena, depth - 1);
    }
    return message;
}

/* ---- bytes by hand ---- */

enum { WIRE_SIZE_MAX = 600 * 1024, VARINT = 0, FIXED64 = 1, PREFIXED = 2, FIXED32 = 5 };

typedef struct wire {
    size_t size;
    unsigned char bytes[WIRE_SIZE_MAX];
} wire;

static inline void wire_byte(wire *out, unsigned byte)
{
    assert_true(out->size < sizeof out->bytes);
    out->bytes[out->size++] = (unsigned char)byte;
}

static inline void wire_varint(wire *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        wire_byte(out, (unsigned)(value & 0x7F) | 0x80);
    wire_byte(out, (unsigned)value);
}

static inline void wire_tag(wire *out, uint64_t number, unsigned type)
{
    wire_varint(out, number << 3 | type);
}

static inline void wire_raw(wire *out, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        wire_byte(out, ((const unsigned char *)bytes)[i]);
}

static inline void wire_prefixed(wire *out, uint64_t number, const void *bytes, size_t size)
{
    wire_tag(out, number, PREFIXED);
    wire_varint(out, size);
    wire_raw(out, bytes, size);
}

static inline skald_bytes wire_body(const wire *out)
{
    return (skald_bytes){out->bytes, out->size};
}

#endif
