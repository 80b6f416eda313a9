/* One query for the pictures, one for the thumbnails, one for the jobs. */
#include "driver/audit.h"

#include "common/database.h"

#include <stdlib.h>
#include <string.h>

static double real_at(const PGresult *rows, int row, int column)
{
    return strtod(PQgetvalue(rows, row, column), NULL);
}

/* When each was uploaded and begun, and whether a worker was lost with it. */
static bool read_pictures(demo_books *books, PGconn *database)
{
    PGresult *rows = database_rows(
        database, "SELECT p.id, extract(epoch FROM p.uploaded_at) * 1000,"
                  " coalesce(extract(epoch FROM j.started_at) * 1000, 0),"
                  " EXISTS (SELECT FROM skald.attempt AS a WHERE a.job = j.id)::integer"
                  " FROM picture AS p JOIN skald.job AS j ON j.message_id = p.id::text");
    const bool good = rows != NULL;
    for (int row = 0; row < PQntuples(rows); row++) {
        book_picture *picture = books_find(books, PQgetvalue(rows, row, 0));
        if (picture == NULL)
            continue;
        picture->uploaded_ms = real_at(rows, row, 1);
        picture->begun_ms = real_at(rows, row, 2);
        picture->interrupted = database_number_at(rows, row, 3) > 0;
    }
    PQclear(rows);
    return good;
}

static bool read_thumbnails(demo_books *books, PGconn *database)
{
    PGresult *rows = database_rows(database, "SELECT picture_id FROM thumbnail");
    const bool good = rows != NULL;
    for (int row = 0; row < PQntuples(rows); row++) {
        book_picture *picture = books_find(books, PQgetvalue(rows, row, 0));
        if (picture == NULL) {
            books->strangers++;
            continue;
        }
        picture->made++;
    }
    PQclear(rows);
    return good;
}

bool audit_read(demo_books *books, PGconn *database)
{
    const int64_t jobs =
        database_number(database, "SELECT count(*) FROM skald.job WHERE queue = 'thumbnails'");
    const int64_t workers =
        database_number(database, "SELECT count(DISTINCT made_by) FROM thumbnail");
    books->job_count = (uint64_t)jobs;
    books->workers = (unsigned)workers;
    return jobs >= 0 && workers >= 0 && read_pictures(books, database) &&
           read_thumbnails(books, database);
}

bool audit_spoil(PGconn *database, const char *what)
{
    if (strcmp(what, "pixels") == 0)
        return database_run(database, "UPDATE thumbnail SET file = set_byte(file, 40,"
                                      " 255 - get_byte(file, 40)) WHERE number = 1");
    if (strcmp(what, "twice") == 0)
        return database_run(database, "INSERT INTO thumbnail (picture_id, file, made_by)"
                                      " SELECT picture_id, file, made_by FROM thumbnail LIMIT 1");
    return database_run(database, "DELETE FROM thumbnail WHERE number = 1");
}
