/* A number for the plan of steps. Only what a running saga could not survive is hashed: names,
 * order, kinds, addressees, undoing, pivot, conditions. Tunings may change under a running saga.
 * Pointers to code differ from process to process, so only whether they are there counts. */
#include <skald/saga.h>

#include "plan.h"

static const uint64_t FNV_OFFSET_BASIS = 14695981039346656037u;
static const uint64_t FNV_PRIME = 1099511628211u;

static void number_add(uint64_t *hash, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        *hash = (*hash ^ ((number >> (8 * i)) & 0xFF)) * FNV_PRIME;
}

/* The NUL is hashed too, so that no two texts run into one another. */
static void text_add(uint64_t *hash, const char *text)
{
    number_add(hash, text != NULL);
    if (text == NULL)
        return;
    for (const char *c = text;; c++) {
        *hash = (*hash ^ (unsigned char)*c) * FNV_PRIME;
        if (*c == '\0')
            return;
    }
}

static void steps_add(uint64_t *hash, skald_steps steps);

static void work_add(uint64_t *hash, const skald_work *work)
{
    const skald_work_kind kind = skald_work_kind_of(work);
    number_add(hash, kind);
    text_add(hash, work->participant);
    text_add(hash, work->command);
    text_add(hash, work->wait_for);
    text_add(hash, work->child != NULL ? work->child->name : NULL);
    if (skald_work_is_group(kind))
        steps_add(hash, *skald_work_members(work));
}

static void steps_add(uint64_t *hash, skald_steps steps)
{
    number_add(hash, steps.count);
    for (size_t i = 0; i < steps.count; i++) {
        const skald_step *step = &steps.list[i];
        text_add(hash, step->name);
        work_add(hash, &step->run);
        work_add(hash, &step->undo);
        number_add(hash, step->pivot);
        number_add(hash, step->only_if != NULL);
    }
}

uint64_t skald_definition_fingerprint(const skald_definition *definition)
{
    uint64_t hash = FNV_OFFSET_BASIS;
    text_add(&hash, definition->name);
    steps_add(&hash, definition->steps);
    return hash;
}
