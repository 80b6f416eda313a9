/* Bytes that anybody may have sent: refused with a reason, never a crash, never much memory. */
#include "everything.h"
#include "handmade.h"

#include "codec/decode.h"

static skald_arena arena;
static skald_error error;
static wire body;

static int setup(void **state)
{
    (void)state;
    skald_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    skald_arena_done(&arena);
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    skald_arena_reset(&arena);
    body.size = 0;
    return 0;
}

static skald_status decode_bytes(skald_bytes bytes)
{
    const ProtobufCMessage *out = NULL;
    const skald_status status =
        skald_decode(&out, &test__v1__everything__descriptor, bytes, &arena, &error);
    assert_int_equal(out != NULL, status == SKALD_OK);
    return status;
}

static skald_status decode_body(void)
{
    return decode_bytes(wire_body(&body));
}

static void malformed_expect(const char *text)
{
    assert_status(decode_body(), SKALD_MALFORMED, &error);
    assert_string_equal(error.text, text);
    body.size = 0;
}

static size_t varint_size(size_t value)
{
    return value < 0x80 ? 1 : 1 + varint_size(value >> 7);
}

/* `levels` children inside each other, the innermost empty. */
static void nest(uint32_t levels)
{
    static size_t sizes[20001];
    for (uint32_t i = 1; i <= levels; i++)
        sizes[i] = i == 1 ? 0 : 1 + varint_size(sizes[i - 1]) + sizes[i - 1];
    for (uint32_t i = levels; i >= 1; i--) {
        wire_tag(&body, 10, PREFIXED);
        wire_varint(&body, sizes[i]);
    }
}

static void test_twenty_thousand_levels_are_refused(void **state)
{
    (void)state;
    nest(20000);
    assert_status(decode_body(), SKALD_MALFORMED, &error);
    assert_contains(error.text, "nested too deep");
    assert_contains(error.text, "test.v1.Everything.child.child");
}

static void test_sixty_four_levels_pass_and_one_more_does_not(void **state)
{
    (void)state;
    nest(SKALD_DECODE_DEPTH_MAX - 1);
    assert_ok(decode_body(), &error);
    body.size = 0;
    nest(SKALD_DECODE_DEPTH_MAX);
    assert_status(decode_body(), SKALD_MALFORMED, &error);
}

static void test_amplification_stops_at_the_memory_limit(void **state)
{
    (void)state;
    /* Two bytes on the wire, several hundred decoded. */
    while (body.size + 2 <= SKALD_BODY_SIZE_MAX)
        wire_prefixed(&body, 11, NULL, 0);
    assert_status(decode_body(), SKALD_FULL, &error);
    assert_contains(error.text, "test.v1.Everything");
    assert_int_equal(arena.size, 0);
}

static void test_what_the_check_passes_fits_into_the_memory_limit(void **state)
{
    (void)state;
    /* Elements that take much more memory than bytes; with each, bodies grow up to the largest. */
    static const struct {
        const char *bytes;
        size_t size;
    } elements[] = {{"\x5A\x00", 2},                  /* an empty child */
                    {"\x5A\x02\x18\x01", 4},          /* a child with a number */
                    {"\x6A\x00", 2},                  /* an empty string */
                    {"\x60\x01", 2},                  /* a number, not packed */
                    {"\x18\x01", 2},                  /* the same number again and again */
                    {"\x3A\x00", 2},                  /* the same string again and again */
                    {"\xF8\x3F\x01", 3},              /* an unknown number */
                    {"\x62\x01\x01", 3},              /* a number, packed alone */
                    {"\x5A\x04\x5A\x02\x5A\x00", 6}}; /* grandchildren */
    int full_count = 0;
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        for (size_t size = 1000; size <= SKALD_BODY_SIZE_MAX; size = size * 5 / 4) {
            body.size = 0;
            while (body.size + elements[i].size <= size)
                wire_raw(&body, elements[i].bytes, elements[i].size);
            skald_arena_reset(&arena);
            const skald_status status = decode_body();
            if (status != SKALD_OK) {
                assert_int_equal(status, SKALD_FULL);
                assert_int_equal(arena.size, 0);
                full_count++;
            }
        }
    }
    assert_true(full_count > 0);
}

static void test_message_given_in_pieces_is_refused(void **state)
{
    (void)state;
    /* protobuf-c would lose the first number, and fail at the oneof. */
    wire_prefixed(&body, 10, "\x18\x07", 2);
    wire_prefixed(&body, 10, "\x20\x07", 2);
    malformed_expect("test.v1.Everything.child: a message given twice at byte 5");
    wire_prefixed(&body, 15, NULL, 0);
    wire_prefixed(&body, 15, NULL, 0);
    malformed_expect("test.v1.Everything.choice_child: a message given twice at byte 3");
}

static void test_arena_with_less_room_is_respected(void **state)
{
    (void)state;
    skald_arena tiny;
    skald_arena_init(&tiny, 128);
    const ProtobufCMessage *out = NULL;
    wire_prefixed(&body, 7, "a text that is longer than what is left in the arena", 52);
    assert_status(
        skald_decode(&out, &test__v1__everything__descriptor, wire_body(&body), &tiny, &error),
        SKALD_FULL, &error);
    assert_null(out);
    skald_arena_done(&tiny);
}

static void test_largest_body_passes_and_a_larger_one_does_not(void **state)
{
    (void)state;
    static unsigned char filler[SKALD_BODY_SIZE_MAX];
    wire_prefixed(&body, 8, filler, SKALD_BODY_SIZE_MAX - 4);
    assert_int_equal(body.size, SKALD_BODY_SIZE_MAX);
    assert_ok(decode_body(), &error);
    body.size = 0;
    wire_prefixed(&body, 8, filler, SKALD_BODY_SIZE_MAX - 3);
    assert_status(decode_body(), SKALD_FULL, &error);
}

static void test_text_that_is_not_utf8_is_refused_at_its_byte(void **state)
{
    (void)state;
    wire_prefixed(&body, 7, "abc\xFF", 4);
    malformed_expect("test.v1.Everything.text: not UTF-8 at byte 5");
    wire_prefixed(&body, 13, "ok", 2);
    wire_prefixed(&body, 13, "\xC0\xA0", 2);
    malformed_expect("test.v1.Everything.texts: not UTF-8 at byte 6");
    wire_prefixed(&body, 10, "\x3A\x02\xE2\x82", 4);
    malformed_expect("test.v1.Everything.child.text: not UTF-8 at byte 4");
    /* The same bytes are fine in a field of bytes. */
    wire_prefixed(&body, 8, "\xC0\xA0", 2);
    assert_ok(decode_body(), &error);
}

static void test_nul_inside_a_string_is_refused_at_its_byte(void **state)
{
    (void)state;
    wire_prefixed(&body, 14, "ab\0c", 4);
    malformed_expect("test.v1.Everything.choice_text: a NUL inside a string at byte 4");
}

static void test_known_field_with_another_wire_type_is_refused(void **state)
{
    (void)state;
    /* Every field with every wire type that is not its own. protobuf-c itself lets a bool pass. */
    static const struct {
        unsigned field, own, also;
    } fields[] = {{1, FIXED64, FIXED64},    {2, FIXED32, FIXED32},    {3, VARINT, VARINT},
                  {4, VARINT, VARINT},      {5, FIXED64, FIXED64},    {6, VARINT, VARINT},
                  {7, PREFIXED, PREFIXED},  {8, PREFIXED, PREFIXED},  {9, VARINT, VARINT},
                  {10, PREFIXED, PREFIXED}, {11, PREFIXED, PREFIXED}, {12, VARINT, PREFIXED},
                  {13, PREFIXED, PREFIXED}, {14, PREFIXED, PREFIXED}, {15, PREFIXED, PREFIXED}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        for (unsigned type = 0; type < 8; type++) {
            const bool right = type == fields[i].own || type == fields[i].also;
            body.size = 0;
            wire_tag(&body, fields[i].field, type);
            /* Valid as any of them: a varint 0, a length 0, eight bytes. */
            const unsigned sizes[] = {1, 8, 1, 0, 0, 4, 0, 0};
            wire_raw(&body, "\0\0\0\0\0\0\0\0", sizes[type]);
            assert_status(decode_body(), right ? SKALD_OK : SKALD_MALFORMED, &error);
            if (!right)
                assert_contains(error.text, "wire type");
        }
    }
}

static void test_groups_are_refused_known_or_not(void **state)
{
    (void)state;
    wire_tag(&body, 99, 3);
    wire_tag(&body, 99, 4);
    malformed_expect("test.v1.Everything: a group or an unknown wire type at byte 2");
    wire_tag(&body, 10, 3);
    wire_tag(&body, 10, 4);
    malformed_expect("test.v1.Everything.child: another wire type than the field's at byte 1");
}

static void test_field_numbers_outside_the_language_are_refused(void **state)
{
    (void)state;
    wire_tag(&body, 0, VARINT);
    wire_varint(&body, 1);
    malformed_expect("test.v1.Everything: no valid field number at byte 0");
    wire_tag(&body, 536870912, VARINT);
    wire_varint(&body, 1);
    malformed_expect("test.v1.Everything: no valid field number at byte 0");
    wire_raw(&body, "\x80\x80\x80\x80\x80\x00", 6);
    malformed_expect("test.v1.Everything: no valid field number at byte 0");
    wire_raw(&body, "\xFF\xFF\xFF\xFF\xFF", 5);
    malformed_expect("test.v1.Everything: no valid field number at byte 0");
}

static void test_huge_lengths_are_refused(void **state)
{
    (void)state;
    const uint64_t lengths[] = {1, 127, 128, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        wire_tag(&body, 7, PREFIXED);
        wire_varint(&body, lengths[i]);
        malformed_expect("test.v1.Everything.text: a length that goes past the end at byte 1");
    }
    wire_tag(&body, 999, PREFIXED);
    wire_varint(&body, UINT64_MAX);
    malformed_expect("test.v1.Everything: a broken length at byte 2");
    /* A child may not be longer than what its parent has left. */
    wire_prefixed(&body, 10,
                  "\x3A\x03"
                  "a",
                  3);
    wire_raw(&body, "bc", 2);
    malformed_expect("test.v1.Everything.child.text: a length that goes past the end at byte 3");
}

static void test_broken_varints_are_refused(void **state)
{
    (void)state;
    wire_tag(&body, 3, VARINT);
    wire_raw(&body, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
    malformed_expect("test.v1.Everything.int32_value: a broken varint at byte 1");
    wire_tag(&body, 3, VARINT);
    wire_raw(&body, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10);
    malformed_expect("test.v1.Everything.int32_value: a broken varint at byte 1");
    wire_tag(&body, 3, VARINT);
    wire_raw(&body, "\xFF", 1);
    malformed_expect("test.v1.Everything.int32_value: a broken varint at byte 1");
    wire_prefixed(&body, 12, "\x01\x80", 2);
    malformed_expect("test.v1.Everything.packed: a broken varint at byte 3");
    wire_tag(&body, 3, VARINT);
    wire_raw(&body, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10);
    assert_ok(decode_body(), &error);
}

static skald_status decode_as(const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCMessage *out = NULL;
    return skald_decode(&out, descriptor, wire_body(&body), &arena, &error);
}

static void test_missing_required_field_is_named(void **state)
{
    (void)state;
    assert_status(decode_as(&needy_descriptor), SKALD_MALFORMED, &error);
    assert_string_equal(error.text, "test.v1.Needy.number: a required field is missing at byte 0");
    wire_tag(&body, 1, VARINT);
    wire_varint(&body, 5);
    assert_ok(decode_as(&needy_descriptor), &error);
    wire_prefixed(&body, 2, NULL, 0);
    assert_status(decode_as(&needy_descriptor), SKALD_MALFORMED, &error);
    assert_string_equal(error.text,
                        "test.v1.Needy.child.number: a required field is missing at byte 4");
}

static void test_missing_required_field_beyond_those_tracked_is_refused_too(void **state)
{
    (void)state;
    for (unsigned i = 1; i < REQUIRED_MANY; i++) {
        wire_tag(&body, i, VARINT);
        wire_varint(&body, i);
    }
    assert_status(decode_as(needier_descriptor()), SKALD_MALFORMED, &error);
    assert_string_equal(error.text, "test.v1.Needier: a required field is missing");
    wire_tag(&body, REQUIRED_MANY, VARINT);
    wire_varint(&body, 1);
    assert_ok(decode_as(needier_descriptor()), &error);
}

static void test_packed_fixed_numbers_of_the_wrong_size_are_refused(void **state)
{
    (void)state;
    wire_prefixed(&body, 1, "12345678", 8);
    wire_prefixed(&body, 2, "12345678", 8);
    assert_ok(decode_as(&shapes_descriptor), &error);
    wire_prefixed(&body, 2, "123456789012", 12);
    assert_status(decode_as(&shapes_descriptor), SKALD_MALFORMED, &error);
    assert_string_equal(error.text,
                        "test.v1.Shapes.large: packed values of the wrong size at byte 22");
    body.size = 0;
    wire_prefixed(&body, 1, "12345", 5);
    assert_status(decode_as(&shapes_descriptor), SKALD_MALFORMED, &error);
}

/* ---- against protobuf-c itself ---- */

/* What we refuse and protobuf-c does not must be refused for one of these reasons. */
static bool stricter(const char *reason)
{
    static const char *const reasons[] = {
        "not UTF-8",       "a NUL inside",         "wire type", "too deep", "given twice",
        "a broken varint", "no valid field number"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strstr(reason, reasons[i]) != NULL)
            return true;
    }
    return false;
}

typedef struct tally {
    uint64_t passed;
    uint64_t refused;
    uint64_t only_we_refused;
} tally;

/* Bodies here are small, so protobuf-c's recursion is safe. The bytes are copied to memory of their
 * exact size, so that reading one too many is noticed by the sanitizer. */
static void compare(skald_bytes bytes, tally *counts)
{
    unsigned char *exact = malloc(bytes.size == 0 ? 1 : bytes.size);
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.size);
    const skald_status status = decode_bytes((skald_bytes){exact, bytes.size});
    Test__V1__Everything *theirs = test__v1__everything__unpack(NULL, bytes.size, exact);
    if (status == SKALD_OK) {
        assert_non_null(theirs);
        counts->passed++;
    } else {
        assert_int_equal(status, SKALD_MALFORMED);
        counts->refused++;
        if (theirs != NULL) {
            assert_true(stricter(error.text));
            counts->only_we_refused++;
        }
    }
    if (theirs != NULL)
        test__v1__everything__free_unpacked(theirs, NULL);
    free(exact);
    skald_arena_reset(&arena);
}

static skald_bytes random_body(test_random *random, unsigned char *bytes, size_t size_max)
{
    skald_arena scratch;
    skald_arena_init(&scratch, 0);
    const Test__V1__Everything *message = everything_random(random, &scratch, 3);
    size_t size = protobuf_c_message_get_packed_size(&message->base);
    if (size <= size_max)
        protobuf_c_message_pack(&message->base, bytes);
    else
        size = 0;
    skald_arena_done(&scratch);
    return (skald_bytes){bytes, size};
}

static void test_good_messages_cut_at_every_byte_are_judged_as_by_protobuf_c(void **state)
{
    (void)state;
    static unsigned char bytes[4096];
    test_random random = random_begin();
    tally counts = {0};
    for (int i = 0; i < 300; i++) {
        const skald_bytes good = random_body(&random, bytes, sizeof bytes);
        for (size_t size = 0; size <= good.size; size++)
            compare((skald_bytes){bytes, size}, &counts);
    }
    assert_true(counts.refused > 1000);
    assert_true(counts.passed > 100);
}

static void mutate(test_random *random, unsigned char *bytes, size_t *size, size_t size_max)
{
    for (uint32_t left = 1 + random_below(random, 4); left > 0 && *size > 0; left--) {
        const uint32_t place = random_below(random, (uint32_t)*size);
        switch (random_below(random, 5)) {
        case 0:
            bytes[place] = (unsigned char)random_next(random);
            break;
        case 1:
            bytes[place] ^= (unsigned char)(1u << random_below(random, 8));
            break;
        case 2:
            bytes[place] = random_chance(random, 50) ? 0xFF : 0x00;
            break;
        case 3:
            memmove(bytes + place, bytes + place + 1, *size - place - 1);
            (*size)--;
            break;
        default:
            if (*size < size_max) {
                memmove(bytes + place + 1, bytes + place, *size - place);
                (*size)++;
            }
            break;
        }
    }
}

static void test_mutated_messages_are_judged_as_by_protobuf_c(void **state)
{
    (void)state;
    static unsigned char good_bytes[2048];
    static unsigned char bytes[2048 + 8];
    test_random random = random_begin();
    tally counts = {0};
    for (int i = 0; i < 15000; i++) {
        const skald_bytes good = random_body(&random, good_bytes, sizeof good_bytes);
        for (int k = 0; k < 20; k++) {
            size_t size = good.size;
            memcpy(bytes, good_bytes, good.size);
            mutate(&random, bytes, &size, sizeof bytes);
            compare((skald_bytes){bytes, size}, &counts);
        }
    }
    printf("%llu passed, %llu refused, %llu of them only by us\n",
           (unsigned long long)counts.passed, (unsigned long long)counts.refused,
           (unsigned long long)counts.only_we_refused);
    assert_true(counts.passed > 10000);
    assert_true(counts.refused > 10000);
    assert_true(counts.only_we_refused > 100);
}

static void test_random_bytes_are_judged_as_by_protobuf_c(void **state)
{
    (void)state;
    unsigned char bytes[48];
    test_random random = random_begin();
    tally counts = {0};
    for (int i = 0; i < 300000; i++) {
        const size_t size = random_below(&random, sizeof bytes);
        for (size_t b = 0; b < size; b++) {
            const bool tag_like = random_chance(&random, 40);
            bytes[b] =
                (unsigned char)(tag_like ? random_below(&random, 16) << 3 | random_below(&random, 6)
                                         : random_next(&random) & 0x1F);
        }
        compare((skald_bytes){bytes, size}, &counts);
    }
    assert_true(counts.passed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_twenty_thousand_levels_are_refused, fresh),
        cmocka_unit_test_setup(test_sixty_four_levels_pass_and_one_more_does_not, fresh),
        cmocka_unit_test_setup(test_amplification_stops_at_the_memory_limit, fresh),
        cmocka_unit_test_setup(test_what_the_check_passes_fits_into_the_memory_limit, fresh),
        cmocka_unit_test_setup(test_message_given_in_pieces_is_refused, fresh),
        cmocka_unit_test_setup(test_arena_with_less_room_is_respected, fresh),
        cmocka_unit_test_setup(test_largest_body_passes_and_a_larger_one_does_not, fresh),
        cmocka_unit_test_setup(test_text_that_is_not_utf8_is_refused_at_its_byte, fresh),
        cmocka_unit_test_setup(test_nul_inside_a_string_is_refused_at_its_byte, fresh),
        cmocka_unit_test_setup(test_known_field_with_another_wire_type_is_refused, fresh),
        cmocka_unit_test_setup(test_groups_are_refused_known_or_not, fresh),
        cmocka_unit_test_setup(test_field_numbers_outside_the_language_are_refused, fresh),
        cmocka_unit_test_setup(test_huge_lengths_are_refused, fresh),
        cmocka_unit_test_setup(test_broken_varints_are_refused, fresh),
        cmocka_unit_test_setup(test_missing_required_field_is_named, fresh),
        cmocka_unit_test_setup(test_missing_required_field_beyond_those_tracked_is_refused_too,
                               fresh),
        cmocka_unit_test_setup(test_packed_fixed_numbers_of_the_wrong_size_are_refused, fresh),
        cmocka_unit_test_setup(test_good_messages_cut_at_every_byte_are_judged_as_by_protobuf_c,
                               fresh),
        cmocka_unit_test_setup(test_mutated_messages_are_judged_as_by_protobuf_c, fresh),
        cmocka_unit_test_setup(test_random_bytes_are_judged_as_by_protobuf_c, fresh),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
