/* Frames to text, without stdio and without the heap. */
#include "supervisor/backtrace.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

enum { FRAMES_MAX = 128, LINE_ROOM = 32 };

/* The dynamic linker knows the program only by the word it was started with. */
static char program_path[PATH_MAX];
static const void *program_base;

typedef struct sink {
    char *out;
    size_t size;
    size_t used;
} sink;

static void text_put(sink *to, const char *text)
{
    for (; *text != '\0' && to->used + 1 < to->size; text++)
        to->out[to->used++] = *text;
}

static void number_put(sink *to, uintptr_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = "0123456789abcdef"[number % base];
    while ((number /= base) > 0);
    text_put(to, digits + at);
}

static void hex_put(sink *to, uintptr_t number)
{
    text_put(to, "0x");
    number_put(to, number, 16);
}

void skald_backtrace_prepare(void)
{
    void *frame[1];
    (void)backtrace(frame, 1);
    Dl_info info;
    if (dladdr((const void *)(uintptr_t)getauxval(AT_ENTRY), &info) != 0)
        program_base = info.dli_fbase;
    const ssize_t size = readlink("/proc/self/exe", program_path, sizeof program_path - 1);
    program_path[size > 0 ? size : 0] = '\0';
}

/* Where the thread was when the signal came; 0 on machines that we do not know. */
static uintptr_t interrupted_at(const void *context)
{
    if (context == NULL)
        return 0;
    const ucontext_t *of = context;
#if defined(__x86_64__)
    return (uintptr_t)of->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)of->uc_mcontext.pc;
#else
    (void)of;
    return 0;
#endif
}

static void place_put(sink *to, uintptr_t address, bool is_return)
{
    /* A return address may already belong to the next function. */
    const uintptr_t inside = is_return ? address - 1 : address;
    Dl_info info = {0};
    if (dladdr((const void *)inside, &info) == 0 || info.dli_fname == NULL) {
        text_put(to, "? (");
        hex_put(to, address);
        text_put(to, ")");
        return;
    }
    if (info.dli_sname != NULL) {
        text_put(to, info.dli_sname);
        text_put(to, "+");
        hex_put(to, inside - (uintptr_t)info.dli_saddr);
    } else {
        text_put(to, "?");
    }
    const bool ours = info.dli_fbase == program_base && program_path[0] != '\0';
    text_put(to, " (");
    text_put(to, ours ? program_path : info.dli_fname);
    text_put(to, "+");
    hex_put(to, inside - (uintptr_t)info.dli_fbase);
    text_put(to, ")");
}

static int first_outside(void *const *frames, int count, uintptr_t at)
{
    for (int i = 0; at != 0 && i < count; i++) {
        if ((uintptr_t)frames[i] == at)
            return i;
    }
    return 0;
}

/* How many frames from `from` on are the same call: a recursion. */
static int same_count(void *const *frames, int count, int from)
{
    int same = 1;
    while (from + same < count && frames[from + same] == frames[from])
        same++;
    return same;
}

static void line_put(sink *to, int number, uintptr_t address, bool is_return)
{
    const size_t whole = to->used;
    text_put(to, "#");
    number_put(to, (uintptr_t)number, 10);
    text_put(to, " ");
    place_put(to, address, is_return);
    text_put(to, "\n");
    /* A line that found no room is not left in half. */
    if (to->used + 1 >= to->size)
        to->used = whole;
}

void skald_backtrace_write(char *out, size_t size, const void *context)
{
    void *frames[FRAMES_MAX];
    const int count = backtrace(frames, FRAMES_MAX);
    const int first = first_outside(frames, count, interrupted_at(context));
    sink to = {.out = out, .size = size};
    for (int i = first, same; i < count && to.used + LINE_ROOM < size; i += same) {
        same = same_count(frames, count, i);
        line_put(&to, i - first, (uintptr_t)frames[i], context == NULL || i > first);
        if (same > 1) {
            text_put(&to, "   and ");
            number_put(&to, (uintptr_t)same - 1, 10);
            text_put(&to, " times more\n");
        }
    }
    out[to.used] = '\0';
}
