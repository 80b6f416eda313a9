/* The program that people are told by: started without a shell, given one JSON object on its stdin,
 * ended when it takes too long. One at a time; nobody waits for it. */
#ifndef SKALD_KEEPER_ALERT_COMMAND_H
#define SKALD_KEEPER_ALERT_COMMAND_H

#include <skald/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SKALD_ALERT_COMMAND_MS_MAX = 10000,
    SKALD_ALERT_TEXT_SIZE_MAX = 32 * 1024, /* fits into a pipe that nobody reads */
};

/* Zero-initialised: none runs. */
typedef struct skald_alert_command {
    pid_t pid; /* and its process group; 0: none runs */
    uint64_t deadline_ms;
} skald_alert_command;

typedef enum skald_alert_outcome {
    SKALD_ALERT_RUNS,
    SKALD_ALERT_TOLD, /* it ended with 0 */
    SKALD_ALERT_FAILED,
} skald_alert_outcome;

/* Starts the program at `path` with `text` and its line end on stdin, and `settings` ("NAME=value",
 * ending with NULL) on top of our environment. SKALD_FAILED with the reason; SKALD_FULL for a text
 * that is too long. */
skald_status skald_alert_command_begin(skald_alert_command *command, const char *path,
                                       const char *text, const char *const *settings,
                                       skald_error *error);

/* What has become of it; when it failed `error` says why. Past its time it and what it started are
 * killed. Never waits. */
skald_alert_outcome skald_alert_command_look(skald_alert_command *command, skald_error *error);

/* Kills it, if it runs. */
void skald_alert_command_end(skald_alert_command *command);

#endif
