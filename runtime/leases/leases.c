/* The turn: renew, look, decide, take, give. */
#include "leases/leases.h"
#include "assignment.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "leases/rows.h"
#include "supervisor/hand.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DUTIES_MAX = 64,
    TURNS_PER_LEASE = 5, /* how often a process shows a sign of life within one lease time */
    BEAT_MS = 1000,      /* how often to say that the loop turns, at least */
    BUSY_LOOK_MS = 20,   /* how soon to look again at a partition that is given when it is idle */
};

/* What this process knows of a duty. */
typedef struct duty {
    skald_duty is;
    int64_t epochs[SKALD_PARTITIONS_MAX]; /* of what we hold; -1: not held */
    bool doubts[SKALD_PARTITIONS_MAX];    /* guarded by the mutex */
    bool leaving[SKALD_PARTITIONS_MAX];   /* told to leave, not idle yet */
} duty;

struct skald_leases {
    skald_leases_options options;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards what is below */
    pthread_cond_t condition;
    duty *duties[DUTIES_MAX];
    uint32_t duty_count; /* only grows */
    bool woken;
    bool leaving;
    bool ended;
    bool left_in_order;
    uint64_t leave_deadline_ms;

    atomic_uint_fast64_t held;

    /* The thread's own. */
    skald_pg *pg;
    bool outage;
    bool busy; /* something waits to become idle */
    skald_processes processes;
    skald_positions positions;
};

void skald_leases_application(char out[SKALD_APPLICATION_SIZE], const char *service,
                              const char *process_id)
{
    const size_t size = strlen(process_id);
    assert(size >= 12);
    snprintf(out, SKALD_APPLICATION_SIZE, "skald/%s/%s", service, process_id + size - 12);
}

/* --- duties -------------------------------------------------------------------------------- */

void skald_leases_add(skald_leases *leases, const skald_duty *of)
{
    assert(of->partitions >= 1 && of->partitions <= SKALD_PARTITIONS_MAX);
    duty *added = calloc(1, sizeof *added);
    assert(added != NULL);
    added->is = *of;
    for (uint32_t i = 0; i < of->partitions; i++)
        added->epochs[i] = -1;
    pthread_mutex_lock(&leases->mutex);
    assert(leases->duty_count < DUTIES_MAX);
    leases->duties[leases->duty_count++] = added;
    leases->woken = true;
    pthread_cond_broadcast(&leases->condition);
    pthread_mutex_unlock(&leases->mutex);
}

static void held_count(skald_leases *leases, const duty *changed, int by)
{
    if (changed->is.name[0] != '@')
        atomic_fetch_add(&leases->held, (uint64_t)(int64_t)by);
}

static void partition_taken(skald_leases *leases, duty *taken, uint32_t partition,
                            const skald_taken *row)
{
    if (taken->epochs[partition] < 0)
        held_count(leases, taken, +1);
    taken->epochs[partition] = row->epoch;
    taken->leaving[partition] = false;
    skald_crash_here(SKALD_CRASH_LEASE_TAKEN);
    taken->is.taken(taken->is.user, partition, row->epoch, row->position);
}

static void partition_lost(skald_leases *leases, duty *lost, uint32_t partition)
{
    if (lost->epochs[partition] < 0)
        return;
    held_count(leases, lost, -1);
    lost->epochs[partition] = -1;
    lost->leaving[partition] = false;
    lost->is.lost(lost->is.user, partition);
}

/* --- the turn ------------------------------------------------------------------------------ */

/* Which processes take part is written with every sign of life. */
static skald_status renew(skald_leases *leases, skald_error *error)
{
    char followers[DUTIES_MAX * (SKALD_DUTY_NAME_SIZE + 4)] = "{";
    size_t used = 1;
    pthread_mutex_lock(&leases->mutex);
    for (uint32_t i = 0; i < leases->duty_count && !leases->leaving; i++)
        used += (size_t)snprintf(followers + used, sizeof followers - used, "%s\"%s\"",
                                 i == 0 ? "" : ",", leases->duties[i]->is.name);
    pthread_mutex_unlock(&leases->mutex);
    snprintf(followers + used, sizeof followers - used, "}");
    /* Another process looks up to one turn after the expiry: together that is the lease time. */
    const uint32_t valid_ms = leases->options.lease_ms - leases->options.lease_ms / TURNS_PER_LEASE;
    const skald_status status =
        skald_process_renew(leases->pg, leases->options.process_id, followers, valid_ms, error);
    skald_crash_here(SKALD_CRASH_LEASE_RENEWED);
    return status;
}

static int32_t process_number(const skald_processes *processes, const char *id)
{
    for (uint32_t i = 0; i < processes->count; i++) {
        if (strcmp(processes->ids[i], id) == 0)
            return (int32_t)i;
    }
    return SKALD_ASSIGNMENT_FREE;
}

static uint32_t name_hash(const char *name)
{
    return skald_partition_of(name, strlen(name), SKALD_PARTITIONS_MAX);
}

/* Does the row that was just read name this process? */
static bool row_is_ours(const skald_leases *leases, uint32_t partition)
{
    return strcmp(leases->positions.rows[partition].holder, leases->options.process_id) == 0;
}

/* What the database says may differ from what we believe: somebody took it while we slept. */
static void beliefs_correct(skald_leases *leases, duty *checked)
{
    for (uint32_t i = 0; i < checked->is.partitions; i++) {
        const skald_position_row *row = &leases->positions.rows[i];
        if (checked->epochs[i] >= 0 &&
            (!row_is_ours(leases, i) || row->epoch != checked->epochs[i])) {
            skald_log_say(leases->options.log, SKALD_LOG_WARNING, "LEASE-LOST",
                          "partition %u of \"%s\" has another owner now", i, checked->is.name);
            partition_lost(leases, checked, i);
        }
    }
}

static skald_status doubts_settle(skald_leases *leases, duty *doubted, skald_error *error)
{
    for (uint32_t i = 0; i < doubted->is.partitions; i++) {
        pthread_mutex_lock(&leases->mutex);
        const bool doubt = doubted->doubts[i];
        doubted->doubts[i] = false;
        pthread_mutex_unlock(&leases->mutex);
        if (!doubt || doubted->epochs[i] < 0)
            continue;
        skald_taken taken;
        const skald_status status = skald_position_retake(&taken, leases->pg, doubted->is.name, i,
                                                          leases->options.process_id, error);
        if (status != SKALD_OK) {
            skald_leases_doubt(leases, doubted->is.user, i);
            return status;
        }
        if (taken.taken)
            partition_taken(leases, doubted, i, &taken);
        else
            partition_lost(leases, doubted, i);
    }
    return SKALD_OK;
}

static skald_status partition_take(skald_leases *leases, duty *wanted, uint32_t partition,
                                   skald_error *error)
{
    skald_taken taken;
    /* Ours by name but not in our memory: after a moment of expiry, say. */
    const skald_status status =
        row_is_ours(leases, partition)
            ? skald_position_retake(&taken, leases->pg, wanted->is.name, partition,
                                    leases->options.process_id, error)
            : skald_position_take(&taken, leases->pg, wanted->is.name, partition,
                                  leases->options.process_id, error);
    if (status == SKALD_OK && taken.taken)
        partition_taken(leases, wanted, partition, &taken);
    return status;
}

static skald_status partition_give(skald_leases *leases, duty *given, uint32_t partition,
                                   skald_error *error)
{
    if (given->epochs[partition] < 0)
        return SKALD_OK;
    given->leaving[partition] = true;
    if (given->is.leave != NULL && !given->is.leave(given->is.user, partition)) {
        leases->busy = true;
        return SKALD_OK;
    }
    const int64_t epoch = given->epochs[partition];
    partition_lost(leases, given, partition);
    const skald_status status = skald_position_give(leases->pg, given->is.name, partition,
                                                    leases->options.process_id, epoch, error);
    skald_crash_here(SKALD_CRASH_LEASE_GIVEN);
    return status;
}

static void moves_decide(skald_leases *leases, const duty *shared, bool leaving,
                         skald_assignment_move *moves)
{
    int32_t holders[SKALD_PARTITIONS_MAX];
    for (uint32_t i = 0; i < shared->is.partitions; i++)
        holders[i] = process_number(&leases->processes, leases->positions.rows[i].holder);
    const int32_t self = process_number(&leases->processes, leases->options.process_id);
    /* Leaving, or not seen as living in this very moment: then nothing is taken. */
    if (self < 0 && !leaving) {
        for (uint32_t i = 0; i < shared->is.partitions; i++)
            moves[i] = SKALD_ASSIGNMENT_KEEP;
        return;
    }
    const skald_assignment_input input = {
        .partition_count = shared->is.partitions,
        .holders = holders,
        .process_count = leases->processes.count == 0 ? 1 : leases->processes.count,
        .self = self < 0 ? 0 : (uint32_t)self,
        .offset = name_hash(shared->is.name),
        .leaving = leaving,
    };
    skald_assignment_decide(&input, moves);
}

/* Does the assignment ask for it, or did we begin to leave it? */
static skald_status move_make(skald_leases *leases, duty *shared, uint32_t partition,
                              skald_assignment_move move, bool leaving, skald_error *error)
{
    const bool held = shared->epochs[partition] >= 0;
    if (held && (leaving || shared->leaving[partition] || move == SKALD_ASSIGNMENT_GIVE))
        return partition_give(leases, shared, partition, error);
    const bool taking = move == SKALD_ASSIGNMENT_TAKE || row_is_ours(leases, partition);
    if (!held && !leaving && taking)
        return partition_take(leases, shared, partition, error);
    return SKALD_OK;
}

static skald_status duty_turn(skald_leases *leases, duty *shared, bool leaving, skald_error *error)
{
    skald_status status =
        skald_processes_load(&leases->processes, leases->pg, shared->is.name, error);
    if (status == SKALD_OK)
        status = skald_positions_load(&leases->positions, leases->pg, shared->is.name, error);
    if (status != SKALD_OK)
        return status;
    if (leases->positions.count != shared->is.partitions)
        return skald_error_set(error, SKALD_SCHEMA,
                               "duty \"%s\" has %u rows in skald.position, %u are needed",
                               shared->is.name, leases->positions.count, shared->is.partitions);
    beliefs_correct(leases, shared);
    skald_assignment_move moves[SKALD_PARTITIONS_MAX];
    moves_decide(leases, shared, leaving, moves);
    for (uint32_t i = 0; i < shared->is.partitions && status == SKALD_OK; i++)
        status = move_make(leases, shared, i, moves[i], leaving, error);
    if (status == SKALD_OK)
        status = doubts_settle(leases, shared, error);
    /* One process speaks for all of them: the one that has the first partition. */
    if (status == SKALD_OK && shared->is.reached != NULL && shared->epochs[0] >= 0)
        shared->is.reached(shared->is.user, &leases->positions);
    return status;
}

static skald_status turn(skald_leases *leases, bool leaving, skald_error *error)
{
    leases->busy = false;
    skald_status status = renew(leases, error);
    if (status == SKALD_OK)
        status = skald_process_bury(leases->pg, leases->options.service, leases->options.lease_ms,
                                    error);
    pthread_mutex_lock(&leases->mutex);
    const uint32_t count = leases->duty_count;
    pthread_mutex_unlock(&leases->mutex);
    for (uint32_t i = 0; i < count && status == SKALD_OK; i++)
        status = duty_turn(leases, leases->duties[i], leaving, error);
    return status;
}

/* --- the thread ---------------------------------------------------------------------------- */

static skald_status turn_on_connection(skald_leases *leases, bool leaving, skald_error *error)
{
    if (leases->pg != NULL && !skald_pg_alive(leases->pg)) {
        skald_pg_close(leases->pg);
        leases->pg = NULL;
    }
    skald_status status = SKALD_OK;
    if (leases->pg == NULL)
        status = skald_pg_open(&leases->pg, leases->options.database, leases->options.application,
                               error);
    if (status == SKALD_OK)
        status = turn(leases, leaving, error);
    if (status != SKALD_OK && !leases->outage)
        skald_log_say(leases->options.log, SKALD_LOG_ERROR, "LEASE-WAITS", "%s", error->text);
    if (status == SKALD_OK && leases->outage)
        skald_log_say(leases->options.log, SKALD_LOG_INFO, "LEASE-GOES-ON", "leases go on");
    leases->outage = status != SKALD_OK;
    return status;
}

/* Sleeps until the next turn; tells whether the process is leaving. */
static bool turn_await(skald_leases *leases)
{
    uint64_t wait_ms = leases->options.lease_ms / TURNS_PER_LEASE;
    if (leases->busy)
        wait_ms = BUSY_LOOK_MS;
    const uint64_t end_ms = skald_clock_ms() + wait_ms;
    pthread_mutex_lock(&leases->mutex);
    uint64_t now_ms = skald_clock_ms();
    while (!leases->woken && !leases->leaving && now_ms < end_ms) {
        skald_hand_beat(SKALD_BEAT_LEASES);
        const uint64_t left_ms = end_ms - now_ms;
        skald_clock_wait(&leases->condition, &leases->mutex,
                         skald_clock_deadline(left_ms < BEAT_MS ? left_ms : BEAT_MS));
        now_ms = skald_clock_ms();
    }
    leases->woken = false;
    const bool leaving = leases->leaving;
    pthread_mutex_unlock(&leases->mutex);
    return leaving;
}

/* Gives back what is idle, again and again, until nothing is busy or the time is over. Without
 * PostgreSQL the time is that of a lease: by then there is nothing left to give back. */
static bool leave(skald_leases *leases)
{
    skald_error error;
    uint64_t lease_end_ms = skald_clock_ms() + leases->options.lease_ms;
    for (;;) {
        skald_status status = turn_on_connection(leases, true, &error);
        if (status == SKALD_OK && !leases->busy)
            return skald_process_leave(leases->pg, leases->options.process_id, &error) == SKALD_OK;
        const uint64_t now_ms = skald_clock_ms();
        if (status == SKALD_OK)
            lease_end_ms = now_ms + leases->options.lease_ms;
        if (now_ms >= leases->leave_deadline_ms || now_ms >= lease_end_ms)
            return false;
        skald_clock_sleep_ms(BUSY_LOOK_MS);
    }
}

static void *leases_main(void *argument)
{
    skald_leases *leases = argument;
    bool leaving = false;
    while (!leaving) {
        skald_error error;
        skald_hand_beat(SKALD_BEAT_LEASES);
        turn_on_connection(leases, false, &error);
        leaving = turn_await(leases);
    }
    const bool in_order = leave(leases);
    skald_pg_close(leases->pg);
    leases->pg = NULL;
    pthread_mutex_lock(&leases->mutex);
    leases->ended = true;
    leases->left_in_order = in_order;
    pthread_cond_broadcast(&leases->condition);
    pthread_mutex_unlock(&leases->mutex);
    return NULL;
}

skald_status skald_leases_open(skald_leases **out, const skald_leases_options *options,
                               skald_error *error)
{
    skald_leases *leases = calloc(1, sizeof *leases);
    if (leases == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for leases");
    leases->options = *options;
    pthread_mutex_init(&leases->mutex, NULL);
    skald_clock_condition_init(&leases->condition);
    *out = leases;
    return SKALD_OK;
}

skald_status skald_leases_start(skald_leases *leases, skald_error *error)
{
    if (pthread_create(&leases->thread, NULL, leases_main, leases) != 0)
        return skald_error_set(error, SKALD_NO_MEMORY, "no thread for leases");
    leases->started = true;
    return SKALD_OK;
}

void skald_leases_doubt(skald_leases *leases, const void *user, uint32_t partition)
{
    pthread_mutex_lock(&leases->mutex);
    for (uint32_t i = 0; i < leases->duty_count; i++) {
        if (leases->duties[i]->is.user == user)
            leases->duties[i]->doubts[partition] = true;
    }
    leases->woken = true;
    pthread_cond_broadcast(&leases->condition);
    pthread_mutex_unlock(&leases->mutex);
}

bool skald_leases_leave(skald_leases *leases, uint64_t wait_ms)
{
    pthread_mutex_lock(&leases->mutex);
    leases->leave_deadline_ms = skald_clock_ms() + wait_ms;
    leases->leaving = true;
    pthread_cond_broadcast(&leases->condition);
    while (leases->started && !leases->ended)
        pthread_cond_wait(&leases->condition, &leases->mutex);
    const bool in_order = leases->left_in_order;
    pthread_mutex_unlock(&leases->mutex);
    if (leases->started)
        pthread_join(leases->thread, NULL);
    leases->started = false;
    return in_order;
}

uint64_t skald_leases_held(const skald_leases *leases)
{
    return atomic_load(&leases->held);
}

void skald_leases_close(skald_leases *leases)
{
    if (leases == NULL)
        return;
    skald_leases_leave(leases, 0);
    for (uint32_t i = 0; i < leases->duty_count; i++)
        free(leases->duties[i]);
    pthread_cond_destroy(&leases->condition);
    pthread_mutex_destroy(&leases->mutex);
    free(leases);
}
