/* The tables and skald_job_look_on, as HTTP answers. */
#include "api/show.h"

#include "picture/picture.h"
#include "pictures/v1/pictures.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACEHOLDER_GREY 0xe0
#define RESULT_SIZE_MAX 64u

static unsigned number_at(const PGresult *rows, int column)
{
    return (unsigned)strtoul(PQgetvalue(rows, 0, column), NULL, 10);
}

static void answer_placeholder(const PGresult *rows, http_answer *answer)
{
    image plain = {
        .width = number_at(rows, 0), .height = number_at(rows, 1), .channels = number_at(rows, 2)};
    plain.pixels = malloc(picture_size(&plain));
    if (plain.pixels != NULL) {
        memset(plain.pixels, PLACEHOLDER_GREY, picture_size(&plain));
        answer->image = picture_write(&plain, &answer->image_size);
    }
    free(plain.pixels);
    if (answer->image == NULL) {
        http_refuse(answer, 503, "try again");
        return;
    }
    answer->status = 202;
    answer->image_type = picture_type(&plain);
}

static void answer_thumbnail(const PGresult *rows, http_answer *answer)
{
    const image shape = {.channels = number_at(rows, 2)};
    size_t size = 0;
    unsigned char *file = PQunescapeBytea((const unsigned char *)PQgetvalue(rows, 0, 3), &size);
    answer->image = file != NULL ? malloc(size) : NULL;
    if (answer->image != NULL) {
        memcpy(answer->image, file, size);
        answer->image_size = size;
        answer->image_type = picture_type(&shape);
    } else {
        http_refuse(answer, 503, "try again");
    }
    PQfreemem(file);
}

void show_thumbnail(PGconn *connection, const char *id, http_answer *answer)
{
    PGresult *rows = PQexecParams(connection,
                                  "SELECT p.width, p.height, p.channels, t.file FROM picture AS p"
                                  " LEFT JOIN thumbnail AS t ON t.picture_id = p.id"
                                  " WHERE p.id = $1 ORDER BY t.number DESC LIMIT 1",
                                  1, NULL, &id, NULL, NULL, 0);
    if (PQresultStatus(rows) != PGRES_TUPLES_OK)
        http_refuse(answer, 503, "try again");
    else if (PQntuples(rows) == 0)
        http_refuse(answer, 404, "there is no such picture");
    else if (PQgetisnull(rows, 0, 3))
        answer_placeholder(rows, answer);
    else
        answer_thumbnail(rows, answer);
    PQclear(rows);
}

static const char *name_state(skald_job_state state)
{
    static const char *const names[] = {
        [SKALD_JOB_WAITING] = "waiting",     [SKALD_JOB_RUNNING] = "running",
        [SKALD_JOB_DONE] = "done",           [SKALD_JOB_DEAD] = "dead",
        [SKALD_JOB_CANCELLED] = "cancelled", [SKALD_JOB_OVER] = "over",
    };
    return names[state];
}

/* What keep_thumbnail in worker/main.c set; nothing before that. */
static void add_result(json_t *body, const void *encoded, size_t size)
{
    Pictures__V1__ThumbnailMade *made =
        size > 0 && size <= RESULT_SIZE_MAX
            ? pictures__v1__thumbnail_made__unpack(NULL, size, encoded)
            : NULL;
    if (made == NULL)
        return;
    json_object_set_new(body, "width", json_integer(made->width));
    json_object_set_new(body, "height", json_integer(made->height));
    json_object_set_new(body, "size", json_integer((json_int_t)made->size));
    pictures__v1__thumbnail_made__free_unpacked(made, NULL);
}

static json_t *make_view(const skald_job_view *view)
{
    json_t *body = json_pack("{s:s, s:f, s:s, s:i}", "state", name_state(view->state), "progress",
                             view->progress, "note", view->note, "attempts", (int)view->attempts);
    if (view->reason[0] != '\0')
        json_object_set_new(body, "reason", json_string(view->reason));
    return body;
}

void show_job(skald_service *service, PGconn *connection, const char *id, http_answer *answer)
{
    skald_job_view view;
    skald_error error;
    uint8_t result[RESULT_SIZE_MAX];
    switch (skald_job_look_on(service, connection, id, &view, result, sizeof(result), &error)) {
    case SKALD_OK:
        answer->body = make_view(&view);
        add_result(answer->body, result, view.result_size);
        break;
    case SKALD_NOT_FOUND:
        http_refuse(answer, 404, "there is no such job, or it ended long ago");
        break;
    default:
        fprintf(stderr, "LOOK-REFUSED %s\n", error.text);
        http_refuse(answer, 503, "try again");
        break;
    }
}
