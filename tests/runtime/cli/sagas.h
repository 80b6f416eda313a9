/* Sagas in a database, as the engine writes them: the machine is stepped by the test, and what
 * comes of it is stored. */
#ifndef TEST_CLI_SAGAS_H
#define TEST_CLI_SAGAS_H

#include "asking.h"

#include "scenario/definitions.h"

#include "codec/describe.h"
#include "codec/encode.h"
#include "definitions/describe.h"
#include "machine_inside.h"
#include "operation.h"
#include "saga_code.h"
#include "saga_future.h"
#include "transcript.h"
#include "words.h"

#include <test/v1/events.pb-c.h>

enum { SQL_SIZE = 65536, STORY_SIZE = 16384 };

typedef struct told_saga {
    const char *database;
    const char *id;
    skald_plan plan;
    skald_saga saga;
    int64_t now_ms;
    int turns;
} told_saga;

static inline const char *hex_of(skald_bytes bytes, char *out)
{
    for (size_t i = 0; i < bytes.size; i++)
        sprintf(out + 2 * i, "%02x", ((const unsigned char *)bytes.data)[i]);
    out[2 * bytes.size] = '\0';
    return out;
}

/* What a program writes down at its start: the definition, and the type of its state. */
static inline void saga_define(const char *database, const skald_definition *definition)
{
    static char hex[SQL_SIZE];
    static char sql[SQL_SIZE * 2];
    skald_arena arena = {0};
    skald_error error;
    skald_bytes bytes = {0};
    assert_ok(skald_definition_describe(definition, "test.v1.Counted", &arena, &bytes, &error),
              &error);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO skald.saga_definition (name, version, fingerprint, description, state_type)"
        " VALUES ('%s', %u, %lld, '\\x%s', 'test.v1.Counted') ON CONFLICT DO NOTHING",
        definition->name, definition->version, (long long)skald_definition_fingerprint(definition),
        hex_of(bytes, hex));
    database_run(database, sql);
    assert_ok(skald_describe(&bytes, &test__v1__counted__descriptor, &arena, &error), &error);
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.message_type (name, description, fingerprint)"
             " VALUES ('test.v1.Counted', '\\x%s', 'x') ON CONFLICT DO NOTHING",
             hex_of(bytes, hex));
    database_run(database, sql);
    skald_arena_done(&arena);
}

static inline const char *future_of(const told_saga *told)
{
    static const char *const words[] = {"nothing", "ended", "start", "time",
                                        "message", "child", "person"};
    return words[skald_saga_future_of(&told->plan, &told->saga).kind];
}

static inline bool is_task(const told_saga *told, uint8_t step)
{
    const uint8_t state = told->saga.steps[step].state;
    return state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER;
}

/* Names as an array, or NULL. */
static inline const char *names_of(const told_saga *told, bool tasks, char *out)
{
    size_t length = 0;
    for (uint8_t i = 0; i < told->plan.step_count; i++) {
        const bool owed = told->saga.phase == SKALD_SAGA_COMPENSATING &&
                          skald_step_is_owed(&told->plan, &told->saga, i);
        if (tasks ? is_task(told, i) : owed)
            length += (size_t)sprintf(out + length, "%s'%s'", length > 0 ? ", " : "ARRAY[",
                                      told->plan.steps[i].step->name);
    }
    strcpy(out + length, length > 0 ? "]" : "NULL");
    return out;
}

static inline void saga_store(const told_saga *told)
{
    static char sql[SQL_SIZE * 2];
    static char hex[SQL_SIZE];
    unsigned char code[SKALD_SAGA_CODE_SIZE_MAX];
    char words[512];
    char tasks[1024];
    char owed[1024];
    const size_t size = skald_saga_encode(&told->saga, code);
    skald_saga_future_words(&told->plan, &told->saga, words, sizeof words);
    snprintf(sql, sizeof sql,
             "UPDATE skald.saga SET phase = '%s', machine = '\\x%s', future = '%s', waits_for = "
             "$w$%s$w$,"
             " tasks = %s, owed = %s, turns = %d, changed_at = skald.now(),"
             " due_at = CASE %lld WHEN 0 THEN 'infinity' ELSE to_timestamp(%lld / 1000.0) END,"
             " ended_at = CASE WHEN '%s' LIKE 'comp%%ed' THEN skald.now() END WHERE id = '%s'",
             skald_saga_phase_words(told->saga.phase), hex_of((skald_bytes){code, size}, hex),
             future_of(told), words, names_of(told, true, tasks), names_of(told, false, owed),
             told->turns, (long long)told->saga.due_ms, (long long)told->saga.due_ms,
             skald_saga_phase_words(told->saga.phase), told->id);
    database_run(told->database, sql);
}

static inline void history_add(told_saga *told, const skald_saga_decision *decision)
{
    static char story[STORY_SIZE];
    static char sql[SQL_SIZE * 2];
    char line[SKALD_TRANSCRIPT_LINE_SIZE];
    size_t length = 0;
    for (size_t i = 0; i < decision->change_count; i++) {
        skald_transcript_change(&told->plan, &told->saga, &decision->changes[i], line, sizeof line);
        length += (size_t)sprintf(story + length, "%s%s", length > 0 ? "\n" : "", line);
    }
    for (size_t i = 0; i < decision->action_count; i++) {
        skald_transcript_action(&told->plan, &told->saga, &decision->actions[i], line, sizeof line);
        length += (size_t)sprintf(story + length, "%s%s", length > 0 ? "\n" : "", line);
    }
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.saga_history (saga, number, at, lines)"
             " VALUES ('%s', %d, to_timestamp(%lld / 1000.0), $lines$%s$lines$)",
             told->id, ++told->turns, (long long)told->now_ms, story);
    database_run(told->database, sql);
}

/* Tells the machine what happened, one second after the last time. `step` NULL: of the whole. */
static inline void saga_tell(told_saga *told, skald_saga_event_kind kind, const char *step,
                             skald_direction direction)
{
    static skald_saga_decision decision;
    skald_saga_event event = {.kind = kind, .time_ms = told->now_ms += 1000};
    event.operation.step = SKALD_STEP_NONE;
    if (step != NULL) {
        event.operation.step = skald_plan_find(&told->plan, step, strlen(step));
        assert_int_not_equal(event.operation.step, SKALD_STEP_NONE);
        const skald_saga_step *at = &told->saga.steps[event.operation.step];
        event.operation.direction = (uint8_t)direction;
        event.operation.round = direction == SKALD_RUN ? at->run_round : at->undo_round;
    }
    skald_machine_step(&told->plan, &told->saga, &event, &decision);
    history_add(told, &decision);
    saga_store(told);
}

static inline void saga_done(told_saga *told, const char *step)
{
    saga_tell(told, SKALD_EVENT_DONE, step, SKALD_RUN);
}

/* A started saga of a scenario's definition, in the hands of the test. It began ten minutes ago. */
static inline told_saga *saga_given(const char *database, const char *definition, const char *id)
{
    static told_saga all[16];
    static size_t next;
    char sql[1024];
    told_saga *told = &all[next++ % 16];
    *told = (told_saga){.database = database, .id = id};
    const skald_definition *of = scenario_definition(definition);
    assert_non_null(of);
    saga_define(database, of);
    skald_plan_make(&told->plan, of);
    skald_saga_init(&told->saga, &told->plan);
    told->now_ms =
        database_integer(database, "SELECT (extract(epoch FROM skald.now()) * 1000)::bigint") -
        600000;
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state,"
             " state_type, root, started_at) VALUES ('%s', 3, '%s', %u, %lld,"
             " '\\x0a026b31', 'test.v1.Counted', '%s', to_timestamp(%lld / 1000.0))",
             id, of->name, of->version, (long long)told->plan.fingerprint, id,
             (long long)told->now_ms);
    database_run(database, sql);
    saga_tell(told, SKALD_EVENT_STARTED, NULL, SKALD_RUN);
    return told;
}

/* Until a step's attempts are used up. */
static inline void saga_fail(told_saga *told, const char *step, skald_direction direction,
                             int times)
{
    for (int i = 0; i < times; i++) {
        saga_tell(told, SKALD_EVENT_FAILED, step, direction);
        told->now_ms += 120000;
        if (i + 1 < times)
            saga_tell(told, SKALD_EVENT_TICK, NULL, SKALD_RUN);
        told->now_ms -= 120000 * (i + 1 == times);
    }
}

/* A checkout whose card could be charged and whose money cannot be given back: a person's task,
 * behind which the items are owed. */
static inline told_saga *saga_with_undo_task(const char *database, const char *id)
{
    told_saga *told = saga_given(database, "checkout", id);
    saga_done(told, "reserve-items");
    saga_done(told, "charge-card");
    saga_tell(told, SKALD_EVENT_CANCEL, NULL, SKALD_RUN);
    saga_fail(told, "confirm-order", SKALD_RUN, 1);
    saga_fail(told, "charge-card", SKALD_UNDO, 3);
    return told;
}

/* A checkout that is paid, whose mail does not go out: behind the pivot, a person's task. */
static inline told_saga *saga_with_task(const char *database, const char *id)
{
    told_saga *told = saga_given(database, "checkout", id);
    saga_done(told, "reserve-items");
    saga_done(told, "charge-card");
    saga_done(told, "confirm-order");
    saga_fail(told, "send-mail", SKALD_RUN, 3);
    char sql[256];
    snprintf(sql, sizeof sql, "UPDATE skald.saga SET reason = 'mailbox full' WHERE id = '%s'", id);
    database_run(database, sql);
    return told;
}

#endif
