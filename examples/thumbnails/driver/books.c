/* The comparison, picture by picture and then over all. */
#include "driver/books.h"

#include <stdlib.h>
#include <string.h>

#define OVERTAKEN_MIN 0.5
#define WORKERS 3u
#define STEPS_MIN 2u

static void check_picture(const book_picture *picture, demo_verdict *verdict)
{
    const unsigned expected = picture->cancelled ? 0 : 1;
    verdict->made += picture->made > 0;
    verdict->lost += picture->made < expected;
    verdict->doubled += picture->made > expected ? picture->made - expected : 0;
    verdict->wrong += picture->made > 0 && picture->seen != picture->expected;
    verdict->cancelled += picture->cancelled && picture->made == 0;
    verdict->placeholders += picture->placeholder;
    verdict->twice += picture->twice;
    verdict->interrupted += picture->interrupted;
    verdict->unique_ok = verdict->unique_ok && (!picture->twice || picture->twice_same);
    verdict->cancel_ok =
        verdict->cancel_ok && (picture->kind == PICTURE_CANCELLED) == picture->cancelled;
}

/* The free pictures that had been uploaded before this one and were not begun then. */
static void count_overtaken(const demo_books *books, const book_picture *picture,
                            demo_verdict *verdict)
{
    for (size_t i = 0; i < books->picture_count; i++) {
        const book_picture *other = &books->pictures[i];
        const bool waited = other->kind == PICTURE_FREE && !other->interrupted &&
                            other->uploaded_ms < picture->uploaded_ms &&
                            other->begun_ms > picture->uploaded_ms;
        verdict->waited += waited;
        verdict->overtaken += waited && other->begun_ms > picture->begun_ms;
    }
}

/* An upload is not seen by the workers before its COMMIT, so that some are begun meanwhile. */
static void check_paying(const demo_books *books, demo_verdict *verdict)
{
    for (size_t i = 0; i < books->picture_count; i++) {
        const book_picture *picture = &books->pictures[i];
        if (picture->kind == PICTURE_PAYING && !picture->interrupted)
            count_overtaken(books, picture, verdict);
    }
    verdict->paying_ok = (double)verdict->overtaken >= OVERTAKEN_MIN * (double)verdict->waited;
}

void books_check(const demo_books *books, demo_verdict *out)
{
    *out = (demo_verdict){.unique_ok = books->job_count == books->picture_count, .cancel_ok = true};
    for (size_t i = 0; i < books->picture_count; i++)
        check_picture(&books->pictures[i], out);
    out->doubled += books->strangers;
    check_paying(books, out);
    out->progress_ok = books->progress.steps >= STEPS_MIN && !books->progress.fell;
    out->shared_ok = books->workers == WORKERS;
}

bool verdict_is_good(const demo_verdict *verdict)
{
    return verdict->lost == 0 && verdict->doubled == 0 && verdict->wrong == 0 &&
           verdict->placeholders > 0 && verdict->unique_ok && verdict->cancel_ok &&
           verdict->paying_ok && verdict->progress_ok && verdict->shared_ok;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(((const book_picture *)left)->id, ((const book_picture *)right)->id);
}

book_picture *books_find(const demo_books *books, const char *id)
{
    book_picture wanted = {0};
    strncpy(wanted.id, id, sizeof(wanted.id) - 1);
    return bsearch(&wanted, books->pictures, books->picture_count, sizeof(wanted), compare_ids);
}

void books_sort(demo_books *books)
{
    qsort(books->pictures, books->picture_count, sizeof(books->pictures[0]), compare_ids);
}
