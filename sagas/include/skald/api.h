/* Marks what libskald exports. Everything else in the library is hidden. */
#ifndef SKALD_API_H
#define SKALD_API_H

#define SKALD_VERSION_MAJOR 0
#define SKALD_VERSION_MINOR 1
#define SKALD_VERSION_PATCH 0
#define SKALD_VERSION "0.1.0"

#if defined(__GNUC__)
#define SKALD_API __attribute__((visibility("default")))
#define SKALD_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SKALD_API
#define SKALD_PRINTF(text, first)
#endif

#endif
