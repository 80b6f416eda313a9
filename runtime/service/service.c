/* The life of a service: open, start, run, stop, free. */
#include "base/clock.h"
#include "base/crash_point.h"
#include "flows/definitions.h"
#include "followers/feeder.h"
#include "service/service_inside.h"
#include "supervisor/notify.h"
#include "supervisor/supervised.h"

#include <errno.h>
#include <poll.h>
#include <skald/publish.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORKER_END_MS = 1000 };

skald_service *skald_service_open(const char *name, const skald_options *options)
{
    skald_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return NULL;
    skald_error error = {0};
    service->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service->stop_event < 0)
        skald_error_set(&error, SKALD_NO_MEMORY, "no file descriptor for a service: %s",
                        strerror(errno));
    else if (!skald_name_valid(name))
        skald_error_set(&error, SKALD_INVALID,
                        "\"%.60s\" is not a service name: lower-case letters, digits and \"-\", "
                        "beginning with a letter, at most %d characters",
                        name == NULL ? "NULL" : name, SKALD_SERVICE_NAME_MAX);
    if (error.status == SKALD_OK) {
        snprintf(service->name, sizeof service->name, "%s", name);
        if (skald_options_take(&service->options, options, &error) == SKALD_OK)
            skald_policy_take(&service->hub.policy, service->options.policy, "skald_options",
                              &error);
    }
    service->mistake = error;
    pthread_mutex_init(&service->hub.suspects, NULL);
    skald_bell_init(&service->bell);
    pthread_mutex_init(&service->hub.names_lock, NULL);
    skald_log_init(&service->log, service->name, service->options.log, service->options.log_user);
    return service;
}

/* --- starting ------------------------------------------------------------------------------- */

/* Without NATS there is only one outbox to follow: our own. */
static skald_status reach_check(skald_service *service, skald_error *error)
{
    for (skald_follower *follower = service->followers; follower != NULL;
         follower = follower->next) {
        follower->direct = service->options.nats_url == NULL;
        if (follower->direct && strcmp(follower->stream, service->name) != 0)
            return skald_error_set(
                error, SKALD_INVALID,
                "service \"%s\" follows \"%s\", which is reached through NATS only: "
                "set NATS_URL",
                service->name, follower->stream);
    }
    return SKALD_OK;
}

static void hub_fill(skald_service *service)
{
    skald_hub *hub = &service->hub;
    hub->service = service;
    hub->name = service->name;
    hub->database = service->options.database;
    hub->application = service->application;
    hub->process_id = service->process_id;
    gethostname(hub->host, sizeof hub->host - 1);
    hub->pid = getpid();
    hub->batch_max = service->options.batch_max;
    hub->handler_ms = service->options.handler_ms;
    hub->lanes_max = (service->follower_count + 1) * SKALD_PARTITIONS_MAX;
    hub->log = &service->log;
    hub->user = service->options.user;
}

static skald_status database_ready(skald_service *service, skald_error *error)
{
    skald_pg *pg = NULL;
    skald_status status =
        skald_pg_open(&pg, service->options.database, service->application, error);
    if (status == SKALD_OK)
        status = skald_identity_check(service, pg, error);
    if (status == SKALD_OK)
        status = skald_types_register(service, pg, error);
    if (status == SKALD_OK)
        status = skald_flows_declare(&service->flows, pg, error);
    if (status == SKALD_OK)
        status = skald_service_aftermath(service, pg, error);
    if (status == SKALD_OK)
        status = skald_service_sagas_register(service, pg, error);
    skald_pg_close(pg);
    return status;
}

static skald_status broker_ready(skald_service *service, skald_error *error)
{
    if (service->options.nats_url == NULL)
        return SKALD_OK;
    skald_status status = skald_nats_open(&service->nats, service->options.nats_url,
                                          service->application, &service->log, error);
    if (status != SKALD_OK)
        return status;
    service->hub.nats = service->nats;
    const skald_relay_options options = {
        .service = service->name,
        .database = service->options.database,
        .application = service->application,
        .partitions = service->hub.partitions,
        .nats = service->nats,
        .bell = &service->bell,
        .log = &service->log,
        .relayed = &service->relayed,
    };
    status = skald_relay_check(&options, error);
    return status != SKALD_OK ? status : skald_relay_open(&service->relay, &options, error);
}

static void keeper_published(void *user)
{
    skald_ring(user);
}

static skald_status keeper_ready(skald_service *service, skald_error *error)
{
    const skald_keeper_options options = {
        .service = service->name,
        .database = service->options.database,
        .application = service->application,
        .nats = service->nats,
        .log = &service->log,
        .alert_command = service->options.alert_command,
        .alert_interval_ms = service->options.alert_interval_ms,
        .delayed = &service->hub.tally.delayed,
        .published = keeper_published,
        .user = service,
    };
    skald_status status = skald_keeper_open(&service->keeper, &options, error);
    for (const skald_follower *follower = service->followers;
         follower != NULL && status == SKALD_OK; follower = follower->next)
        status = skald_keeper_watch(service->keeper, follower->name, false, &follower->options.caps,
                                    error);
    for (const skald_work_queue *queue = service->work_queues; queue != NULL && status == SKALD_OK;
         queue = queue->next)
        status =
            skald_keeper_watch(service->keeper, queue->name, true, &queue->options.caps, error);
    return status;
}

/* After the queues, whose rows those of schedules may name. */
static skald_status schedules_ready(skald_service *service, skald_error *error)
{
    if (service->schedules == NULL)
        return SKALD_OK;
    skald_pg *pg = NULL;
    skald_status status =
        skald_pg_open(&pg, service->options.database, service->application, error);
    if (status == SKALD_OK)
        status = skald_schedules_declare(service, pg, error);
    skald_pg_close(pg);
    return status;
}

static skald_status leases_ready(skald_service *service, skald_error *error)
{
    const skald_leases_options options = {
        .service = service->name,
        .database = service->options.database,
        .application = service->application,
        .process_id = service->process_id,
        .lease_ms = service->options.lease_ms,
        .log = &service->log,
    };
    const skald_status status = skald_leases_open(&service->leases, &options, error);
    service->hub.leases = service->leases;
    if (status == SKALD_OK)
        skald_duties_add(service);
    return status;
}

static skald_status workers_start(skald_service *service, skald_error *error)
{
    if (service->followers == NULL)
        return SKALD_OK;
    service->workers = calloc(service->options.workers, sizeof(skald_worker *));
    if (service->workers == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for workers");
    skald_status status = SKALD_OK;
    while (service->worker_count < service->options.workers && status == SKALD_OK) {
        status = skald_worker_open(&service->workers[service->worker_count], &service->hub, error);
        service->worker_count += status == SKALD_OK;
    }
    return status;
}

static skald_status followers_start(skald_service *service, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (skald_follower *follower = service->followers; follower != NULL && status == SKALD_OK;
         follower = follower->next) {
        follower->workers = service->workers;
        follower->worker_count = service->worker_count;
        status = skald_feeder_open(follower, error);
    }
    return status;
}

static skald_status parts_start(skald_service *service, skald_error *error)
{
    skald_status status = reach_check(service, error);
    if (status == SKALD_OK)
        status = skald_service_sagas_check(service, error);
    if (status == SKALD_OK)
        status = database_ready(service, error);
    if (status == SKALD_OK)
        status = broker_ready(service, error);
    if (status == SKALD_OK)
        status = keeper_ready(service, error);
    if (status == SKALD_OK)
        status = leases_ready(service, error);
    if (status == SKALD_OK)
        status = workers_start(service, error);
    if (status == SKALD_OK)
        status = followers_start(service, error);
    if (status == SKALD_OK)
        status = skald_service_queues_ready(service, error);
    if (status == SKALD_OK)
        status = skald_service_sagas_ready(service, error);
    if (status == SKALD_OK)
        status = schedules_ready(service, error);
    if (status == SKALD_OK)
        status = skald_leases_start(service->leases, error);
    return status;
}

static skald_status parts_stop(skald_service *service, uint64_t wait_ms, skald_error *error);

skald_status skald_service_start(skald_service *service, skald_error *error)
{
    if (service == NULL)
        return skald_error_set(error, SKALD_INVALID, "the service is NULL");
    if (service->mistake.status != SKALD_OK) {
        if (error != NULL)
            *error = service->mistake;
        return service->mistake.status;
    }
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "service \"%s\" was started before",
                               service->name);
    if (!skald_crash_point_arm())
        return skald_error_set(error, SKALD_INVALID, "SKALD_CRASH names no crash point: \"%.60s\"",
                               getenv("SKALD_CRASH"));
    skald_uuid7(service->process_id);
    skald_supervised_known(service->process_id);
    skald_leases_application(service->application, service->name, service->process_id);
    snprintf(service->bell_subject, sizeof service->bell_subject, "skald.bell.%s", service->name);
    snprintf(service->queue_subject, sizeof service->queue_subject, "skald.queue.%s",
             service->name);
    snprintf(service->sagas_subject, sizeof service->sagas_subject, "skald.sagas.%s",
             service->name);
    hub_fill(service);
    const skald_status status = parts_start(service, error);
    service->state = SKALD_SERVICE_RUNNING;
    if (status != SKALD_OK) {
        parts_stop(service, service->options.drain_ms, NULL);
        return status;
    }
    skald_log_say(&service->log, SKALD_LOG_INFO, "SERVICE-RUNS", "service \"%s\" runs, process %s",
                  service->name, service->process_id);
    return SKALD_OK;
}

/* --- stopping ------------------------------------------------------------------------------- */

/* The event of the process we were forked from is shared with it, and with all others it forks. */
void skald_service_forked(skald_service *service)
{
    close(service->stop_event);
    service->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service->stop_event < 0)
        skald_error_set(&service->mistake, SKALD_NO_MEMORY, "no file descriptor for a worker: %s",
                        strerror(errno));
}

void skald_service_request_stop(skald_service *service)
{
    if (service == NULL)
        return;
    const int errno_before = errno;
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then a stop was requested long ago. */
    const ssize_t written = write(service->stop_event, &one, sizeof one);
    (void)written;
    errno = errno_before;
}

static uint64_t time_left(uint64_t deadline_ms)
{
    const uint64_t now_ms = skald_clock_ms();
    return now_ms < deadline_ms ? deadline_ms - now_ms : 0;
}

/* Workers end after the batch in hand; false when one does not return. */
static bool workers_stop(skald_service *service, uint64_t deadline_ms)
{
    for (uint32_t i = 0; i < service->worker_count; i++)
        skald_worker_stop(service->workers[i]);
    bool all = true;
    for (uint32_t i = 0; i < service->worker_count; i++)
        all = skald_worker_join(service->workers[i], time_left(deadline_ms)) && all;
    return all;
}

static void parts_free(skald_service *service)
{
    skald_leases_close(service->leases);
    for (uint32_t i = 0; i < service->worker_count; i++)
        skald_worker_close(service->workers[i]);
    for (skald_follower *follower = service->followers; follower != NULL;
         follower = follower->next) {
        skald_feeder_close(follower->feeder);
        follower->feeder = NULL;
        skald_follower_done(follower);
    }
    free(service->workers);
    service->workers = NULL;
    service->worker_count = 0;
    service->leases = NULL;
}

/* In the order of the way of a message: nothing new comes in, what is in hand is finished,
 * partitions are given back, connections close. */
static skald_status parts_stop(skald_service *service, uint64_t wait_ms, skald_error *error)
{
    const uint64_t deadline_ms = skald_clock_ms() + wait_ms;
    /* Jobs first, while handlers go on: as long as they run, our row in skald.process must live. */
    skald_queues_stop(service->queues);
    const bool jobs_ended = skald_queues_join(service->queues, wait_ms);
    for (skald_follower *follower = service->followers; follower != NULL; follower = follower->next)
        skald_feeder_stop(follower->feeder);
    if (service->leases != NULL)
        skald_leases_leave(service->leases, time_left(deadline_ms));
    /* A worker that has nothing in hand needs a moment to end, also when the time is over. */
    const uint64_t end_ms = skald_clock_ms() + WORKER_END_MS;
    const bool returned = workers_stop(service, deadline_ms > end_ms ? deadline_ms : end_ms);
    skald_engine_stop(service->engine);
    const bool stepped =
        skald_engine_join(service->engine, time_left(deadline_ms > end_ms ? deadline_ms : end_ms));
    skald_keeper_close(service->keeper);
    service->keeper = NULL;
    skald_relay_close(service->relay);
    service->relay = NULL;
    if (!returned || !jobs_ended || !stepped) {
        service->state = SKALD_SERVICE_STUCK;
        return skald_error_set(error, SKALD_TIMEOUT,
                               "%s of service \"%s\" did not return within %llu ms",
                               !returned     ? "a handler"
                               : !jobs_ended ? "an activity"
                                             : "a saga's step",
                               service->name, (unsigned long long)wait_ms);
    }
    service->state = SKALD_SERVICE_STOPPED;
    parts_free(service);
    skald_queues_close(service->queues);
    service->queues = NULL;
    skald_engine_close(service->engine);
    service->engine = NULL;
    skald_nats_close(service->nats);
    service->nats = NULL;
    return SKALD_OK;
}

skald_status skald_service_stop(skald_service *service, skald_error *error)
{
    if (service == NULL)
        return skald_error_set(error, SKALD_INVALID, "the service is NULL");
    if (service->state != SKALD_SERVICE_RUNNING)
        return SKALD_OK;
    skald_log_say(&service->log, SKALD_LOG_INFO, "SERVICE-DRAINS",
                  "service \"%s\" finishes what is in hand", service->name);
    const skald_status status = parts_stop(service, service->options.drain_ms, error);
    if (status == SKALD_OK)
        skald_log_say(&service->log, SKALD_LOG_INFO, "SERVICE-STOPPED",
                      "service \"%s\" has stopped", service->name);
    return status;
}

/* In a process that nobody supervises systemd is told from here that it is well. */
static void stop_await(const skald_service *service, skald_notify *notify)
{
    struct pollfd event = {.fd = service->stop_event, .events = POLLIN};
    const int wait_ms = notify->watchdog_ms > 0 ? (int)(notify->watchdog_ms / 2) : -1;
    for (;;) {
        const int ready = poll(&event, 1, wait_ms);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return;
        const uint64_t now_ms = skald_clock_ms();
        const uint64_t since_ms = skald_hand_silent_since_ms(NULL);
        const bool silent = since_ms != 0 && now_ms > since_ms + skald_notify_silence_ms(notify);
        if (!silent && skald_notify_hungry(notify, now_ms))
            skald_notify_feed(notify, now_ms);
    }
}

static void run_until_stop(skald_service *service)
{
    skald_notify notify; /* of a supervised worker: nobody, its supervisor speaks */
    skald_notify_open(&notify);
    skald_supervised_ready();
    skald_notify_say(&notify, "READY=1\nSTATUS=runs");
    stop_await(service, &notify);
    skald_notify_say(&notify, "STOPPING=1\nSTATUS=drains");
    skald_notify_close(&notify);
    if (service->options.on_stop != NULL)
        service->options.on_stop(service, service->options.user);
}

skald_status skald_service_run(skald_service *service, skald_error *error)
{
    skald_status status = skald_service_start(service, error);
    if (status != SKALD_OK)
        return status;
    const skald_options *options = &service->options;
    if (options->on_start != NULL)
        status = options->on_start(service, options->user, error);
    if (status == SKALD_OK)
        run_until_stop(service);
    const skald_status stopped = skald_service_stop(service, status == SKALD_OK ? error : NULL);
    return status != SKALD_OK ? status : stopped;
}

void skald_service_free(skald_service *service)
{
    if (service == NULL)
        return;
    if (service->state == SKALD_SERVICE_RUNNING)
        skald_service_stop(service, NULL);
    /* A thread that runs user code still uses it: better to leak than to crash. */
    if (service->state == SKALD_SERVICE_STUCK)
        return;
    while (service->followers != NULL) {
        skald_follower *next = service->followers->next;
        free(service->followers);
        service->followers = next;
    }
    skald_schedules_free(service);
    skald_service_queues_free(service);
    skald_service_sagas_free(service);
    pthread_mutex_destroy(&service->hub.names_lock);
    skald_options_done(&service->options);
    pthread_mutex_destroy(&service->hub.suspects);
    skald_bell_done(&service->bell);
    skald_log_done(&service->log);
    if (service->stop_event >= 0)
        close(service->stop_event);
    free(service);
}

void skald_service_counters(const skald_service *service, skald_counters *out)
{
    *out = (skald_counters){0};
    if (service == NULL)
        return;
    const skald_tally *tally = &service->hub.tally;
    const skald_leases *leases = service->leases;
    *out = (skald_counters){
        .handled = atomic_load(&tally->handled),
        .skipped = atomic_load(&tally->skipped),
        .repeated = atomic_load(&tally->repeated),
        .failed = atomic_load(&tally->failed),
        .set_aside = atomic_load(&tally->set_aside),
        .dead = atomic_load(&tally->dead),
        .batches = atomic_load(&tally->batches),
        .jobs_done = atomic_load(&tally->jobs_done),
        .jobs_failed = atomic_load(&tally->jobs_failed),
        .relayed = atomic_load(&service->relayed),
        .partitions_held = leases == NULL ? 0 : skald_leases_held(leases),
        .relay_leads = service->relay != NULL && skald_relay_leads(service->relay),
        .keeper_leads = skald_keeper_leads(service->keeper),
    };
}
