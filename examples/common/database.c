/* libpq in its simplest form. */
#include "common/database.h"

#include <errno.h> /* program_invocation_short_name */
#include <stdio.h>
#include <stdlib.h>

#define FILE_SIZE_MAX 65536u

PGconn *database_connect(const char *name)
{
    const char *keywords[] = {"dbname", "application_name", NULL};
    const char *values[] = {name, program_invocation_short_name, NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 0);
    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    fprintf(stderr, "%s: %s", program_invocation_short_name, PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

bool database_create(const char *name)
{
    PGconn *connection = database_connect(NULL);
    char sql[128];
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    const bool made = connection != NULL && database_run(connection, sql);
    PQfinish(connection);
    return made;
}

bool database_run(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    const ExecStatusType status = PQresultStatus(result);
    const bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!done)
        fprintf(stderr, "%s: %s", program_invocation_short_name, PQerrorMessage(connection));
    PQclear(result);
    return done;
}

bool database_run_file(PGconn *connection, const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, FILE_SIZE_MAX + 1);
    const size_t size = file != NULL && text != NULL ? fread(text, 1, FILE_SIZE_MAX, file) : 0;
    const bool done = size > 0 && size < FILE_SIZE_MAX && database_run(connection, text);
    if (size == 0)
        fprintf(stderr, "%s: %s cannot be read\n", program_invocation_short_name, path);
    if (file != NULL)
        fclose(file);
    free(text);
    return done;
}

PGresult *database_rows(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    fprintf(stderr, "%s: %s: %s", program_invocation_short_name, sql, PQerrorMessage(connection));
    PQclear(result);
    return NULL;
}

int64_t database_number_at(const PGresult *rows, int row, int column)
{
    return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

int64_t database_number(PGconn *connection, const char *sql)
{
    PGresult *rows = database_rows(connection, sql);
    const int64_t number = PQntuples(rows) == 1 ? database_number_at(rows, 0, 0) : -1;
    PQclear(rows);
    return number;
}
