/* A runner: one thread that runs the activities of one queue, outside any transaction. */
#include "base/clock.h"
#include "base/crash_point.h"
#include "codec/decode.h"
#include "queues/inside.h"

#include <stdio.h>
#include <string.h>

enum { ALONE_MS = 30000, ALONE_LOOK_MS = 100 };

/* --- the end, as the activity tells it ------------------------------------------------------ */

static void fail(skald_run *run, skald_failure_kind kind, const char *text)
{
    run->end = SKALD_RUN_FAILED;
    run->attempt = (skald_attempt){.kind = kind};
    skald_error_set(&run->attempt.error, SKALD_FAILED, "%s", text);
}

static void answer_take(skald_run *run, const skald_activity *activity, skald_status answer)
{
    skald_attempt *attempt = &run->attempt;
    const skald_status outcome =
        skald_context_outcome(&run->context, answer, activity->name, attempt);
    run->end = outcome == SKALD_OK        ? SKALD_RUN_DONE
               : outcome == SKALD_SKIPPED ? SKALD_RUN_SKIPPED
               : outcome == SKALD_REFUSED ? SKALD_RUN_REFUSED
                                          : SKALD_RUN_FAILED;
    if (answer == SKALD_CANCELLED && atomic_load(&run->cancelled))
        run->end = SKALD_RUN_CANCELLED;
    else if (answer == SKALD_STOPPED && atomic_load(&run->queues->stopping))
        run->end = SKALD_RUN_GIVEN_BACK;
    else if (answer == SKALD_TIMEOUT)
        attempt->kind = SKALD_FAILURE_TIMED_OUT;
    /* No answer came: it may have happened. An answer, whichever, says that it has not. */
    if (run->end == SKALD_RUN_DONE && run->context.reply_type != NULL) {
        run->result_type = run->context.reply_type;
        run->result = run->context.reply_body;
    }
    run->maybe_done = answer == SKALD_TIMEOUT || run->end == SKALD_RUN_GIVEN_BACK;
}

/* --- running -------------------------------------------------------------------------------- */

static skald_status call(skald_run *run, skald_activity_function *function,
                         const ProtobufCMessage *input)
{
    skald_context_begin(&run->context, run->item, 0);
    return function(&run->context, input);
}

/* An earlier attempt may have done it: then that is asked, and nothing done twice. True when the
 * answer is the end of this attempt. */
static bool verify_first(skald_run *run, const skald_activity *activity,
                         const ProtobufCMessage *input)
{
    if (!run->maybe_done || activity->verify == NULL)
        return false;
    const skald_status answer = call(run, activity->verify, input);
    if (answer == SKALD_NOT_FOUND) {
        skald_effects_clear(&run->effects);
        run->result_type = NULL;
        run->maybe_done = false;
        return false;
    }
    answer_take(run, activity, answer);
    /* It is still unknown, unless the answer was that it has happened. */
    run->maybe_done = true;
    return true;
}

/* When a process is killed from outside, by the kernel for want of memory for example, nobody knows
 * which of the jobs in hand was the cause. So a suspect runs alone, and if its process is killed
 * again, it was the one. Nobody waits for long, lest one long job holds up all others. */
static bool may_run(const skald_run *run)
{
    const skald_queues *queues = run->queues;
    return run->suspect ? queues->running == 0 : queues->alone_wanted == 0;
}

static void user_code_enter(skald_run *run)
{
    skald_queues *queues = run->queues;
    const uint64_t end_ms = skald_clock_ms() + ALONE_MS;
    pthread_mutex_lock(&queues->mutex);
    queues->alone_wanted += run->suspect;
    while (!may_run(run) && skald_clock_ms() < end_ms) {
        atomic_store(&run->alive, true);
        skald_clock_wait(&queues->fewer, &queues->mutex, skald_clock_deadline(ALONE_LOOK_MS));
    }
    queues->running++;
    pthread_mutex_unlock(&queues->mutex);
}

static void user_code_leave(skald_run *run)
{
    skald_queues *queues = run->queues;
    pthread_mutex_lock(&queues->mutex);
    queues->running--;
    queues->alone_wanted -= run->suspect;
    pthread_cond_broadcast(&queues->fewer);
    pthread_mutex_unlock(&queues->mutex);
}

static void user_code_run(skald_run *run, const skald_activity *activity,
                          const ProtobufCMessage *input)
{
    user_code_enter(run);
    skald_hand_work work = {
        .job_id = run->job_id, .starts = run->starts, .partition = run->item->message.partition};
    snprintf(work.subscription, sizeof work.subscription, "%s", run->queue->name);
    snprintf(work.code, sizeof work.code, "%s", activity->name);
    snprintf(work.type, sizeof work.type, "%s", activity->descriptor->name);
    skald_hand_take(run->runner->hand, &work, run->timeout_ms);
    if (!verify_first(run, activity, input))
        answer_take(run, activity, call(run, activity->run, input));
    skald_hand_put(run->runner->hand);
    user_code_leave(run);
}

/* The code of a job; NULL, with the reason in `text`: there is none. */
static const skald_activity *activity_find(skald_run *run, char text[SKALD_ERROR_TEXT_SIZE])
{
    const char *type = run->item->message.type;
    skald_error error;
    if (run->queue->steps != NULL) {
        const skald_status status = run->queue->steps->find(run, &error);
        snprintf(text, SKALD_ERROR_TEXT_SIZE, "%s", status == SKALD_OK ? "" : error.text);
        return status == SKALD_OK ? &run->step : NULL;
    }
    snprintf(text, SKALD_ERROR_TEXT_SIZE, "no activity for type \"%.200s\" in this program",
             type != NULL ? type : "");
    return skald_work_queue_activity(run->queue, type);
}

static void run_execute(skald_run *run)
{
    const skald_message *message = &run->item->message;
    char text[SKALD_ERROR_TEXT_SIZE];
    const skald_activity *activity = activity_find(run, text);
    if (activity == NULL) {
        fail(run, SKALD_FAILURE_FAILED, text);
        return;
    }
    /* Its crashes are written down by processes that do not know the policy
     * (skald_queue_crash_note).
     */
    if (run->crashes >= run->queue->plan.crashes_max) {
        snprintf(text, sizeof text, "it ended its process %u times", run->crashes);
        fail(run, SKALD_FAILURE_CRASHED, text);
        return;
    }
    const ProtobufCMessage *input = NULL;
    skald_error error;
    const skald_status status =
        skald_decode(&input, activity->descriptor, message->body, &run->context.memory, &error);
    if (status == SKALD_OK)
        user_code_run(run, activity, input);
    else
        fail(run, status == SKALD_NO_MEMORY ? SKALD_FAILURE_FAILED : SKALD_FAILURE_UNDECODABLE,
             error.text);
}

void skald_run_clear(skald_run *run)
{
    skald_context_end(&run->context);
    run->context.tells_sagas = false;
    skald_effects_clear(&run->effects);
    skald_item_free(run->item);
    run->item = NULL;
    run->attempt = (skald_attempt){0};
    run->result_type = NULL;
    run->result = (skald_bytes){0};
    run->put_off = 0;
    run->settled = false;
    run->expired = false;
    atomic_store(&run->alive, false);
    atomic_store(&run->cancelled, false);
    atomic_store(&run->fenced, false);
    run->progressed = false;
    run->note[0] = '\0';
}

/* --- the thread ----------------------------------------------------------------------------- */

static skald_run *job_await(skald_runner *runner)
{
    skald_queues *queues = runner->queues;
    pthread_mutex_lock(&queues->mutex);
    while (runner->state != SKALD_RUNNER_RUNNING && !queues->over)
        pthread_cond_wait(&runner->condition, &queues->mutex);
    skald_run *run = runner->state == SKALD_RUNNER_RUNNING ? runner->run : NULL;
    pthread_mutex_unlock(&queues->mutex);
    return run;
}

static void *runner_main(void *argument)
{
    skald_runner *runner = argument;
    skald_queues *queues = runner->queues;
    runner->hand = skald_hand_claim();
    for (skald_run *run = job_await(runner); run != NULL; run = job_await(runner)) {
        run_execute(run);
        if (run->queue->steps != NULL)
            run->queue->steps->end(run);
        skald_crash_here(SKALD_CRASH_JOB_RUN);
        pthread_mutex_lock(&queues->mutex);
        runner->state = SKALD_RUNNER_ENDED;
        pthread_cond_broadcast(&queues->condition);
        pthread_mutex_unlock(&queues->mutex);
    }
    skald_hand_release(runner->hand);
    return NULL;
}

skald_status skald_runner_open(skald_runner *runner, skald_queues *queues, skald_work_queue *queue,
                               skald_error *error)
{
    runner->queues = queues;
    for (int i = 0; i < 2; i++) {
        skald_run *run = &runner->slots[i];
        run->queues = queues;
        run->queue = queue;
        run->runner = runner;
        skald_context_init_activity(&run->context, queues->hub, &run->effects);
    }
    runner->run = &runner->slots[0];
    pthread_cond_init(&runner->condition, NULL);
    if (pthread_create(&runner->thread, NULL, runner_main, runner) != 0)
        return skald_error_set(error, SKALD_NO_MEMORY, "no thread for queue \"%s\"", queue->name);
    runner->started = true;
    return SKALD_OK;
}

skald_run *skald_runner_spare(skald_runner *runner)
{
    return runner->run == &runner->slots[0] ? &runner->slots[1] : &runner->slots[0];
}

void skald_runner_give(skald_runner *runner, skald_run *run)
{
    /* The connection for queries is the runner's, whichever slot it works in. */
    if (run != runner->run) {
        run->context.own = runner->run->context.own;
        runner->run->context.own = NULL;
    }
    runner->run = run;
    runner->state = SKALD_RUNNER_RUNNING;
    pthread_cond_signal(&runner->condition);
}

void skald_runner_done(skald_runner *runner)
{
    if (runner->queues == NULL)
        return;
    if (runner->started)
        pthread_join(runner->thread, NULL);
    for (int i = 0; i < 2; i++) {
        skald_run_clear(&runner->slots[i]);
        skald_context_done(&runner->slots[i].context);
    }
    pthread_cond_destroy(&runner->condition);
}
