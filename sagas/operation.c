/* Keys of operations. */
#include "operation.h"

#include <string.h>

#include "text.h"

size_t skald_operation_key(const skald_plan *plan, const char *saga_id, skald_operation operation,
                           char *out, size_t size)
{
    skald_text_out text = {out, size, 0};
    skald_text_add(&text, "%s/%s/%s.%u", saga_id, plan->steps[operation.step].step->name,
                   operation.direction == SKALD_UNDO ? "undo" : "run", operation.round);
    return text.length;
}

/* The place of the last slash before `end`, or `end`. */
static size_t slash_before(const char *key, size_t end)
{
    for (size_t i = end; i-- > 0;) {
        if (key[i] == '/')
            return i;
    }
    return end;
}

/* 1 to 255 without leading zeros, or 0. */
static uint8_t round_read(const char *text, size_t size)
{
    unsigned round = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || (round == 0 && text[i] == '0') || i == 3)
            return 0;
        round = round * 10 + (unsigned)(text[i] - '0');
    }
    return round <= UINT8_MAX ? (uint8_t)round : 0;
}

static bool starts_with(const char *text, size_t size, const char *start)
{
    return size >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

bool skald_operation_parse(const skald_plan *plan, const char *key, size_t *id_size,
                           skald_operation *operation)
{
    const size_t size = strlen(key);
    const size_t second = slash_before(key, size);
    if (second == size)
        return false;
    const size_t first = slash_before(key, second);
    const char *const tail = key + second + 1;
    const size_t tail_size = size - second - 1;
    const bool run = starts_with(tail, tail_size, "run.");
    if (first == second || first == 0 || (!run && !starts_with(tail, tail_size, "undo.")))
        return false;
    const size_t word_size = run ? 4 : 5;
    const skald_operation read = {
        .step = skald_plan_find(plan, key + first + 1, second - first - 1),
        .direction = run ? SKALD_RUN : SKALD_UNDO,
        .round = round_read(tail + word_size, tail_size - word_size),
    };
    if (read.step == SKALD_STEP_NONE || read.round == 0)
        return false;
    *id_size = first;
    *operation = read;
    return true;
}
