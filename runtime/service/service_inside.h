/* The inside of a skald_service, shared by the files of this folder. */
#ifndef SKALD_SERVICE_INSIDE_H
#define SKALD_SERVICE_INSIDE_H

#include "engine/engine.h"
#include "flows/flows.h"
#include "followers/follower.h"
#include "followers/hub.h"
#include "followers/worker.h"
#include "keeper/keeper.h"
#include "leases/leases.h"
#include "outbox/bell.h"
#include "outbox/relay.h"
#include "pg/connection.h"
#include "queues/queues.h"

#include <skald/service.h>

enum { SKALD_SERVICE_NAME_MAX = 32, SKALD_FOLLOWERS_MAX = 60 };

typedef enum skald_service_state {
    SKALD_SERVICE_OPEN,
    SKALD_SERVICE_RUNNING,
    SKALD_SERVICE_STOPPED,
    SKALD_SERVICE_STUCK, /* a handler did not return: its memory must stay */
} skald_service_state;

typedef struct skald_schedule_row skald_schedule_row; /* service/schedule.c */

struct skald_service {
    char name[SKALD_SERVICE_NAME_MAX + 1];
    skald_options options;             /* its strings are copies */
    skald_error mistake;               /* the first one made before the start */
    _Atomic skald_service_state state; /* threads of its own may ring before the start returns */
    int stop_event;                    /* an eventfd: readable once a stop is requested */
    skald_follower *followers;
    uint32_t follower_count;
    skald_schedule_row *schedules;
    skald_flows flows;
    skald_work_queue *work_queues;
    skald_sagas *sagas; /* NULL: none is registered */

    char process_id[37];
    char application[SKALD_APPLICATION_SIZE];
    char bell_subject[SKALD_SERVICE_NAME_MAX + 16];
    char queue_subject[SKALD_SERVICE_NAME_MAX + 16];
    char sagas_subject[SKALD_SERVICE_NAME_MAX + 16];
    skald_log log;
    skald_nats *nats;
    skald_bell bell; /* of the relay */
    skald_relay *relay;
    skald_keeper *keeper;
    skald_leases *leases;
    skald_hub hub;
    skald_worker **workers;
    uint32_t worker_count;
    skald_queues *queues; /* NULL: none is declared */
    skald_engine *engine; /* NULL: there are no sagas */
    atomic_uint_fast64_t relayed;
};

/* Remembers the first mistake made before the start, which will tell it; returns its status. */
skald_status skald_mistake_keep(skald_service *service, const skald_error *error);

/* The follower of that name; a new one when there is none. The options' policy is one that
 * skald_policy_take accepts, the rest of them was checked. */
skald_status skald_follower_declare(skald_follower **out, skald_service *service, const char *name,
                                    const char *stream, const skald_follow_options *options,
                                    skald_error *error);

/* Makes the rows of the declared queues and starts their threads, if there are any. */
skald_status skald_service_queues_ready(skald_service *service, skald_error *error);
void skald_service_queues_free(skald_service *service);

/* Sagas: what is registered is checked, written down, and stepped from then on. */
skald_status skald_service_sagas_check(skald_service *service, skald_error *error);
skald_status skald_service_sagas_register(skald_service *service, skald_pg *pg, skald_error *error);
skald_status skald_service_sagas_ready(skald_service *service, skald_error *error);
void skald_service_sagas_free(skald_service *service);

/* Checks options and copies their strings. */
skald_status skald_options_take(skald_options *out, const skald_options *given, skald_error *error);
void skald_options_done(skald_options *options);

/* Parses a policy once (NULL: defaults); a mistake is told with the name of the struct it is in. */
skald_status skald_policy_take(skald_policy_plan *out, const skald_policy *policy,
                               const char *where, skald_error *error);

/* A service's or follower's name: lower-case letters, digits and "-", beginning with a letter. */
bool skald_name_valid(const char *name);

/* Refuses a database whose settings would break a promise, unless `allow` names them. */
skald_status skald_safety_check(skald_pg *pg, const char *allow, skald_error *error);

/* Is `word` among the blank-separated words of `list`? */
bool skald_word_listed(const char *list, const char *word);

/* Tells the leases what one process of the service leads. */
void skald_duties_add(skald_service *service);

/* Writes what was declared with skald_schedule; queues that it names are in the database. */
skald_status skald_schedules_declare(skald_service *service, skald_pg *pg, skald_error *error);
void skald_schedules_free(skald_service *service);

/* Makes the service and its database know each other: schema, name, partitions (out). */
skald_status skald_identity_check(skald_service *service, skald_pg *pg, skald_error *error);

/* Tells the database what the messages look like that this program handles. */
skald_status skald_types_register(skald_service *service, skald_pg *pg, skald_error *error);

/* This process was forked from the one that opened the service, and is to run it. Not yet any
 * thread. */
void skald_service_forked(skald_service *service);

/* Writes down what processes before this one had in hand when they crashed, and that they are gone,
 * so that their partitions are free. Called before anything is handled. */
skald_status skald_service_aftermath(skald_service *service, skald_pg *pg, skald_error *error);

#endif
