/* SQLSTATE to status: which failures the caller can act on. */
#include "pg/errors.h"

#include <stdio.h>
#include <string.h>

typedef struct rule {
    const char *prefix; /* of the SQLSTATE */
    skald_status status;
} rule;

/* The first rule whose prefix fits decides. */
static const rule rules[] = {
    {SKALD_SQLSTATE_FENCED, SKALD_FENCED},
    {"40001", SKALD_CONFLICT},    /* serialization failure */
    {"40P01", SKALD_CONFLICT},    /* deadlock */
    {"57014", SKALD_TIMEOUT},     /* statement timeout or cancel */
    {"55P03", SKALD_TIMEOUT},     /* lock not available in time */
    {"57P", SKALD_UNAVAILABLE},   /* shutting down, starting up, idle session ended */
    {"25P03", SKALD_UNAVAILABLE}, /* idle in transaction for too long: the session is gone */
    {"08", SKALD_UNAVAILABLE},    /* connection exceptions */
    {"53300", SKALD_UNAVAILABLE}, /* too many connections */
    {"", SKALD_DATABASE},
};

static skald_status status_of(const char *sqlstate)
{
    const rule *found = rules;
    while (strncmp(sqlstate, found->prefix, strlen(found->prefix)) != 0)
        found++;
    return found->status;
}

/* libpq ends its texts with a line end, and puts line ends inside them. */
static void text_one_line(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
    for (char *at = out; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    }
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == ' ')
        out[--length] = '\0';
}

skald_status skald_pg_error_of_connection(const PGconn *connection, skald_error *error)
{
    char text[SKALD_ERROR_TEXT_SIZE / 2];
    text_one_line(text, sizeof text, PQerrorMessage(connection));
    return skald_error_set(error, SKALD_UNAVAILABLE, "PostgreSQL: %s", text);
}

skald_status skald_pg_error_of_result(const PGconn *connection, const PGresult *result,
                                      const char *sql, skald_error *error)
{
    const char *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate == NULL)
        return skald_pg_error_of_connection(connection, error);
    char text[SKALD_ERROR_TEXT_SIZE / 2];
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    text_one_line(text, sizeof text, primary != NULL ? primary : PQresultErrorMessage(result));
    char statement[128];
    text_one_line(statement, sizeof statement, sql != NULL ? sql : "");
    const skald_status status =
        statement[0] == '\0'
            ? skald_error_set(error, status_of(sqlstate), "PostgreSQL: %s (%s)", text, sqlstate)
            : skald_error_set(error, status_of(sqlstate), "PostgreSQL: %s (%s) in \"%s\"", text,
                              sqlstate, statement);
    if (error != NULL)
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
    return status;
}
