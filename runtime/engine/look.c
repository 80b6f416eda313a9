/* What a thread asks beside its turns, each a statement by itself. */
#include "engine/inside.h"

static skald_status numbers_list(skald_array *numbers, const skald_turn_partition *partitions,
                                 size_t count, skald_error *error)
{
    skald_array_init(numbers, SKALD_ARRAY_INT2);
    for (size_t i = 0; i < count; i++)
        skald_array_integer(numbers, partitions[i].number);
    return skald_array_ok(numbers) ? SKALD_OK
                                   : skald_error_set(error, SKALD_NO_MEMORY, "no memory for sagas");
}

skald_status skald_turn_next_due(skald_turn *turn, const skald_turn_partition *partitions,
                                 size_t count, int64_t *wait_ms, skald_error *error)
{
    skald_array numbers;
    skald_status status = numbers_list(&numbers, partitions, count, error);
    skald_rows *rows = NULL;
    if (status == SKALD_OK)
        status = skald_pg_do(
            turn->pg, &rows, error,
            "SELECT ceil(extract(epoch FROM min(d.due_at) - skald.now()) * 1000)::bigint"
            " FROM unnest($1::smallint[]) AS p(partition) CROSS JOIN LATERAL"
            " (SELECT s.due_at FROM skald.saga AS s WHERE s.partition = p.partition"
            "  AND s.blocked IS NULL AND s.due_at < 'infinity' ORDER BY s.due_at LIMIT 1) AS d",
            skald_array_param(&numbers));
    if (status == SKALD_OK && !skald_rows_null(rows, 0, 0) &&
        skald_rows_integer(rows, 0, 0) < *wait_ms)
        *wait_ms = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    skald_array_done(&numbers);
    return status;
}

/* One statement for each definition: there are few, and few are ever blocked. */
skald_status skald_turn_released(skald_turn *turn, const skald_turn_partition *partitions,
                                 size_t count, skald_error *error)
{
    skald_array numbers;
    skald_status status = numbers_list(&numbers, partitions, count, error);
    for (const skald_saga_kind *kind = turn->hub->sagas->kinds; kind != NULL && status == SKALD_OK;
         kind = kind->next)
        status = skald_pg_do(
            turn->pg, NULL, error,
            "UPDATE skald.saga SET blocked = NULL, due_at = skald.now(), future = 'time',"
            " waits_for = 'goes on at once' WHERE blocked LIKE '" SKALD_TURN_GONE "%'"
            " AND definition = $1 AND version = $2 AND fingerprint = $3"
            " AND partition = ANY ($4::smallint[])",
            kind->definition->name, kind->definition->version, (int64_t)kind->plan.fingerprint,
            skald_array_param(&numbers));
    skald_array_done(&numbers);
    return status;
}
