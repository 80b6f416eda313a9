/* Everything a message points to is copied behind it. */
#include "followers/item.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 12 };

/* The text fields of a message, to be walked twice: once to measure, once to copy. */
static void texts_list(skald_message *message, const char **texts[TEXTS])
{
    const char **list[TEXTS] = {
        &message->id,           &message->source,       &message->type,
        &message->key,          &message->content_type, &message->correlation_id,
        &message->causation_id, &message->traceparent,  &message->tracestate,
        &message->headers,      &message->addressee,    &message->control};
    memcpy(texts, list, sizeof list);
}

static const char *text_move(char **at, const char *text)
{
    if (text == NULL)
        return NULL;
    const size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

skald_item *skald_item_new(const skald_message *message, const char *trouble)
{
    skald_message copy = *message;
    const char **texts[TEXTS];
    texts_list(&copy, texts);
    size_t size =
        sizeof(skald_item) + message->body.size + (trouble == NULL ? 0 : strlen(trouble) + 1);
    for (int i = 0; i < TEXTS; i++)
        size += *texts[i] == NULL ? 0 : strlen(*texts[i]) + 1;
    skald_item *item = malloc(size);
    if (item == NULL)
        return NULL;
    char *at = (char *)(item + 1);
    for (int i = 0; i < TEXTS; i++)
        *texts[i] = text_move(&at, *texts[i]);
    *item = (skald_item){.size = size, .trouble = text_move(&at, trouble)};
    if (copy.body.size != 0)
        memcpy(at, copy.body.data, copy.body.size);
    copy.body.data = at;
    item->message = copy;
    assert(at + copy.body.size == (char *)item + size);
    return item;
}

void skald_item_free(skald_item *item)
{
    free(item);
}

void skald_item_free_all(skald_item *first)
{
    while (first != NULL) {
        skald_item *next = first->next;
        skald_item_free(first);
        first = next;
    }
}
