/* A box filter in whole numbers. Along one side of n source and m target pixels (n >= m), a source
 * pixel is m units long and a target pixel n: what they share is a whole number of units, and the
 * units of one target pixel are n. */
#include "picture/picture.h"

#include <assert.h>

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many units source pixel `i` (`m` long) shares with target pixel `j` (`n` long). */
static unsigned shared(unsigned i, unsigned m, unsigned j, unsigned n)
{
    return smaller((i + 1) * m, (j + 1) * n) - larger(i * m, j * n);
}

static uint8_t mean_of_area(const image *from, const image *to, unsigned x, unsigned y,
                            unsigned channel)
{
    uint64_t sum = 0;
    for (unsigned v = y * from->height / to->height; v * to->height < (y + 1) * from->height; v++) {
        const unsigned tall = shared(v, to->height, y, from->height);
        const uint8_t *row = from->pixels + (size_t)v * from->width * from->channels;
        uint64_t row_sum = 0;
        for (unsigned u = x * from->width / to->width; u * to->width < (x + 1) * from->width; u++)
            row_sum +=
                (uint64_t)row[u * from->channels + channel] * shared(u, to->width, x, from->width);
        sum += row_sum * tall;
    }
    const uint64_t units = (uint64_t)from->width * from->height;
    return (uint8_t)((sum + units / 2) / units);
}

image picture_shape(const image *from, unsigned width)
{
    image shape = {.width = smaller(width, from->width), .channels = from->channels};
    shape.height = larger(1, (unsigned)((uint64_t)from->height * shape.width / from->width));
    return shape;
}

void picture_scale(const image *from, image *to, unsigned begin, unsigned end)
{
    assert(to->width <= from->width && to->height <= from->height);
    assert(to->channels == from->channels && end <= to->height);
    uint8_t *pixel = to->pixels + (size_t)begin * to->width * to->channels;
    for (unsigned y = begin; y < end; y++)
        for (unsigned x = 0; x < to->width; x++)
            for (unsigned channel = 0; channel < to->channels; channel++)
                *pixel++ = mean_of_area(from, to, x, y, channel);
}
