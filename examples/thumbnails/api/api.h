/* The HTTP API of the service "thumbnails". */
#ifndef API_API_H
#define API_API_H

#include <skald/skald.h>

typedef struct pictures_api pictures_api;

/* Listens on THUMBNAILS_PORT (8080; 0 takes a free one). The service must run. */
skald_status pictures_api_open(pictures_api **out, skald_service *service, skald_error *error);

/* Finishes the requests in hand. NULL is accepted. */
void pictures_api_free(pictures_api *api);

#endif
