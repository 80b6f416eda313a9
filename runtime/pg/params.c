/* Numbers become text, bytes stay binary; everything else is borrowed. */
#include "pg/params.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

enum { OID_BYTEA = 17 };

static void value_fill(skald_pg_params *out, int i, const skald_param *param)
{
    char *number = out->numbers[i];
    switch (param->kind) {
    case SKALD_PARAM_NULL:
        break;
    case SKALD_PARAM_TEXT:
        out->values[i] = param->data;
        break;
    case SKALD_PARAM_INTEGER:
        snprintf(number, SKALD_PARAM_NUMBER_SIZE, "%" PRId64, param->integer);
        out->values[i] = number;
        break;
    case SKALD_PARAM_REAL:
        snprintf(number, SKALD_PARAM_NUMBER_SIZE, "%.17g", param->real);
        out->values[i] = number;
        break;
    case SKALD_PARAM_BOOLEAN:
        out->values[i] = param->integer != 0 ? "t" : "f";
        break;
    case SKALD_PARAM_BYTES:
        /* An empty bytea is not NULL, and libpq tells them apart by the pointer. */
        out->values[i] = param->data != NULL ? param->data : "";
        out->lengths[i] = (int)param->size;
        out->formats[i] = 1;
        out->types[i] = param->integer != 0 ? (Oid)param->integer : OID_BYTEA;
        break;
    }
}

skald_status skald_pg_params_fill(skald_pg_params *out, size_t count, const skald_param *params,
                                  skald_error *error)
{
    if (count > SKALD_PARAMS_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "a statement has %zu parameters, at most %d are possible", count,
                               SKALD_PARAMS_MAX);
    if (count > 0 && params == NULL)
        return skald_error_set(error, SKALD_INVALID, "a statement has %zu parameters that are NULL",
                               count);
    out->count = (int)count;
    for (int i = 0; i < out->count; i++) {
        if (params[i].kind == SKALD_PARAM_BYTES && params[i].size > INT_MAX)
            return skald_error_set(error, SKALD_INVALID, "parameter $%d has %zu bytes", i + 1,
                                   params[i].size);
        out->types[i] = 0;
        out->values[i] = NULL;
        out->lengths[i] = 0;
        out->formats[i] = 0;
        value_fill(out, i, &params[i]);
    }
    return SKALD_OK;
}
