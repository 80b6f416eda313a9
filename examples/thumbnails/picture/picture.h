/* Pictures as the Netpbm formats P5 (grey, PGM) and P6 (colour, PPM) have them: a few words of text
 * and then 8 bits for each sample. Enough for real pixels without a library. Pure. */
#ifndef PICTURE_PICTURE_H
#define PICTURE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_SIDE_MAX 8192u
#define PICTURE_HEAD_SIZE_MAX 32u

typedef struct image {
    unsigned width;
    unsigned height;
    unsigned channels; /* 1: grey, 3: colour */
    uint8_t *pixels;   /* height * width * channels samples */
} image;

size_t picture_size(const image *picture);

/* Reads a file; the pixels are those in `data`, not a copy. Returns NULL, or what is wrong. */
const char *picture_read(image *out, void *data, size_t size);

/* Writes the head of the file, which the pixels follow, and returns its size. */
size_t picture_write_head(const image *picture, char out[PICTURE_HEAD_SIZE_MAX]);

/* The whole file, made with malloc; NULL when memory is exhausted. */
void *picture_write(const image *picture, size_t *size);

/* "image/x-portable-graymap" or "image/x-portable-pixmap". */
const char *picture_type(const image *picture);

/* The shape that `from` has when it is `width` pixels wide; without pixels. */
image picture_shape(const image *from, unsigned width);

/* Fills the rows from `begin` up to `end` of `to`, which must not be larger than `from`: each pixel
 * is the mean of the area that it covers, parts of pixels counted as parts. */
void picture_scale(const image *from, image *to, unsigned begin, unsigned end);

/* Two pictures with the same checksum are taken for the same: FNV-1a, 64 bits. */
uint64_t picture_checksum(const void *data, size_t size);

#endif
