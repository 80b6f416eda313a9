/* What can be looked at: thumbnails, and the jobs that make them. */
#ifndef API_SHOW_H
#define API_SHOW_H

#include "common/http_server.h"

#include <libpq-fe.h>
#include <skald/skald.h>

/* The thumbnail (200), or until it is made a placeholder of its size (202). */
void show_thumbnail(PGconn *connection, const char *id, http_answer *answer);

/* How far the job is. */
void show_job(skald_service *service, PGconn *connection, const char *id, http_answer *answer);

#endif
