/* What became of the pictures, and whether it is what had to become of them. Pure: whoever reads
 * the tables (audit.c) and asks the API (customers.c) brings the figures. */
#ifndef DRIVER_BOOKS_H
#define DRIVER_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum picture_kind {
    PICTURE_FREE,
    PICTURE_PAYING,    /* a paying customer's: overtakes */
    PICTURE_WATCHED,   /* takes long; the customer watches how it grows */
    PICTURE_CANCELLED, /* not wanted any more, right after it was uploaded */
} picture_kind;

/* One picture as the customer and the service know it. */
typedef struct book_picture {
    char id[37];
    picture_kind kind;
    bool placed;        /* the customer got a number for it */
    bool placeholder;   /* and a placeholder, until it was made */
    bool twice;         /* uploaded twice */
    bool twice_same;    /* and got one number */
    bool cancelled;     /* the API said that it is cancelled */
    uint64_t expected;  /* checksum of the thumbnail */
    uint64_t seen;      /* checksum of what the API gives; 0: no thumbnail */
    unsigned made;      /* how often there is a thumbnail */
    double uploaded_ms; /* by the database's clock */
    double begun_ms;
    bool interrupted; /* the worker that made it was killed, so another one began anew */
} book_picture;

/* How far the watched one was, whenever the customer looked. */
typedef struct book_progress {
    unsigned looks;
    unsigned steps; /* different figures between nothing and everything */
    bool fell;
} book_progress;

typedef struct demo_books {
    book_picture *pictures; /* sorted by id once everything is placed */
    size_t picture_count;
    book_progress progress;
    uint64_t job_count;
    uint64_t strangers; /* thumbnails of pictures that nobody uploaded */
    unsigned workers;   /* that made thumbnails */
    double one_worker;  /* thumbnails per second */
    double three_workers;
} demo_books;

typedef struct demo_verdict {
    uint64_t made;
    uint64_t lost;
    uint64_t doubled;
    uint64_t wrong;        /* not the pixels that they must be */
    uint64_t cancelled;    /* and not made */
    uint64_t placeholders; /* customers who saw one */
    uint64_t twice;        /* pictures that were uploaded twice */
    uint64_t interrupted;
    uint64_t waited;    /* free pictures that were not begun when a paying customer's came */
    uint64_t overtaken; /* those of them that were begun after it */
    bool unique_ok;
    bool cancel_ok;
    bool paying_ok;
    bool progress_ok;
    bool shared_ok;
} demo_verdict;

void books_check(const demo_books *books, demo_verdict *out);

/* Everything is as it had to become. */
bool verdict_is_good(const demo_verdict *verdict);

/* The picture with this id, or NULL. */
book_picture *books_find(const demo_books *books, const char *id);
void books_sort(demo_books *books);

#endif
