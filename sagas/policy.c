/* One failure, one verdict.
 *
 * Three bounds end the retries: attempts, time since the first failure, and how often the process
 * was taken along. Between them waits grow by doubling their ceiling, and each is drawn evenly
 * below it, as in backoff.c and for the same reason. A wait never leads past the time bound: it is
 * cut, so that the last attempt happens at the bound, and only then is the message dead. So no
 * message is given up early because a wait happened to be long, and none is kept for longer. */
#include "policy.h"

#include "scan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- a policy is compiled once ---- */

static skald_status schedule_compile(skald_retry *out, const char *text, const char *field,
                                     skald_error *error)
{
    skald_error cause;
    const skald_status status = skald_retry_parse(out, text, &cause);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "%s: %s", field, cause.text);
    return SKALD_OK;
}

static bool is_class_character(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_' ||
           character == '.';
}

static bool is_class(skald_word word)
{
    for (size_t i = 0; i < word.size; i++) {
        if (!is_class_character(word.start[i]))
            return false;
    }
    return word.size > 0 && word.size <= SKALD_POLICY_CLASS_SIZE_MAX;
}

static skald_status errors_check(const char *errors, const char *field, skald_error *error)
{
    skald_words words = {.text = errors, .next = errors};
    skald_word word = skald_words_next(&words);
    if (word.size == 0)
        return skald_error_set(error, SKALD_INVALID,
                               "%s: it names no errors; write words such as \"card-declined 23505 "
                               "08 crashed\"",
                               field);
    for (; word.size > 0; word = skald_words_next(&words)) {
        if (!is_class(word))
            return skald_error_set(error, SKALD_INVALID,
                                   "%s: \"%.*s\" at character %zu is no class of errors and no "
                                   "SQLSTATE; a word has at most %d letters, digits, \"-\", \"_\" "
                                   "and \".\", and blanks separate them",
                                   field, skald_word_shown(word), word.start, word.place,
                                   SKALD_POLICY_CLASS_SIZE_MAX);
    }
    return SKALD_OK;
}

static skald_status dead_check(skald_when_dead dead, const char *field, skald_error *error)
{
    if (dead == SKALD_DEAD_HOLDS || dead == SKALD_DEAD_GOES_ON)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "%s: %d is unknown; SKALD_DEAD_HOLDS or SKALD_DEAD_GOES_ON may stand "
                           "there",
                           field, (int)dead);
}

static skald_status rule_compile(skald_policy_plan *plan, const skald_retry_rule *rule, size_t i,
                                 skald_error *error)
{
    char field[64];
    snprintf(field, sizeof field, "policy.rules[%zu].errors", i);
    skald_status status = errors_check(rule->errors == NULL ? "" : rule->errors, field, error);
    snprintf(field, sizeof field, "policy.rules[%zu].retry", i);
    if (status == SKALD_OK && rule->retry != NULL)
        status = schedule_compile(&plan->rules[i].retry, rule->retry, field, error);
    snprintf(field, sizeof field, "policy.rules[%zu].dead", i);
    if (status == SKALD_OK)
        status = dead_check(rule->dead, field, error);
    plan->rules[i].errors = rule->errors;
    plan->rules[i].has_retry = rule->retry != NULL;
    plan->rules[i].dead = rule->dead;
    return status;
}

static skald_status rules_compile(skald_policy_plan *plan, const skald_policy *policy,
                                  skald_error *error)
{
    if (policy->rule_count > SKALD_POLICY_RULES_MAX)
        return skald_error_set(error, SKALD_FULL,
                               "policy.rules: there are %zu; at most %d may stand there, and one "
                               "rule may name many errors",
                               policy->rule_count, SKALD_POLICY_RULES_MAX);
    if (policy->rule_count > 0 && policy->rules == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "policy.rules: it is NULL and policy.rule_count is %zu; set both",
                               policy->rule_count);
    skald_status status = SKALD_OK;
    for (size_t i = 0; status == SKALD_OK && i < policy->rule_count; i++)
        status = rule_compile(plan, &policy->rules[i], i, error);
    plan->rule_count = (uint32_t)policy->rule_count;
    return status;
}

skald_status skald_policy_compile(skald_policy_plan *out, const skald_policy *policy,
                                  skald_error *error)
{
    static const skald_policy nothing;
    const skald_policy *from = policy == NULL ? &nothing : policy;
    const char *const retry = from->retry == NULL ? SKALD_POLICY_RETRY_DEFAULT : from->retry;
    const char *const not_yet =
        from->not_yet == NULL ? SKALD_POLICY_NOT_YET_DEFAULT : from->not_yet;
    skald_policy_plan plan = {
        .crashes_max =
            from->crashes_max == 0 ? SKALD_POLICY_CRASHES_MAX_DEFAULT : from->crashes_max,
        .dead = from->dead,
    };
    skald_status status = schedule_compile(&plan.retry, retry, "policy.retry", error);
    if (status == SKALD_OK)
        status = schedule_compile(&plan.not_yet, not_yet, "policy.not_yet", error);
    if (status == SKALD_OK)
        status = rules_compile(&plan, from, error);
    if (status == SKALD_OK)
        status = dead_check(from->dead, "policy.dead", error);
    if (status == SKALD_OK)
        *out = plan;
    return status;
}

/* ---- which rule fits ---- */

static const char *kind_word(skald_failure_kind kind)
{
    switch (kind) {
    case SKALD_FAILURE_NOT_YET:
        return "not-yet";
    case SKALD_FAILURE_TIMED_OUT:
        return "timed-out";
    case SKALD_FAILURE_CRASHED:
        return "crashed";
    case SKALD_FAILURE_UNDECODABLE:
        return "undecodable";
    case SKALD_FAILURE_FAILED:
    case SKALD_FAILURE_RETRY_AFTER:
    case SKALD_FAILURE_DEAD:
        break;
    }
    return "";
}

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

static bool word_fits(skald_word word, const skald_failure *failure)
{
    const char *const sqlstate = text_of(failure->sqlstate);
    const bool begins = word.size == 2 && strlen(sqlstate) == 5;
    return skald_word_is(word, text_of(failure->error_class)) || skald_word_is(word, sqlstate) ||
           skald_word_is(word, kind_word(failure->kind)) ||
           (begins && memcmp(word.start, sqlstate, 2) == 0);
}

static bool rule_fits(const char *errors, const skald_failure *failure)
{
    skald_words words = {.text = errors, .next = errors};
    for (skald_word word = skald_words_next(&words); word.size > 0;
         word = skald_words_next(&words)) {
        if (word_fits(word, failure))
            return true;
    }
    return false;
}

/* What is done about this failure: its rule's, or else the policy's. */
typedef struct course {
    skald_retry retry;
    bool holds;
    bool undecodable; /* nothing says that it should be tried again */
} course;

static course course_find(const skald_policy_plan *plan, const skald_failure *failure)
{
    const bool undecodable = failure->kind == SKALD_FAILURE_UNDECODABLE;
    course found = {
        .retry = failure->kind == SKALD_FAILURE_NOT_YET ? plan->not_yet : plan->retry,
        .holds = plan->dead == SKALD_DEAD_HOLDS && !undecodable,
        .undecodable = undecodable,
    };
    for (uint32_t i = 0; i < plan->rule_count; i++) {
        if (!rule_fits(plan->rules[i].errors, failure))
            continue;
        found.holds = plan->rules[i].dead == SKALD_DEAD_HOLDS;
        if (plan->rules[i].has_retry) {
            found.retry = plan->rules[i].retry;
            found.undecodable = false;
        }
        return found;
    }
    return found;
}

/* ---- is it dead ---- */

typedef enum bound {
    BOUND_NONE,
    BOUND_SAID, /* user code says that it can never succeed */
    BOUND_UNDECODABLE,
    BOUND_CRASHES,
    BOUND_NEVER, /* of attempts, and there is but one */
    BOUND_ATTEMPTS,
    BOUND_TIME,
} bound;

static bool ends_process(skald_failure_kind kind)
{
    return kind == SKALD_FAILURE_CRASHED || kind == SKALD_FAILURE_TIMED_OUT;
}

static bound bound_reached(const skald_policy_plan *plan, const course *chosen,
                           const skald_failure *failure)
{
    const skald_retry *const retry = &chosen->retry;
    if (failure->kind == SKALD_FAILURE_DEAD)
        return BOUND_SAID;
    if (chosen->undecodable)
        return BOUND_UNDECODABLE;
    if (ends_process(failure->kind) && failure->crashes >= plan->crashes_max)
        return BOUND_CRASHES;
    if (retry->attempts_max == 1)
        return BOUND_NEVER;
    if (retry->attempts_max > 0 && failure->attempts >= retry->attempts_max)
        return BOUND_ATTEMPTS;
    if (retry->for_ms > 0 && failure->failing_ms >= retry->for_ms)
        return BOUND_TIME;
    return BOUND_NONE;
}

/* "72 h", and "3 d" only where nobody would say it in hours. */
static void duration_write(char *out, size_t size, uint64_t ms)
{
    const uint64_t second = 1000;
    const uint64_t minute = 60 * second;
    const uint64_t hour = 60 * minute;
    const uint64_t day = 24 * hour;
    if (ms % day == 0 && ms >= 7 * day)
        snprintf(out, size, "%llu d", (unsigned long long)(ms / day));
    else if (ms % hour == 0)
        snprintf(out, size, "%llu h", (unsigned long long)(ms / hour));
    else if (ms % minute == 0)
        snprintf(out, size, "%llu min", (unsigned long long)(ms / minute));
    else if (ms % second == 0)
        snprintf(out, size, "%llu s", (unsigned long long)(ms / second));
    else
        snprintf(out, size, "%llu ms", (unsigned long long)ms);
}

/* How people know this error: its SQLSTATE, its class or its kind. */
static const char *error_word(const skald_failure *failure)
{
    const char *const words[] = {text_of(failure->sqlstate), text_of(failure->error_class),
                                 kind_word(failure->kind)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i][0] != '\0')
            return words[i];
    }
    return "failed";
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void why_write(skald_verdict *verdict, bound reached, const course *chosen,
                      const skald_failure *failure)
{
    const bool early = failure->kind == SKALD_FAILURE_NOT_YET;
    const char *const late =
        failure->kind == SKALD_FAILURE_TIMED_OUT ? ", this time past its deadline" : "";
    const uint32_t attempts = failure->attempts;
    const uint32_t crashes = failure->crashes;
    char *const why = verdict->why;
    char duration[32];
    switch (reached) {
    case BOUND_NONE:
        break;
    case BOUND_SAID:
        snprintf(why, sizeof verdict->why, "the handler says so");
        break;
    case BOUND_UNDECODABLE:
        snprintf(why, sizeof verdict->why, "its body cannot be decoded");
        break;
    case BOUND_CRASHES:
        snprintf(why, sizeof verdict->why, "it crashed its process %u time%s%s", crashes,
                 plural(crashes), late);
        break;
    case BOUND_NEVER:
        snprintf(why, sizeof verdict->why, "the policy never tries it again (%.63s)",
                 error_word(failure));
        break;
    case BOUND_ATTEMPTS:
        snprintf(why, sizeof verdict->why, "%u attempt%s %s", attempts, plural(attempts),
                 early ? "came too early" : "failed");
        break;
    case BOUND_TIME:
        duration_write(duration, sizeof duration, chosen->retry.for_ms);
        snprintf(why, sizeof verdict->why, "%s of %s", duration,
                 early ? "waiting for what it depends on" : "failures");
        break;
    }
}

/* ---- when is it tried again ---- */

/* The first wait comes after the attempts at once; a failure that waits at once counts as it. */
static uint64_t ceiling_of(const skald_retry *retry, uint32_t attempts)
{
    const uint32_t doublings = attempts > retry->at_once ? attempts - retry->at_once - 1 : 0;
    uint64_t ceiling = retry->delay_ms_min;
    for (uint32_t i = 0; i < doublings && ceiling < retry->delay_ms_max; i++)
        ceiling *= 2;
    return ceiling < retry->delay_ms_max ? ceiling : retry->delay_ms_max;
}

/* Evenly from 0 to most, which is far below 64 bits: the remainder favours nobody noticeably. */
static uint64_t draw(uint64_t most, uint64_t random)
{
    return random % (most + 1);
}

/* Those who are told the same time by the same server do not come back in the same instant. */
static uint64_t retry_after_of(const skald_failure *failure, uint64_t random)
{
    const uint64_t told =
        failure->retry_after_ms < SKALD_RETRY_MS_MAX ? failure->retry_after_ms : SKALD_RETRY_MS_MAX;
    return told + draw(told / 10 + 1, (random >> 32) | (random << 32));
}

static uint64_t delay_of(const skald_retry *retry, const skald_failure *failure, uint64_t random)
{
    uint64_t delay = draw(ceiling_of(retry, failure->attempts), random);
    if (failure->kind == SKALD_FAILURE_RETRY_AFTER) {
        const uint64_t told = retry_after_of(failure, random);
        delay = told > delay ? told : delay;
    }
    if (retry->for_ms > 0 && delay > retry->for_ms - failure->failing_ms)
        delay = retry->for_ms - failure->failing_ms;
    return delay;
}

/* What waits for something else, took its process along or was told a time is never tried again in
 * the same breath. */
static bool tried_at_once(const skald_retry *retry, const skald_failure *failure)
{
    const bool told = failure->kind == SKALD_FAILURE_RETRY_AFTER && failure->retry_after_ms > 0;
    return failure->attempts <= retry->at_once && !told && !ends_process(failure->kind) &&
           failure->kind != SKALD_FAILURE_NOT_YET;
}

skald_verdict skald_policy_decide(const skald_policy_plan *plan, const skald_failure *failure,
                                  uint64_t random)
{
    assert(failure->attempts >= 1);
    const course chosen = course_find(plan, failure);
    const bound reached = bound_reached(plan, &chosen, failure);
    skald_verdict verdict = {.dead = reached != BOUND_NONE};
    if (verdict.dead) {
        verdict.holds = chosen.holds;
        why_write(&verdict, reached, &chosen, failure);
        return verdict;
    }
    verdict.at_once = tried_at_once(&chosen.retry, failure);
    if (!verdict.at_once)
        verdict.delay_ms = delay_of(&chosen.retry, failure, random);
    return verdict;
}
