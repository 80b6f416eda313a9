/* The pictures that the demo uploads, made from the seed, and what their thumbnails must be. */
#ifndef DRIVER_ALBUM_H
#define DRIVER_ALBUM_H

#include "picture/picture.h"

#include <stdbool.h>

/* Thumbnails are so many times smaller along each side. */
#define ALBUM_FACTOR 4u

/* Makes picture number `index`, colour, or a grey one of a tower, which takes long; its pixels are
 * to be freed. False when memory is exhausted. */
bool album_make(image *out, uint64_t seed, unsigned index, bool tower);

/* The checksum of the file that the thumbnail must be. Worked out in another way than the workers
 * do, so that a mistake there is seen; 0 when memory is exhausted. */
uint64_t album_expect(const image *original);

#endif
