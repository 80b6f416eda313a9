/* Names of functions that the dynamic linker does not know (static ones, and those of a program
 * that exports none), from the symbol tables of the files they are in. Not for signal handlers. */
#ifndef SKALD_SUPERVISOR_SYMBOLS_H
#define SKALD_SUPERVISOR_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The function of `path` that has the instruction at `offset` from where the file is loaded, and
 * how far into the function that is. False when the file or its symbols cannot be read. */
bool skald_symbols_find(const char *path, uintptr_t offset, char *name, size_t name_size,
                        uintptr_t *into);

/* Replaces the "?" in lines of skald_backtrace_write by names, where they are found; lines that
 * then find no room are left out, from the end. */
void skald_symbols_fill(char *text, size_t size);

#endif
