/* A small HTTP server that speaks JSON on the loopback address. Each connection has a thread, so a
 * handler may wait for a database or another service. The only file that knows libmicrohttpd. */
#ifndef SHOP_HTTP_SERVER_H
#define SHOP_HTTP_SERVER_H

#include <jansson.h>
#include <stddef.h>

#define HTTP_BODY_SIZE_MAX 65536u

typedef struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/orders/7" */
    const json_t *body; /* the request's JSON object; NULL where there is none */
    void *connection;   /* for http_request_header */
} http_request;

/* A header of the request, its name compared without case; NULL when it is not there. */
const char *http_request_header(const http_request *request, const char *name);

typedef struct http_answer {
    unsigned status;    /* 200 unless the handler says otherwise */
    json_t *body;       /* the handler's to make; the server frees it */
    char location[128]; /* sent as Location unless empty */
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
