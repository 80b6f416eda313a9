/* Random messages of test.v1.Kinds: every kind of field that proto3 has. */
#ifndef TEST_CODEC_KINDS_H
#define TEST_CODEC_KINDS_H

#include "everything.h"

#include <google/special.pb-c.h>
#include <math.h>
#include <test/v1/kinds.pb-c.h>

typedef Test__V1__Kinds kinds;

static inline ProtobufCBinaryData bytes_random(test_random *random, skald_arena *arena)
{
    const size_t size = random_below(random, 9);
    unsigned char *data = taken(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)random_next(random);
    return (ProtobufCBinaryData){size, data};
}

/* Everything but NaN, which is not equal to itself. */
static inline double real_random(test_random *random)
{
    double value = 0;
    const uint64_t bits = random_next(random);
    memcpy(&value, &bits, sizeof value);
    if (random_chance(random, 5))
        return random_chance(random, 50) ? (double)INFINITY : -(double)INFINITY;
    return value == value && random_chance(random, 50) ? value : (double)random_below(random, 100);
}

static inline Test__V1__Level level_random(test_random *random)
{
    static const int levels[] = {0, -1, 2147483647, 77};
    return (Test__V1__Level)levels[random_below(random, 4)];
}

static inline kinds *kinds_random(test_random *random, skald_arena *arena, int depth);

static inline void kinds_scalars(kinds *message, test_random *random, skald_arena *arena)
{
    message->a_double = real_random(random);
    message->a_float = (float)random_below(random, 100000) / 7;
    message->an_int64 = (int64_t)random_next(random);
    message->a_uint64 = random_next(random);
    message->an_int32 = (int32_t)random_next(random);
    message->a_fixed64 = random_next(random);
    message->a_fixed32 = (uint32_t)random_next(random);
    message->a_bool = random_chance(random, 50);
    message->a_string = text_random(random, arena);
    message->some_bytes = bytes_random(random, arena);
    message->a_uint32 = (uint32_t)random_next(random);
    message->level = level_random(random);
    message->an_sfixed32 = (int32_t)random_next(random);
    message->an_sfixed64 = (int64_t)random_next(random);
    message->an_sint32 = (int32_t)random_next(random);
    message->an_sint64 = (int64_t)random_next(random);
    message->_odd__name_ = text_random(random, arena);
}

#define LIST_RANDOM(list, make)                                                                    \
    do {                                                                                           \
        message->n_##list = random_below(random, 4);                                               \
        message->list = taken(arena, 4 * sizeof *message->list);                                   \
        for (size_t i = 0; i < message->n_##list; i++)                                             \
            message->list[i] = make;                                                               \
    } while (0)

static inline void kinds_lists(kinds *message, test_random *random, skald_arena *arena, int depth)
{
    LIST_RANDOM(doubles, real_random(random));
    LIST_RANDOM(uint64s, random_next(random));
    LIST_RANDOM(bools, random_chance(random, 50));
    LIST_RANDOM(levels, level_random(random));
    LIST_RANDOM(strings, text_random(random, arena));
    LIST_RANDOM(bytes_list, bytes_random(random, arena));
    LIST_RANDOM(loose, (uint32_t)random_next(random));
    if (depth > 0)
        LIST_RANDOM(kinds, kinds_random(random, arena, depth - 1));
}

/* Keys differ, as they do in every map that a library of protobuf wrote. */
#define MAP_RANDOM(map, type, prefix, key_value, value_value)                                      \
    do {                                                                                           \
        message->n_##map = random_below(random, 3);                                                \
        message->map = taken(arena, 3 * sizeof *message->map);                                     \
        for (size_t i = 0; i < message->n_##map; i++) {                                            \
            type *entry = taken(arena, sizeof *entry);                                             \
            prefix##__init(entry);                                                                 \
            entry->key = key_value;                                                                \
            entry->value = value_value;                                                            \
            message->map[i] = entry;                                                               \
        }                                                                                          \
    } while (0)

static inline void kinds_maps(kinds *message, test_random *random, skald_arena *arena, int depth)
{
    MAP_RANDOM(counts, Test__V1__Kinds__CountsEntry, test__v1__kinds__counts_entry,
               skald_arena_format(arena, "k%zu %s", i, text_random(random, arena)),
               (int64_t)random_next(random));
    MAP_RANDOM(names_by_truth, Test__V1__Kinds__NamesByTruthEntry,
               test__v1__kinds__names_by_truth_entry, i == 1, text_random(random, arena));
    MAP_RANDOM(levels_by_id, Test__V1__Kinds__LevelsByIdEntry, test__v1__kinds__levels_by_id_entry,
               UINT64_MAX - i, level_random(random));
    if (depth > 0)
        MAP_RANDOM(kinds_by_number, Test__V1__Kinds__KindsByNumberEntry,
                   test__v1__kinds__kinds_by_number_entry, -(int32_t)i,
                   kinds_random(random, arena, depth - 1));
}

static inline void kinds_one(kinds *message, test_random *random, skald_arena *arena, int depth)
{
    message->one_case = (Test__V1__Kinds__OneCase)(50 + random_below(random, depth > 0 ? 6 : 4));
    switch (message->one_case) {
    case TEST__V1__KINDS__ONE_ONE_STRING:
        message->one_string = skald_arena_format(arena, "x%s", text_random(random, arena));
        break;
    case TEST__V1__KINDS__ONE_ONE_BYTES:
        message->one_bytes = bytes_random(random, arena);
        break;
    case TEST__V1__KINDS__ONE_ONE_NUMBER:
        message->one_number = (int32_t)random_next(random);
        break;
    case TEST__V1__KINDS__ONE_ONE_LEVEL:
        message->one_level = level_random(random);
        break;
    case TEST__V1__KINDS__ONE_ONE_KINDS:
        message->one_kinds = kinds_random(random, arena, depth - 1);
        break;
    default:
        message->one_double = real_random(random);
    }
}

static inline Google__Protobuf__Timestamp *time_random(test_random *random, skald_arena *arena)
{
    Google__Protobuf__Timestamp *time = taken(arena, sizeof *time);
    google__protobuf__timestamp__init(time);
    /* Now and then outside of what can be written as text. */
    time->seconds = random_chance(random, 90)
                        ? (int64_t)(random_next(random) % 253402300800u) - 1000000000
                        : (int64_t)random_next(random);
    time->nanos = random_chance(random, 90) ? (int32_t)random_below(random, 1000) * 1000000
                                            : (int32_t)random_next(random);
    return time;
}

static inline void kinds_special(kinds *message, test_random *random, skald_arena *arena)
{
    message->at = time_random(random, arena);
    if (random_chance(random, 50)) {
        message->other_case = TEST__V1__KINDS__OTHER_OTHER_TIME;
        message->other_time = time_random(random, arena);
    } else if (random_chance(random, 50)) {
        message->other_case = TEST__V1__KINDS__OTHER_OTHER_BOOL;
        message->other_bool = random_chance(random, 50);
    }
    message->took = taken(arena, sizeof *message->took);
    google__protobuf__duration__init(message->took);
    message->took->seconds = (int64_t)random_below(random, 2000000) - 1000000;
    message->took->nanos = (int32_t)random_below(random, 1999999999) - 999999999;
    message->maybe_text = taken(arena, sizeof *message->maybe_text);
    google__protobuf__string_value__init(message->maybe_text);
    message->maybe_text->value = text_random(random, arena);
    message->maybe_number = taken(arena, sizeof *message->maybe_number);
    google__protobuf__int64_value__init(message->maybe_number);
    message->maybe_number->value = (int64_t)random_next(random);
    message->maybe_bytes = taken(arena, sizeof *message->maybe_bytes);
    google__protobuf__bytes_value__init(message->maybe_bytes);
    message->maybe_bytes->value = bytes_random(random, arena);
    message->not_a_wrapper = taken(arena, sizeof *message->not_a_wrapper);
    google__protobuf__double_value__init(message->not_a_wrapper);
}

static inline kinds *kinds_random(test_random *random, skald_arena *arena, int depth)
{
    kinds *message = taken(arena, sizeof *message);
    test__v1__kinds__init(message);
    if (random_chance(random, 60))
        kinds_scalars(message, random, arena);
    if (random_chance(random, 50))
        kinds_lists(message, random, arena, depth);
    if (random_chance(random, 50))
        kinds_maps(message, random, arena, depth);
    if (random_chance(random, 50))
        kinds_one(message, random, arena, depth);
    if (random_chance(random, 50))
        kinds_special(message, random, arena);
    if (random_chance(random, 20))
        message->everything = everything_random(random, arena, depth);
    return message;
}

#endif
