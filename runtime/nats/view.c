/* cnats' messages as views. cnats keeps headers in a table that only gives them out name by name.
 */
#include "nats/wire.h"

#include <stdlib.h>

static bool headers_reserve(skald_nats *nats, size_t count)
{
    if (count <= nats->header_capacity)
        return true;
    skald_header_view *headers = realloc(nats->headers, 2 * count * sizeof *headers);
    if (headers == NULL)
        return false;
    nats->headers = headers;
    nats->header_capacity = 2 * count;
    return true;
}

static bool values_add(skald_nats_view *view, skald_nats *nats, natsMsg *message, const char *name)
{
    const char **values = NULL;
    int count = 0;
    if (natsMsgHeader_Values(message, name, &values, &count) != NATS_OK)
        return false;
    const bool room = headers_reserve(nats, view->header_count + (size_t)count);
    for (int i = 0; room && i < count; i++)
        nats->headers[view->header_count++] = (skald_header_view){name, values[i]};
    free(values);
    return room;
}

static bool headers_read(skald_nats_view *view, skald_nats *nats, natsMsg *message)
{
    const char **names = NULL;
    int count = 0;
    const natsStatus status = natsMsgHeader_Keys(message, &names, &count);
    if (status == NATS_NOT_FOUND)
        return true; /* it has none */
    bool done = status == NATS_OK;
    for (int i = 0; done && i < count; i++)
        done = values_add(view, nats, message, names[i]);
    free(names);
    view->headers = nats->headers;
    return done;
}

bool skald_nats_view_of(skald_nats_view *out, skald_nats *nats, natsMsg *message)
{
    *out = (skald_nats_view){
        .subject = natsMsg_GetSubject(message),
        .reply = natsMsg_GetReply(message),
        .body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)},
    };
    return headers_read(out, nats, message);
}

static bool headers_copy(skald_nats_view *view, skald_arena *arena)
{
    skald_header_view *copies = skald_arena_alloc(arena, view->header_count * sizeof *copies);
    for (size_t i = 0; copies != NULL && i < view->header_count; i++) {
        copies[i] = (skald_header_view){skald_arena_text(arena, view->headers[i].name),
                                        skald_arena_text(arena, view->headers[i].value)};
        if (copies[i].name == NULL || copies[i].value == NULL)
            return false;
    }
    view->headers = copies;
    return copies != NULL || view->header_count == 0;
}

skald_status skald_nats_view_copy(skald_nats_view *out, natsMsg *message, skald_arena *arena)
{
    skald_nats scratch = {0}; /* only its space for headers is used */
    skald_nats_view view;
    bool done = skald_nats_view_of(&view, &scratch, message) && headers_copy(&view, arena);
    free(scratch.headers);
    if (done) {
        const bool answerable = view.reply != NULL;
        view.subject = skald_arena_text(arena, view.subject);
        view.reply = skald_arena_text(arena, view.reply);
        view.body = skald_arena_bytes(arena, view.body);
        done = view.subject != NULL && (view.reply != NULL || !answerable) &&
               (view.body.data != NULL || view.body.size == 0);
    }
    if (!done)
        return SKALD_NO_MEMORY;
    *out = view;
    return SKALD_OK;
}
