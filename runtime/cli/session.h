/* What all commands share that look into a service's database, or change something in it: the
 * connection, how times are shown, JSON or a table, who does it and why. */
#ifndef SKALD_CLI_SESSION_H
#define SKALD_CLI_SESSION_H

#include "cli/command.h"

#include "base/arena.h"
#include "pg/connection.h"
#include "json/write.h"

/* The first member of such a command's options struct, named `session`. */
typedef struct session_options {
    const char *database; /* connection string or URI; NULL: the PG* variables */
    const char *time;     /* NULL: relative on a terminal, otherwise iso */
    bool json;
    const char *actor; /* where the command changes something */
    const char *reason;
} session_options;

/* Rows of an option table. */
#define SESSION_OPTIONS(type)                                                                      \
    {"pg", "CONNINFO", SKALD_OPTION_TEXT, offsetof(type, session.database),                        \
     "the database, as a connection string or URI;\notherwise the PG* variables say it"},          \
    {                                                                                              \
        "json", NULL, SKALD_OPTION_FLAG, offsetof(type, session.json), "print JSON"                \
    }
#define SESSION_TIME_OPTION(type)                                                                  \
    {                                                                                              \
        "time", "STYLE", SKALD_OPTION_TEXT, offsetof(type, session.time),                          \
            "relative, iso or unix; on a terminal relative"                                        \
    }
#define SESSION_CHANGE_OPTIONS(type)                                                               \
    {"reason", "TEXT", SKALD_OPTION_TEXT, offsetof(type, session.reason),                          \
     "why; it is kept in skald.audit"},                                                            \
    {                                                                                              \
        "actor", "NAME", SKALD_OPTION_TEXT, offsetof(type, session.actor),                         \
            "who; otherwise $SUDO_USER or $USER"                                                   \
    }

typedef enum session_time {
    SESSION_TIME_RELATIVE,
    SESSION_TIME_ISO,
    SESSION_TIME_UNIX,
} session_time;

typedef struct session_rows {
    skald_rows *rows;
    struct session_rows *next;
} session_rows;

typedef struct cli_session {
    const skald_command *command;
    const char *actor;
    const char *reason;
    skald_pg *pg;
    skald_arena arena; /* lives until the end */
    int64_t now_us;    /* by the database's clock, by which everything is due */
    session_time time;
    bool json;
    bool terminal;  /* stdout is one */
    skald_json out; /* JSON on stdout */
    session_rows *rows;
    skald_error error;
} cli_session;

/* Connects and checks the schema. False after the reason was said, with the exit code. */
bool session_open(cli_session *session, const skald_command *command,
                  const session_options *options, int *exit_code);

/* The same for a command that changes something: it needs a reason, which is asked for on a
 * terminal and otherwise must be given, and an actor. */
bool session_open_change(cli_session *session, const skald_command *command,
                         const session_options *options, int *exit_code);

/* Closes, and answers the exit code: EX_IOERR when stdout did not take what was written. */
int session_end(cli_session *session, int exit_code);

/* Says session->error on stderr and answers its exit code. */
int session_fail(const cli_session *session);

/* Says one sentence on stderr, as "skald job show: ...", and answers `exit_code`. */
int session_refuse(const cli_session *session, int exit_code, const char *format, ...)
    SKALD_PRINTF(3, 4);

/* Says one line to a person who sits at a terminal, after what was printed: what to do next. */
void session_hint(const cli_session *session, const char *format, ...) SKALD_PRINTF(2, 3);

/* Says what a SQL function answered that was not 'ok'. */
int session_refused(const cli_session *session, const char *answer);

/* Runs one statement with typed values; the rows are freed by session_end. NULL after a failure,
 * which was said: return session_fail(). */
skald_rows *session_ask(cli_session *session, const char *sql, size_t count,
                        const skald_param *params);
skald_rows *session_ask_binary(cli_session *session, const char *sql, size_t count,
                               const skald_param *params);
#define session_query(session, ...) session_ask((session), SKALD_SQL(__VA_ARGS__))

/* Frees all rows, for a command that asks again and again. */
void session_forget(cli_session *session);

/* The columns of a query that are times: microseconds since 1970, NULL for none and for infinity.
 */
#define SQL_TIME(expression)                                                                       \
    "CASE WHEN isfinite(" expression ") THEN (extract(epoch FROM " expression                      \
    ") * 1000000)::bigint END"

/* A point in time for people, in the session's style: "3 min ago". Lives as long as the session. */
const char *session_when(cli_session *session, int64_t time_us);

/* A length of time for people: "1.2 s", "3 min", "2 d". */
const char *session_span(cli_session *session, int64_t span_us);

/* A point in time given as an option: "90s", "15m", "2h", "7d" ago, or RFC 3339. */
bool session_time_read(const cli_session *session, const char *option, const char *text,
                       int64_t *time_us);

#endif
