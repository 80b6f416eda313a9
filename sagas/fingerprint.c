/* A reason is rewritten piece by piece: what differs from case to case becomes "?", the rest is
 * kept. The pieces go to a sink that hashes them, and keeps as many as there is room for.
 *
 * What is an id is a guess, and it errs on the side of one group too few: two causes in one group
 * are seen by whoever opens it, a thousand groups of one cause hide all others. The hash is part of
 * stored rows and alerts: another way of cutting makes new groups of old causes. */
#include "fingerprint.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const uint64_t FNV_OFFSET_BASIS = 14695981039346656037u;
static const uint64_t FNV_PRIME = 1099511628211u;

enum { HEX_ID_MIN = 6, LETTERS_ID_MIN = 16, UUID_SIZE = 36 };

typedef struct sink {
    uint64_t hash;
    char *out; /* NULL: only the hash is wanted */
    size_t size;
    size_t used;
    bool full;  /* the next piece did not fit: nothing behind it is kept */
    bool blank; /* a blank is due before the next piece */
    bool begun;
} sink;

static void hash_bytes(uint64_t *hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
}

/* A character, or any piece that is kept whole or not at all. */
static void put(sink *s, const char *bytes, size_t size)
{
    hash_bytes(&s->hash, bytes, size);
    if (s->out == NULL || s->full)
        return;
    s->full = size >= s->size - s->used;
    if (s->full)
        return;
    memcpy(s->out + s->used, bytes, size);
    s->used += size;
}

static void piece_put(sink *s, const char *bytes, size_t size)
{
    if (s->blank && s->begun)
        put(s, " ", 1);
    s->blank = false;
    s->begun = true;
    put(s, bytes, size);
}

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_high(char c)
{
    return ((unsigned char)c & 0x80) != 0;
}

static bool is_blank(char c)
{
    return c != '\0' && (unsigned char)c <= ' ';
}

static bool is_mail(char c)
{
    return is_word(c) || is_high(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

/* Of a UTF-8 character; a byte that is none counts alone. */
static size_t character_size(const char *at)
{
    const unsigned char lead = (unsigned char)*at;
    const size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    size_t size = 1;
    while (size < wanted && ((unsigned char)at[size] & 0xC0) == 0x80)
        size++;
    return size;
}

/* ---- what differs from case to case: each says how many bytes of it stand here, or 0 ---- */

typedef struct quotes {
    const char *open;
    const char *close;
} quotes;

static const quotes quote_kinds[] = {{"\"", "\""},
                                     {"'", "'"},
                                     {"`", "`"},
                                     {"\xE2\x80\x9C", "\xE2\x80\x9D"}, /* English, double */
                                     {"\xE2\x80\x98", "\xE2\x80\x99"}, /* English, single */
                                     {"\xE2\x80\x9E", "\xE2\x80\x9C"}, /* German */
                                     {"\xC2\xAB", "\xC2\xBB"}};        /* French */
enum { QUOTE_KINDS = sizeof quote_kinds / sizeof *quote_kinds };

typedef struct reader {
    const char *at;
    char before;                /* the character before `at`; 0 at the beginning */
    bool unclosed[QUOTE_KINDS]; /* that no closing one of that kind follows is known */
} reader;

static bool begins(const char *text, const char *with)
{
    return *text == *with && strncmp(text, with, strlen(with)) == 0;
}

/* An apostrophe inside a word neither opens nor closes: "can't". */
static const char *quote_end(const char *from, const quotes *kind)
{
    const bool apostrophe = kind->close[0] == '\'';
    for (const char *at = from; *at != '\0'; at++) {
        const char *const end = at + strlen(kind->close);
        if (begins(at, kind->close) && !(apostrophe && (is_word(*end) || is_high(*end))))
            return end;
    }
    return NULL;
}

static size_t quoted_size(reader *r)
{
    if (is_word(*r->at))
        return 0;
    for (size_t i = 0; i < QUOTE_KINDS; i++) {
        const quotes *const kind = &quote_kinds[i];
        const bool inside = kind->open[0] == '\'' && (is_word(r->before) || is_high(r->before));
        if (r->unclosed[i] || inside || !begins(r->at, kind->open))
            continue;
        const char *const end = quote_end(r->at + strlen(kind->open), kind);
        if (end != NULL)
            return (size_t)(end - r->at);
        r->unclosed[i] = true;
    }
    return 0;
}

static size_t mail_size(const reader *r)
{
    size_t size = 0;
    if (is_mail(r->before))
        return 0;
    while (is_mail(r->at[size]))
        size++;
    if (size == 0 || r->at[size] != '@' || !(is_word(r->at[size + 1]) || is_high(r->at[size + 1])))
        return 0;
    size++;
    while (is_mail(r->at[size]))
        size++;
    while (r->at[size - 1] == '.')
        size--;
    return size;
}

static size_t uuid_size(const char *at)
{
    for (size_t i = 0; i < UUID_SIZE; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? at[i] != '-' : !is_hex(at[i]))
            return 0;
    }
    return is_word(at[UUID_SIZE]) ? 0 : UUID_SIZE;
}

typedef struct word_look {
    size_t size;
    size_t digit_count;
    size_t digit_runs;
    bool hex;
} word_look;

static word_look word_look_at(const char *at)
{
    word_look look = {.hex = true};
    for (; is_word(at[look.size]); look.size++) {
        const bool digit = is_digit(at[look.size]);
        look.digit_count += digit ? 1 : 0;
        look.digit_runs += digit && (look.size == 0 || !is_digit(at[look.size - 1])) ? 1 : 0;
        look.hex = look.hex && is_hex(at[look.size]);
    }
    return look;
}

/* A whole word that looks like an id: hexadecimal, or letters and digits mixed, or very long. */
static size_t id_size(const char *at)
{
    const word_look look = word_look_at(at);
    const bool hex_marked = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
    const bool digits = look.digit_count > 0 && look.digit_count < look.size;
    const bool hex = look.hex && look.size >= HEX_ID_MIN && digits;
    const bool mixed = look.digit_runs > 1;
    const bool letters = look.size >= LETTERS_ID_MIN && (look.hex || digits);
    return (hex_marked && look.size > 2) || hex || mixed || letters ? look.size : 0;
}

/* "12", "12.5", "1,234", "10.0.0.1"; "-5" where no word stands before the sign. */
static size_t number_size(const reader *r)
{
    const bool alone = !is_word(r->before) && r->before != ')' && !is_high(r->before);
    size_t size = r->at[0] == '-' && alone && is_digit(r->at[1]) ? 1 : 0;
    if (!is_digit(r->at[size]))
        return 0;
    while (is_digit(r->at[size]) ||
           ((r->at[size] == '.' || r->at[size] == ',') && is_digit(r->at[size + 1])))
        size++;
    return size;
}

/* ---- the way through a reason ---- */

static size_t varying_size(reader *r)
{
    size_t size = quoted_size(r);
    if (size == 0)
        size = mail_size(r);
    if (size == 0 && !is_word(r->before))
        size = uuid_size(r->at);
    if (size == 0 && !is_word(r->before))
        size = id_size(r->at);
    if (size == 0)
        size = number_size(r);
    return size;
}

static void reason_read(sink *s, const char *reason)
{
    reader r = {.at = reason};
    while (*r.at != '\0') {
        const size_t varying = is_blank(*r.at) ? 0 : varying_size(&r);
        const size_t size = varying > 0 ? varying : character_size(r.at);
        if (varying > 0)
            piece_put(s, "?", 1);
        else if (is_blank(*r.at))
            s->blank = true;
        else
            piece_put(s, r.at, size);
        r.before = r.at[size - 1];
        r.at += size;
    }
}

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

void skald_fingerprint(char out[SKALD_FINGERPRINT_SIZE], const char *subscription, const char *type,
                       const char *error_class, const char *sqlstate, const char *reason)
{
    const char *const fields[] = {subscription, type, error_class, sqlstate};
    sink s = {.hash = FNV_OFFSET_BASIS};
    /* The NUL is hashed too, so that no two fields run into each other. */
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        hash_bytes(&s.hash, text_of(fields[i]), strlen(text_of(fields[i])) + 1);
    reason_read(&s, text_of(reason));
    snprintf(out, SKALD_FINGERPRINT_SIZE, "%016llx", (unsigned long long)s.hash);
}

void skald_fingerprint_reason(char *out, unsigned long size, const char *reason)
{
    assert(out != NULL && size > 0);
    sink s = {.hash = FNV_OFFSET_BASIS, .out = out, .size = size};
    reason_read(&s, text_of(reason));
    if (s.used > 0 && out[s.used - 1] == ' ')
        s.used--;
    out[s.used] = '\0';
}
