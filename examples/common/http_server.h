/* A small HTTP server on the loopback address that speaks JSON, and images where they are sent.
 * Each connection has a thread, so a handler may wait for a database or another service. The only
 * file that knows libmicrohttpd. */
#ifndef EXAMPLES_HTTP_SERVER_H
#define EXAMPLES_HTTP_SERVER_H

#include <jansson.h>
#include <stddef.h>

#define HTTP_BODY_SIZE_MAX 65536u
#define HTTP_IMAGE_SIZE_MAX (4u * 1024u * 1024u)

typedef struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/orders/7" */
    const json_t *body; /* the request's JSON object; NULL where there is none */
    const void *image;  /* the body of a request whose Content-Type begins with "image/"; or NULL */
    size_t image_size;
    void *connection; /* for http_request_header and http_request_query */
} http_request;

/* A header of the request, its name compared without case; NULL when it is not there. */
const char *http_request_header(const http_request *request, const char *name);

/* What stands behind "name=" in the query; NULL when it is not there. */
const char *http_request_query(const http_request *request, const char *name);

typedef struct http_answer {
    unsigned status;        /* 200 unless the handler says otherwise */
    json_t *body;           /* the handler's to make; the server frees it */
    char location[128];     /* sent as Location unless empty */
    unsigned retry_after_s; /* sent as Retry-After unless 0 */
    void *image;            /* instead of `body`: made with malloc; the server frees it */
    size_t image_size;
    const char *image_type; /* "image/x-portable-pixmap"; a constant */
} http_answer;

/* Runs on any of the server's threads. */
typedef void http_handler(void *user, const http_request *request, http_answer *answer);

/* Answers with {"error": text}. */
void http_refuse(http_answer *answer, unsigned status, const char *text);

typedef struct http_server http_server;

/* Listens on 127.0.0.1; port 0 takes a free one. NULL when it cannot. */
http_server *http_server_open(unsigned port, http_handler *handler, void *user);
unsigned http_server_port(const http_server *server);

/* Finishes the requests in hand. NULL is accepted. */
void http_server_free(http_server *server);

#endif
