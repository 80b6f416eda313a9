/* Only errors need a path as text, so it is put together when there is one. */
#include "codec/path.h"

#include <stdio.h>

static size_t part_add(char *out, size_t used, const char *separator, const char *name)
{
    const int size = snprintf(out + used, SKALD_PATH_TEXT_SIZE - used, "%s%s", separator, name);
    const size_t end = used + (size > 0 ? (size_t)size : 0);
    return end < SKALD_PATH_TEXT_SIZE ? end : SKALD_PATH_TEXT_SIZE - 1;
}

void skald_path_text(const skald_path *path, const ProtobufCFieldDescriptor *last,
                     char out[SKALD_PATH_TEXT_SIZE])
{
    size_t used = part_add(out, 0, "", path->root->name);
    for (size_t i = 0; i < path->count; i++)
        used = part_add(out, used, ".", path->fields[i]->name);
    if (last != NULL)
        part_add(out, used, ".", last->name);
}
