/* An upload becomes a row and a job in one transaction, and is answered at once: a placeholder can
 * be shown until the thumbnail is there. */
#include "api/api.h"

#include "api/show.h"
#include "common/http_server.h"
#include "common/pool.h"
#include "common/settings.h"
#include "picture/picture.h"
#include "pictures/v1/pictures.pb-c.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 8u
#define QUEUE "thumbnails"
#define WIDTH_DEFAULT 128
#define WIDTH_MAX 1024

struct pictures_api {
    skald_service *service;
    connection_pool *pool;
    http_server *server;
};

/* What a customer asks for. */
typedef struct upload_wish {
    const void *file; /* the request's */
    size_t size;
    image shape; /* of the thumbnail */
    bool paying;
    char unique[64]; /* the same for the same picture and width */
    char id[37];
} upload_wish;

/* What is wrong with the request, or NULL. */
static const char *read_upload(const http_request *request, upload_wish *out)
{
    const char *width_text = http_request_query(request, "width");
    const char *plan = http_request_query(request, "plan");
    const long width = width_text != NULL ? strtol(width_text, NULL, 10) : WIDTH_DEFAULT;
    image original;
    if (request->image == NULL)
        return "the body must be a picture, with a Content-Type such as image/x-portable-pixmap";
    const char *wrong = picture_read(&original, (void *)request->image, request->image_size);
    if (wrong != NULL)
        return wrong;
    if (width < 1 || width > WIDTH_MAX)
        return "?width= must be 1 to 1024";
    if (plan != NULL && strcmp(plan, "free") != 0 && strcmp(plan, "paying") != 0)
        return "?plan= must be free or paying";
    *out = (upload_wish){.file = request->image, .size = request->image_size};
    out->shape = picture_shape(&original, (unsigned)width);
    out->paying = plan != NULL && strcmp(plan, "paying") == 0;
    snprintf(out->unique, sizeof(out->unique), "%016" PRIx64 "-%ld",
             picture_checksum(request->image, request->image_size), width);
    return NULL;
}

static bool run(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done;
}

/* While a job for this picture is not over there is no second one: upload->id is then its id. */
static bool enqueue(pictures_api *api, PGconn *connection, upload_wish *upload, bool *is_new)
{
    char id[37];
    skald_uuid7(id);
    Pictures__V1__MakeThumbnail wish = PICTURES__V1__MAKE_THUMBNAIL__INIT;
    wish.picture_id = id;
    wish.width = upload->shape.width;
    skald_enqueue_options options = SKALD_ENQUEUE_OPTIONS_INIT;
    options.id = id;
    options.unique = upload->unique;
    options.priority = upload->paying ? SKALD_PRIORITY_HIGH : SKALD_PRIORITY_NORMAL;
    skald_error error;
    if (skald_enqueue_on(api->service, connection, QUEUE, &wish.base, &options, upload->id,
                         &error) != SKALD_OK) {
        fprintf(stderr, "UPLOAD-REFUSED %s\n", error.text);
        return false;
    }
    *is_new = strcmp(id, upload->id) == 0;
    return true;
}

static bool insert_picture(PGconn *connection, const upload_wish *upload)
{
    char width[16];
    char height[16];
    char channels[16];
    snprintf(width, sizeof(width), "%u", upload->shape.width);
    snprintf(height, sizeof(height), "%u", upload->shape.height);
    snprintf(channels, sizeof(channels), "%u", upload->shape.channels);
    const char *values[] = {upload->id, width, height, channels, upload->file};
    const int sizes[] = {0, 0, 0, 0, (int)upload->size};
    const int formats[] = {0, 0, 0, 0, 1};
    PGresult *result = PQexecParams(connection,
                                    "INSERT INTO picture (id, width, height, channels, original)"
                                    " VALUES ($1, $2, $3, $4, $5)",
                                    5, NULL, values, sizes, formats, 0);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done;
}

static void accept_upload(http_answer *answer, const char *id)
{
    char thumbnail[64];
    char job[64];
    snprintf(thumbnail, sizeof(thumbnail), "/thumbnails/%s", id);
    snprintf(job, sizeof(job), "/jobs/%s", id);
    answer->status = 202;
    answer->body = json_pack("{s:s, s:s, s:s}", "id", id, "thumbnail", thumbnail, "job", job);
    snprintf(answer->location, sizeof(answer->location), "%s", thumbnail);
}

/* The picture and its job commit together, or neither is there. */
static void take_picture(pictures_api *api, PGconn *connection, upload_wish *upload,
                         http_answer *answer)
{
    bool is_new = false;
    if (run(connection, "BEGIN") && enqueue(api, connection, upload, &is_new) &&
        (!is_new || insert_picture(connection, upload)) && run(connection, "COMMIT")) {
        skald_ring(api->service);
        accept_upload(answer, upload->id);
    } else {
        http_refuse(answer, 503, "try again");
    }
    if (PQtransactionStatus(connection) != PQTRANS_IDLE)
        run(connection, "ROLLBACK");
}

static void post_picture(pictures_api *api, const http_request *request, http_answer *answer)
{
    upload_wish upload;
    const char *wrong = read_upload(request, &upload);
    if (wrong != NULL) {
        http_refuse(answer, 400, wrong);
        return;
    }
    PGconn *connection = pool_take(api->pool);
    take_picture(api, connection, &upload, answer);
    pool_give(api->pool, connection);
}

/* One that waits is over at once; one that is being made is told, and soon over. */
static void cancel_job(skald_service *service, PGconn *connection, const char *id,
                       http_answer *answer)
{
    skald_error error;
    switch (skald_cancel_on(service, connection, id, "the customer does not want it any more",
                            &error)) {
    case SKALD_OK:
        skald_ring(service);
        show_job(service, connection, id, answer);
        break;
    case SKALD_NOT_FOUND:
        http_refuse(answer, 404, "there is no such job, or it is over");
        break;
    default:
        fprintf(stderr, "CANCEL-REFUSED %s\n", error.text);
        http_refuse(answer, 503, "try again");
        break;
    }
}

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

/* What is asked about one picture: "GET /thumbnails/" and the like. */
static bool is_about(const http_request *request, const char *method, const char *folder)
{
    return strcmp(request->method, method) == 0 &&
           strncmp(request->path, folder, strlen(folder)) == 0 &&
           is_uuid(request->path + strlen(folder));
}

static void answer_about(pictures_api *api, const http_request *request, http_answer *answer)
{
    PGconn *connection = pool_take(api->pool);
    if (is_about(request, "GET", "/thumbnails/"))
        show_thumbnail(connection, request->path + strlen("/thumbnails/"), answer);
    else if (is_about(request, "GET", "/jobs/"))
        show_job(api->service, connection, request->path + strlen("/jobs/"), answer);
    else if (is_about(request, "DELETE", "/jobs/"))
        cancel_job(api->service, connection, request->path + strlen("/jobs/"), answer);
    else
        http_refuse(answer, 404,
                    "there are only POST /thumbnails, GET /thumbnails/{id}, GET /jobs/{id} and"
                    " DELETE /jobs/{id}");
    pool_give(api->pool, connection);
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    pictures_api *api = user;
    if (strcmp(request->method, "POST") == 0 && strcmp(request->path, "/thumbnails") == 0)
        post_picture(api, request, answer);
    else
        answer_about(api, request, answer);
}

skald_status pictures_api_open(pictures_api **out, skald_service *service, skald_error *error)
{
    const unsigned port = (unsigned)setting_number("THUMBNAILS_PORT", 8080, 0, 65535);
    pictures_api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the HTTP server");
    api->service = service;
    api->pool = pool_open("", CONNECTIONS);
    api->server = api->pool != NULL ? http_server_open(port, on_request, api) : NULL;
    if (api->server == NULL) {
        pictures_api_free(api);
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "cannot listen on 127.0.0.1:%u: choose another THUMBNAILS_PORT",
                               port);
    }
    setting_announce_port("THUMBNAILS_PORT_FILE", http_server_port(api->server));
    *out = api;
    return SKALD_OK;
}

void pictures_api_free(pictures_api *api)
{
    if (api == NULL)
        return;
    http_server_free(api->server);
    pool_free(api->pool);
    free(api);
}
