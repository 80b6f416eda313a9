/* Parameters in the shape libpq wants them. */
#ifndef SKALD_PG_PARAMS_H
#define SKALD_PG_PARAMS_H

#include <libpq-fe.h>
#include <skald/param.h>
#include <skald/status.h>

enum { SKALD_PARAMS_MAX = 64, SKALD_PARAM_NUMBER_SIZE = 32 };

/* Lives on the caller's stack during one send; borrows from the parameters it was made of. */
typedef struct skald_pg_params {
    int count;
    Oid types[SKALD_PARAMS_MAX]; /* 0: PostgreSQL infers it from the statement */
    const char *values[SKALD_PARAMS_MAX];
    int lengths[SKALD_PARAMS_MAX];
    int formats[SKALD_PARAMS_MAX];
    char numbers[SKALD_PARAMS_MAX][SKALD_PARAM_NUMBER_SIZE];
} skald_pg_params;

/* SKALD_INVALID for too many parameters, or one that is larger than PostgreSQL takes. */
skald_status skald_pg_params_fill(skald_pg_params *out, size_t count, const skald_param *params,
                                  skald_error *error);

#endif
