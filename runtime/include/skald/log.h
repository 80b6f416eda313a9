/* How a service tells what happens to it. One line per fact: an id that never changes, then words.
 */
#ifndef SKALD_LOG_H
#define SKALD_LOG_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum skald_log_level {
    SKALD_LOG_DEBUG,
    SKALD_LOG_INFO,
    SKALD_LOG_WARNING,
    SKALD_LOG_ERROR,
} skald_log_level;

/* Called from any of the service's threads, one call at a time. `id` is a stable name such as
 * "RELAY-LEADS"; `text` is one sentence without a line end. Neither may be kept after the call. The
 * callback must not call back into the service. */
typedef void skald_log_function(void *user, skald_log_level level, const char *id,
                                const char *text);

#ifdef __cplusplus
}
#endif

#endif
