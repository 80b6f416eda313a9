/* libpq in its simplest form. */
#include "driver/database.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_SIZE_MAX 65536u

PGconn *database_connect(const char *name)
{
    const char *keywords[] = {"dbname", "application_name", NULL};
    const char *values[] = {name, "checkout-demo", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 0);
    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    fprintf(stderr, "checkout-demo: %s", PQerrorMessage(connection));
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
        fprintf(stderr, "checkout-demo: %s", PQerrorMessage(connection));
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
        fprintf(stderr, "checkout-demo: %s cannot be read\n", path);
    if (file != NULL)
        fclose(file);
    free(text);
    return done;
}

int64_t database_number(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    const bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    const int64_t number = found ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    if (!found)
        fprintf(stderr, "checkout-demo: %s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    return number;
}
