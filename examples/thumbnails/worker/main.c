/* A worker of the service "thumbnails": takes jobs of the queue "thumbnails" and makes the
 * pictures. There may be any number of them, on any machine that reaches the database: start one
 * more and the work is shared; kill one and the others do what it had in hand. */
#include "common/clock.h"
#include "common/settings.h"
#include "picture/picture.h"
#include "pictures/v1/pictures.pb-c.h"

#include <libpq-fe.h>
#include <skald/skald.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAND_ROWS 16u /* made at a time; progress is told after each */

/* The picture from the table. `*file` is to be freed with PQfreemem. */
static skald_status load_picture(skald_context *context, const char *id, image *out,
                                 unsigned char **file)
{
    PGresult *rows = NULL;
    const skald_status status =
        skald_query(context, &rows, "SELECT original FROM picture WHERE id = $1", id);
    if (status != SKALD_OK)
        return status;
    if (PQntuples(rows) == 0)
        return skald_skip(context, "picture %s is not there any more", id);
    size_t size = 0;
    *file = PQunescapeBytea((const unsigned char *)PQgetvalue(rows, 0, 0), &size);
    if (*file == NULL)
        return SKALD_NO_MEMORY;
    const char *wrong = picture_read(out, *file, size);
    return wrong == NULL ? SKALD_OK : skald_dead(context, "picture %s: %s", id, wrong);
}

/* Band by band, so that whoever waits sees it grow, and so that it can be cancelled. */
static skald_status scale_picture(skald_context *context, const image *from, image *to)
{
    const long *delay_ms = skald_context_user(context);
    for (unsigned row = 0; row < to->height;) {
        const unsigned end = row + BAND_ROWS < to->height ? row + BAND_ROWS : to->height;
        clock_sleep_ms(*delay_ms); /* this is where a store of pictures would be read */
        picture_scale(from, to, row, end);
        row = end;
        char note[64];
        snprintf(note, sizeof(note), "row %u of %u", row, to->height);
        const skald_status status = skald_progress(context, (double)row / (double)to->height, note);
        if (status != SKALD_OK)
            return status; /* cancelled, or the worker is being stopped */
    }
    return SKALD_OK;
}

/* The file and the result, committed together with the end of the job. */
static skald_status keep_thumbnail(skald_context *context, const char *id, const char *file,
                                   size_t size, const image *thumbnail)
{
    const skald_status status =
        skald_exec(context, "INSERT INTO thumbnail (picture_id, file, made_by) VALUES ($1, $2, $3)",
                   id, skald_bytea(file, size), (int64_t)getpid());
    if (status != SKALD_OK)
        return status;
    Pictures__V1__ThumbnailMade made = PICTURES__V1__THUMBNAIL_MADE__INIT;
    made.width = thumbnail->width;
    made.height = thumbnail->height;
    made.size = size;
    return skald_result(context, &made.base);
}

static skald_status make(skald_context *context, const Pictures__V1__MakeThumbnail *wish,
                         const image *original)
{
    image thumbnail = picture_shape(original, wish->width);
    char head[PICTURE_HEAD_SIZE_MAX];
    const size_t head_size = picture_write_head(&thumbnail, head);
    char *file = skald_alloc(context, head_size + picture_size(&thumbnail));
    if (file == NULL)
        return SKALD_NO_MEMORY;
    memcpy(file, head, head_size);
    thumbnail.pixels = (uint8_t *)file + head_size;
    const skald_status status = scale_picture(context, original, &thumbnail);
    return status != SKALD_OK ? status
                              : keep_thumbnail(context, wish->picture_id, file,
                                               head_size + picture_size(&thumbnail), &thumbnail);
}

SKALD_ACTIVITY(make_thumbnail, pictures__v1__make_thumbnail)
{
    image original;
    unsigned char *file = NULL;
    skald_status status = load_picture(context, input->picture_id, &original, &file);
    if (status == SKALD_OK)
        status = make(context, input, &original);
    PQfreemem(file);
    return status;
}

int main(int argc, char **argv)
{
    long delay_ms = setting_number("THUMBNAILS_DELAY_MS", 24, 0, 1000);
    skald_options options = SKALD_OPTIONS_INIT;
    options.user = &delay_ms;
    options.lease_ms = 2000; /* a worker that is gone is missed after that */
    skald_queue_options work = SKALD_QUEUE_OPTIONS_INIT;
    work.threads = (uint32_t)setting_number("THUMBNAILS_THREADS", 2, 1, 64);
    skald_service *service = skald_service_open("thumbnails", &options);
    skald_queue(service, "thumbnails", make_thumbnail, &work);
    return skald_main(service, argc, argv);
}
