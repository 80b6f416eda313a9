/* Rows of a query as a table or as JSON, by one list of columns. */
#ifndef SKALD_CLI_LISTING_H
#define SKALD_CLI_LISTING_H

#include "cli/session.h"

typedef enum listing_kind {
    LISTING_TEXT,
    LISTING_COUNT,   /* a number in JSON, too */
    LISTING_REAL,    /* the same with fractions */
    LISTING_ID,      /* 64 bits: text in JSON, so that every reader keeps it exact */
    LISTING_TIME,    /* selected with SQL_TIME; RFC 3339 in JSON */
    LISTING_BOOLEAN, /* "yes" or nothing in a table */
    LISTING_BRIEF,   /* text; in a table only what stands before a colon */
} listing_kind;

/* One column of the query, in its order. The list ends with a column without a name. */
typedef struct listing_column {
    const char *name; /* in JSON */
    const char *head; /* in the table; NULL: it is not in there */
    listing_kind kind;
} listing_column;

/* Prints all rows. An empty list is [] in JSON; for people `nothing` is said on stderr. */
void listing_print(cli_session *session, const listing_column *columns, const skald_rows *rows,
                   const char *nothing);

/* All rows as a JSON array, a value inside of others. */
void listing_array(cli_session *session, const listing_column *columns, const skald_rows *rows);

/* One row as the members of a JSON object that is open. */
void listing_members(cli_session *session, const listing_column *columns, const skald_rows *rows,
                     uint32_t row);

/* One value as people read it; NULL for none. */
const char *listing_value(cli_session *session, const listing_column *columns,
                          const skald_rows *rows, uint32_t row, int column);

/* One row for people, a line per column from `first` on that has a value. */
void listing_fields(cli_session *session, const listing_column *columns, const skald_rows *rows,
                    uint32_t row, int first);

/* A moment as JSON; null when there is none. */
void listing_time(skald_json *json, bool null, int64_t time_us);

/* Options of lists that have pages, and how a page ends: says on stderr how to get the next one. */
typedef struct listing_page {
    int64_t limit; /* 0: 50 */
    int64_t after; /* an id; 0: from the newest on */
} listing_page;

#define LISTING_PAGE_OPTIONS(type)                                                                 \
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(type, page.limit), "how many at most; 50"},       \
    {                                                                                              \
        "after", "ID", SKALD_OPTION_NUMBER, offsetof(type, page.after),                            \
            "the next page: older than this one"                                                   \
    }

int64_t listing_limit(const listing_page *page);
void listing_more(const cli_session *session, const listing_page *page, const skald_rows *rows);

#endif
