/* Asking something of sagas: of some by their ids, each at once, or of many with --where, as one
 * durable operation. */
#ifndef SKALD_CLI_SAGA_CHANGE_H
#define SKALD_CLI_SAGA_CHANGE_H

#include "cli/bulk.h"

#include "machine.h"

typedef struct saga_change_options {
    session_options session;
    const char *where;
    bulk_options bulk;
    const char *step;
    const char *from;       /* of retry */
    const char *state_json; /* of retry */
    bool edit;              /* of retry */
    bool done;              /* of resolve */
    bool not_done;          /* of resolve */
} saga_change_options;

#define SAGA_STEP_OPTION                                                                           \
    {                                                                                              \
        "step", "STEP", SKALD_OPTION_TEXT, offsetof(saga_change_options, step),                    \
            "which step; otherwise the one that waits for a person"                                \
    }
#define SAGA_CHANGE_OPTIONS                                                                        \
    {"where", "COND", SKALD_OPTION_TEXT, offsetof(saga_change_options, where),                     \
     "all that fit: definition=checkout and\nreason~timeout, ... or \"all\""},                     \
        BULK_OPTIONS(saga_change_options),                                                         \
        {"rate", "N", SKALD_OPTION_TEXT, offsetof(saga_change_options, bulk.rate),                 \
         "sagas per second; otherwise as fast as it goes"},                                        \
        SESSION_CHANGE_OPTIONS(saga_change_options), SESSION_OPTIONS(saga_change_options)

/* Whole lines for the notes of such a command. */
#define SAGA_WHERE_NOTES                                                                           \
    "--where has conditions joined by \"and\": definition, version, phase, step,\n"                \
    "future, reason, since and until with =, and reason~TEXT. With it nothing is\n"                \
    "changed before it is shown and confirmed, or told --yes; the set is frozen at\n"              \
    "once, and a process of the service works it off.\n"

typedef struct saga_request {
    const skald_command *command;
    skald_saga_event_kind kind;
    bool of_step; /* and not of the saga as a whole */
} saga_request;

int saga_change_run(const saga_request *request, const saga_change_options *options, int argc,
                    char **argv);

#endif
