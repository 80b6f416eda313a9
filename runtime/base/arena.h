/* Memory that is freed all at once: a batch's or a message's. Not thread-safe. */
#ifndef SKALD_BASE_ARENA_H
#define SKALD_BASE_ARENA_H

#include <skald/message.h>
#include <stddef.h>

typedef struct skald_arena_block skald_arena_block;

/* Zero-initialised is an empty arena without a limit. */
typedef struct skald_arena {
    skald_arena_block *blocks; /* newest first */
    size_t size_max;           /* of everything allocated since the last reset; 0: no limit */
    size_t size;
} skald_arena;

/* Empty, with a limit in bytes (0: none). Allocates nothing yet. */
void skald_arena_init(skald_arena *arena, size_t size_max);

/* Zeroed, aligned for any type; lives until reset or done. NULL above the limit or without memory.
 */
void *skald_arena_alloc(skald_arena *arena, size_t size);

/* Copies; NULL in gives NULL out. */
char *skald_arena_text(skald_arena *arena, const char *text);
char *skald_arena_text_sized(skald_arena *arena, const char *text, size_t size);
skald_bytes skald_arena_bytes(skald_arena *arena, skald_bytes bytes);

/* Formats; NULL without memory. */
char *skald_arena_format(skald_arena *arena, const char *format, ...) SKALD_PRINTF(2, 3);

/* Frees everything but one block, which is used again. */
void skald_arena_reset(skald_arena *arena);

/* Frees everything. */
void skald_arena_done(skald_arena *arena);

#endif
