/* The files: "P6 640 480 255", one white space, samples. */
#include "picture/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where we are in the head. */
typedef struct head_reader {
    const uint8_t *at;
    const uint8_t *end;
} head_reader;

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next number after white space; 0 when there is none, or it is beyond what we take. */
static unsigned read_number(head_reader *reader)
{
    unsigned number = 0;
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && number < 100000)
        number = number * 10 + (unsigned)(*reader->at++ - '0');
    return number;
}

size_t picture_size(const image *picture)
{
    return (size_t)picture->width * picture->height * picture->channels;
}

const char *picture_read(image *out, void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (size < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6'))
        return "the picture must be a PGM or PPM file of the binary kind (P5 or P6)";
    head_reader reader = {bytes + 2, bytes + size};
    image read = {.channels = bytes[1] == '5' ? 1 : 3};
    read.width = read_number(&reader);
    read.height = read_number(&reader);
    const unsigned highest = read_number(&reader);
    if (read.width < 1 || read.width > PICTURE_SIDE_MAX || read.height < 1 ||
        read.height > PICTURE_SIDE_MAX)
        return "width and height of the picture must be 1 to 8192";
    if (highest != 255)
        return "the picture must have 8 bits for each sample (255)";
    if (reader.at == reader.end || !is_space(*reader.at))
        return "the picture's head does not end";
    reader.at++;
    if ((size_t)(reader.end - reader.at) != picture_size(&read))
        return "the picture has more or fewer pixels than its head says";
    read.pixels = (uint8_t *)data + (reader.at - bytes);
    *out = read;
    return NULL;
}

size_t picture_write_head(const image *picture, char out[PICTURE_HEAD_SIZE_MAX])
{
    return (size_t)snprintf(out, PICTURE_HEAD_SIZE_MAX, "P%c\n%u %u\n255\n",
                            picture->channels == 1 ? '5' : '6', picture->width, picture->height);
}

void *picture_write(const image *picture, size_t *size)
{
    char head[PICTURE_HEAD_SIZE_MAX];
    const size_t head_size = picture_write_head(picture, head);
    char *file = malloc(head_size + picture_size(picture));
    if (file == NULL)
        return NULL;
    memcpy(file, head, head_size);
    memcpy(file + head_size, picture->pixels, picture_size(picture));
    *size = head_size + picture_size(picture);
    return file;
}

const char *picture_type(const image *picture)
{
    return picture->channels == 1 ? "image/x-portable-graymap" : "image/x-portable-pixmap";
}

uint64_t picture_checksum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}
