/* Medians and ranges; nothing is left out. */
#include "bench/figures.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct naming {
    const char *id;
    const char *words;
    const char *unit;
    figure_id compared;
} naming;

static const naming names[] = {
#define FIGURE_NAMING(name, id, words, unit, compared) {id, words, unit, FIGURE_##compared},
    FIGURE_LIST(FIGURE_NAMING)
#undef FIGURE_NAMING
};

void figures_note(figure_table *figures, figure_id id, double value, const cost *per_event_us)
{
    figure *noted = &figures->of[id];
    assert(noted->count < FIGURE_ROUNDS_MAX);
    noted->values[noted->count] = value;
    if (per_event_us != NULL)
        noted->costs[noted->count] = *per_event_us;
    noted->count++;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

typedef struct summary {
    double median;
    double least;
    double most;
} summary;

static summary summarise(const double *values, unsigned count)
{
    double sorted[FIGURE_ROUNDS_MAX];
    if (count == 0)
        return (summary){0};
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return (summary){(sorted[count / 2] + sorted[(count - 1) / 2]) / 2, sorted[0],
                     sorted[count - 1]};
}

static double cost_median(const figure *noted, size_t offset)
{
    double values[FIGURE_ROUNDS_MAX];
    for (unsigned i = 0; i < noted->count; i++)
        memcpy(&values[i], (const char *)&noted->costs[i] + offset, sizeof values[i]);
    return summarise(values, noted->count).median;
}

static cost cost_summarise(const figure *noted)
{
    return (cost){cost_median(noted, offsetof(cost, postgres)),
                  cost_median(noted, offsetof(cost, nats)),
                  cost_median(noted, offsetof(cost, own))};
}

static double ratio_of(const figure_table *figures, figure_id id)
{
    const figure *other = &figures->of[names[id].compared];
    const double by_hand = summarise(other->values, other->count).median;
    const figure *noted = &figures->of[id];
    return by_hand == 0 ? 0 : summarise(noted->values, noted->count).median / by_hand;
}

void figures_print(const figure_table *figures)
{
    printf("%-40s %10s %21s %7s   CPU us per event\n", "", "median", "range", "ratio");
    printf("%-40s %10s %21s %7s %8s %6s %6s\n", "", "", "", "", "postgres", "nats", "we");
    for (figure_id id = 0; id < FIGURE_COUNT; id++) {
        const figure *noted = &figures->of[id];
        const summary values = summarise(noted->values, noted->count);
        const cost each = cost_summarise(noted);
        if (noted->count == 0)
            continue;
        printf("%-40s %7.0f %-2s %10.0f..%-9.0f", names[id].words, values.median, names[id].unit,
               values.least, values.most);
        if (names[id].compared != id)
            printf(" %7.2f", ratio_of(figures, id));
        else
            printf(" %7s", "");
        if (each.own > 0)
            printf(" %8.1f %6.1f %6.1f", each.postgres, each.nats, each.own);
        printf("\n");
    }
}

void figures_print_json(const figure_table *figures, unsigned rounds, unsigned events)
{
    printf("{\"rounds\": %u, \"events\": %u", rounds, events);
    for (figure_id id = 0; id < FIGURE_COUNT; id++) {
        const figure *noted = &figures->of[id];
        const summary values = summarise(noted->values, noted->count);
        const cost each = cost_summarise(noted);
        if (noted->count == 0)
            continue;
        printf(", \"%s\": {\"unit\": \"%s\", \"median\": %.1f, \"min\": %.1f, \"max\": %.1f",
               names[id].id, names[id].unit, values.median, values.least, values.most);
        if (names[id].compared != id)
            printf(", \"ratio\": %.3f", ratio_of(figures, id));
        if (each.own > 0)
            printf(", \"postgres_us\": %.2f, \"nats_us\": %.2f, \"own_us\": %.2f", each.postgres,
                   each.nats, each.own);
        printf("}");
    }
    printf("}\n");
}
