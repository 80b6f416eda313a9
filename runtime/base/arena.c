/* A list of blocks; each allocation is cut from the newest one. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE_MIN = 16 * 1024, BLOCK_SIZE_KEPT_MAX = 1024 * 1024 };

struct skald_arena_block {
    skald_arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

void skald_arena_init(skald_arena *arena, size_t size_max)
{
    *arena = (skald_arena){.size_max = size_max};
}

static skald_arena_block *block_add(skald_arena *arena, size_t size)
{
    size_t block_size = BLOCK_SIZE_MIN;
    if (arena->blocks != NULL && arena->blocks->size < BLOCK_SIZE_KEPT_MAX)
        block_size = arena->blocks->size * 2;
    if (block_size < size)
        block_size = size;
    skald_arena_block *block = malloc(sizeof *block + block_size);
    if (block == NULL)
        return NULL;
    *block = (skald_arena_block){.next = arena->blocks, .size = block_size};
    arena->blocks = block;
    return block;
}

void *skald_arena_alloc(skald_arena *arena, size_t size)
{
    if (size == 0)
        size = 1;
    if (size > SIZE_MAX - alignof(max_align_t))
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (arena->size_max != 0 && (size > arena->size_max || arena->size > arena->size_max - size))
        return NULL;
    skald_arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size)
        block = block_add(arena, size);
    if (block == NULL)
        return NULL;
    void *memory = block->data + block->used;
    block->used += size;
    arena->size += size;
    return memset(memory, 0, size);
}

char *skald_arena_text(skald_arena *arena, const char *text)
{
    return text == NULL ? NULL : skald_arena_text_sized(arena, text, strlen(text));
}

char *skald_arena_text_sized(skald_arena *arena, const char *text, size_t size)
{
    if (text == NULL || size == SIZE_MAX)
        return NULL;
    char *copy = skald_arena_alloc(arena, size + 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

skald_bytes skald_arena_bytes(skald_arena *arena, skald_bytes bytes)
{
    void *copy = skald_arena_alloc(arena, bytes.size);
    if (copy == NULL)
        return (skald_bytes){0};
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return (skald_bytes){copy, bytes.size};
}

char *skald_arena_format(skald_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return NULL;
    char *text = skald_arena_alloc(arena, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

void skald_arena_reset(skald_arena *arena)
{
    skald_arena_block *kept = arena->blocks;
    if (kept != NULL && kept->size > BLOCK_SIZE_KEPT_MAX) {
        skald_arena_done(arena);
        return;
    }
    if (kept != NULL) {
        skald_arena rest = {.blocks = kept->next};
        skald_arena_done(&rest);
        kept->next = NULL;
        kept->used = 0;
    }
    arena->size = 0;
}

void skald_arena_done(skald_arena *arena)
{
    while (arena->blocks != NULL) {
        skald_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->size = 0;
}
