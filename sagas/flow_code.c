/* Lines of four words. */
#include "flow_code.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

void skald_flow_encode(const skald_flow *flow, const skald_flow_state *state,
                       char out[SKALD_FLOW_CODE_SIZE])
{
    skald_text_out text = {out, SKALD_FLOW_CODE_SIZE, 0};
    out[0] = '\0';
    for (size_t i = 0; i < flow->events.count; i++) {
        const skald_flow_seen *seen = &state->seen[i];
        if (seen->count > 0)
            skald_text_add(&text, "%s %" PRIu32 " %" PRId64 " %" PRId64 "\n",
                           flow->events.list[i].type, seen->count, seen->first_us, seen->last_us);
    }
}

/* Decimal digits, as they are written above, up to the character that ends them. */
static bool number_read(const char **at, char end, int64_t *out)
{
    const bool negative = **at == '-';
    const char *digit = *at + (negative ? 1 : 0);
    int64_t value = 0;
    if (*digit < '0' || *digit > '9')
        return false;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)(*digit - '0'), &value))
            return false;
    }
    if (*digit != end || (!negative && value == INT64_MIN))
        return false;
    *out = negative ? value : -value;
    *at = digit + 1;
    return true;
}

/* A type, which is no longer than `type` has room for. */
static bool type_read(const char **at, char type[SKALD_STEP_TYPE_SIZE_MAX + 1])
{
    const char *blank = memchr(*at, ' ', strlen(*at));
    const size_t size = blank == NULL ? 0 : (size_t)(blank - *at);
    if (size == 0 || size > SKALD_STEP_TYPE_SIZE_MAX)
        return false;
    memcpy(type, *at, size);
    type[size] = '\0';
    *at = blank + 1;
    return true;
}

static bool line_read(const char **at, char type[SKALD_STEP_TYPE_SIZE_MAX + 1],
                      skald_flow_seen *seen)
{
    int64_t count = 0;
    if (!type_read(at, type) || !number_read(at, ' ', &count) ||
        !number_read(at, ' ', &seen->first_us) || !number_read(at, '\n', &seen->last_us))
        return false;
    seen->count = (uint32_t)count;
    return count > 0 && count <= UINT32_MAX && seen->first_us <= seen->last_us &&
           seen->first_us >= -SKALD_FLOW_TIME_US_MAX && seen->last_us <= SKALD_FLOW_TIME_US_MAX;
}

skald_status skald_flow_decode(const skald_flow *flow, const char *text, skald_flow_state *state,
                               skald_error *error)
{
    skald_flow_state found = {.closed = state->closed};
    for (const char *at = text; *at != '\0';) {
        char type[SKALD_STEP_TYPE_SIZE_MAX + 1];
        skald_flow_seen seen;
        const size_t place = (size_t)(at - text);
        if (!line_read(&at, type, &seen))
            return skald_error_set(error, SKALD_MALFORMED,
                                   "what was seen of an instance of flow \"%s\" cannot be read, "
                                   "from byte %zu: %.60s",
                                   flow->name, place, text + place);
        const size_t event = skald_flow_event_find(flow, type);
        if (event != SKALD_FLOW_NO_EVENT)
            found.seen[event] = seen;
    }
    *state = found;
    return SKALD_OK;
}
