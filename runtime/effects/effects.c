/* A list in an arena. */
#include "effects/effects.h"

#include <string.h>

typedef enum effect_kind { EFFECT_STATEMENT, EFFECT_EVENT, EFFECT_JOB } effect_kind;

struct skald_effects_entry {
    skald_effects_entry *next;
    effect_kind kind;
    const char *sql;
    size_t count;
    skald_param *params;
    skald_message event;
    skald_new_job job;
};

void skald_effects_clear(skald_effects *effects)
{
    *effects = (skald_effects){0};
}

static skald_status no_memory(skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY,
                           "what the activity leaves behind takes more than %u bytes",
                           SKALD_HANDLER_MEMORY_MAX);
}

static skald_effects_entry *effect_add(skald_effects *effects, skald_arena *arena, effect_kind kind)
{
    skald_effects_entry *added = skald_arena_alloc(arena, sizeof *added);
    if (added == NULL)
        return NULL;
    added->kind = kind;
    if (effects->last == NULL)
        effects->last = &effects->first;
    *effects->last = added;
    effects->last = &added->next;
    effects->count++;
    return added;
}

/* Texts and bytes are borrowed by a parameter, and must outlive the call. */
static bool param_copy(skald_param *out, const skald_param *param, skald_arena *arena)
{
    *out = *param;
    if (param->kind == SKALD_PARAM_TEXT)
        out->data = skald_arena_text(arena, param->data);
    else if (param->kind == SKALD_PARAM_BYTES)
        out->data = skald_arena_bytes(arena, (skald_bytes){param->data, param->size}).data;
    else
        return true;
    return out->data != NULL || param->data == NULL || param->size == 0;
}

skald_status skald_effects_statement(skald_effects *effects, skald_arena *arena, const char *sql,
                                     size_t count, const skald_param *params, skald_error *error)
{
    const skald_status checked = skald_pipeline_check(sql, count, params, error);
    if (checked != SKALD_OK)
        return checked;
    const char *text = skald_arena_text(arena, sql);
    skald_param *copies = skald_arena_alloc(arena, count * sizeof *copies);
    if (text == NULL || copies == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        if (!param_copy(&copies[i], &params[i], arena))
            return no_memory(error);
    }
    skald_effects_entry *added = effect_add(effects, arena, EFFECT_STATEMENT);
    if (added == NULL)
        return no_memory(error);
    added->sql = text;
    added->count = count;
    added->params = copies;
    return SKALD_OK;
}

bool skald_effects_message_copy(skald_message *message, skald_arena *arena)
{
    const char **texts[] = {
        &message->id,           &message->source,       &message->type,
        &message->key,          &message->content_type, &message->correlation_id,
        &message->causation_id, &message->traceparent,  &message->tracestate,
        &message->headers,      &message->addressee,    &message->control};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = *texts[i];
        *texts[i] = skald_arena_text(arena, text);
        if (text != NULL && *texts[i] == NULL)
            return false;
    }
    if (message->body.size > 0)
        message->body = skald_arena_bytes(arena, message->body);
    return message->body.size == 0 || message->body.data != NULL;
}

skald_status skald_effects_event(skald_effects *effects, skald_arena *arena,
                                 const skald_message *event, skald_error *error)
{
    skald_message copy = *event;
    if (!skald_effects_message_copy(&copy, arena))
        return no_memory(error);
    skald_effects_entry *added = effect_add(effects, arena, EFFECT_EVENT);
    if (added == NULL)
        return no_memory(error);
    added->event = copy;
    return SKALD_OK;
}

skald_status skald_effects_job(skald_effects *effects, skald_arena *arena, const skald_new_job *job,
                               skald_error *error)
{
    skald_new_job copy = *job;
    copy.queue = skald_arena_text(arena, job->queue);
    copy.unique = skald_arena_text(arena, job->unique);
    if (copy.queue == NULL || (job->unique != NULL && copy.unique == NULL) ||
        !skald_effects_message_copy(&copy.message, arena))
        return no_memory(error);
    skald_effects_entry *added = effect_add(effects, arena, EFFECT_JOB);
    if (added == NULL)
        return no_memory(error);
    added->job = copy;
    return SKALD_OK;
}

skald_status skald_effects_send(const skald_effects *effects, skald_pipeline *pipeline,
                                uint32_t owner, skald_outbox_writer *events, skald_job_writer *jobs,
                                skald_error *error)
{
    skald_status status = SKALD_OK;
    for (const skald_effects_entry *effect = effects->first; effect != NULL && status == SKALD_OK;
         effect = effect->next) {
        switch (effect->kind) {
        case EFFECT_STATEMENT:
            status = skald_pipeline_send(pipeline, owner, effect->sql, effect->count,
                                         effect->params, error);
            break;
        case EFFECT_EVENT:
            status = skald_outbox_writer_add(events, &effect->event);
            break;
        case EFFECT_JOB:
            status = skald_job_writer_add(jobs, &effect->job);
            break;
        }
        if (status == SKALD_NO_MEMORY)
            skald_error_set(error, status, "no memory for what an activity leaves behind");
    }
    return status;
}
