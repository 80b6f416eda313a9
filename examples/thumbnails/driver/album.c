/* Slopes of colour with some noise on them, so that no two pixels are alike. */
#include "driver/album.h"

#include "common/draw.h"

#include <stdlib.h>

#define WIDTH 160u
#define HEIGHT 120u
#define TOWER_WIDTH 128u
#define TOWER_HEIGHT 4096u

bool album_make(image *out, uint64_t seed, unsigned index, bool tower)
{
    image made = {.width = tower ? TOWER_WIDTH : WIDTH,
                  .height = tower ? TOWER_HEIGHT : HEIGHT,
                  .channels = tower ? 1u : 3u};
    made.pixels = malloc(picture_size(&made));
    if (made.pixels == NULL)
        return false;
    uint64_t random = seed ^ (uint64_t)index << 32;
    const unsigned slope = (unsigned)(draw(&random) % 5) + 1;
    uint64_t noise = 0;
    uint8_t *sample = made.pixels;
    for (size_t i = 0; i < picture_size(&made); i++, noise >>= 8) {
        if (i % 8 == 0)
            noise = draw(&random);
        *sample++ = (uint8_t)(i * slope / made.width + (noise & 0x3f));
    }
    *out = made;
    return true;
}

/* The mean of ALBUM_FACTOR * ALBUM_FACTOR samples. */
static uint8_t mean_of_block(const image *from, unsigned x, unsigned y, unsigned channel)
{
    unsigned sum = ALBUM_FACTOR * ALBUM_FACTOR / 2;
    for (unsigned v = y * ALBUM_FACTOR; v < (y + 1) * ALBUM_FACTOR; v++)
        for (unsigned u = x * ALBUM_FACTOR; u < (x + 1) * ALBUM_FACTOR; u++)
            sum += from->pixels[((size_t)v * from->width + u) * from->channels + channel];
    return (uint8_t)(sum / (ALBUM_FACTOR * ALBUM_FACTOR));
}

static void fill_blocks(const image *from, image *to)
{
    for (unsigned y = 0; y < to->height; y++)
        for (unsigned x = 0; x < to->width; x++)
            for (unsigned channel = 0; channel < to->channels; channel++)
                to->pixels[((size_t)y * to->width + x) * to->channels + channel] =
                    mean_of_block(from, x, y, channel);
}

uint64_t album_expect(const image *original)
{
    image small = {.width = original->width / ALBUM_FACTOR,
                   .height = original->height / ALBUM_FACTOR,
                   .channels = original->channels};
    size_t size = 0;
    small.pixels = malloc(picture_size(&small));
    if (small.pixels != NULL)
        fill_blocks(original, &small);
    void *file = small.pixels != NULL ? picture_write(&small, &size) : NULL;
    const uint64_t sum = file != NULL ? picture_checksum(file, size) : 0;
    free(file);
    free(small.pixels);
    return sum;
}
