/* Any headers as a message: never a crash; what is read can be written and read again. The input is
 * cut into names and values at its zero bytes. */
#include "event/cloudevents.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { HEADERS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct header_list {
    size_t count;
    skald_header_view headers[HEADERS_MAX];
    skald_arena *arena;
} header_list;

static skald_status header_add(void *user, const char *name, const char *value)
{
    header_list *list = user;
    if (list->count < HEADERS_MAX)
        list->headers[list->count++] = (skald_header_view){skald_arena_text(list->arena, name),
                                                           skald_arena_text(list->arena, value)};
    return SKALD_OK;
}

static const char *text_cut(const char **at, const char *end, skald_arena *arena)
{
    const size_t size = strnlen(*at, (size_t)(end - *at));
    const char *text = skald_arena_text_sized(arena, *at, size);
    *at += size < (size_t)(end - *at) ? size + 1 : size;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skald_arena arena;
    skald_arena_init(&arena, 0);
    header_list received = {.arena = &arena};
    const char *at = (const char *)data;
    const char *end = at + size;
    while (at < end && received.count < HEADERS_MAX) {
        const char *name = text_cut(&at, end, &arena);
        received.headers[received.count++] = (skald_header_view){name, text_cut(&at, end, &arena)};
    }
    skald_message message = {0};
    skald_error error;
    if (skald_cloudevents_read(&message, received.headers, received.count, &arena, &error) ==
        SKALD_OK) {
        header_list sent = {.arena = &arena};
        skald_message again = {0};
        assert(skald_cloudevents_write(&message, &arena, header_add, &sent) == SKALD_OK);
        assert(sent.count == HEADERS_MAX || skald_cloudevents_read(&again, sent.headers, sent.count,
                                                                   &arena, &error) == SKALD_OK);
        assert(sent.count == HEADERS_MAX || again.position == message.position);
    }
    skald_arena_done(&arena);
    return 0;
}
