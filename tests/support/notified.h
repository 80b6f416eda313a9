/* The socket of a service manager, which hears what a program says of itself (sd_notify). */
#ifndef TEST_SUPPORT_NOTIFIED_H
#define TEST_SUPPORT_NOTIFIED_H

/* Opens one. Answers the setting for the program, "NOTIFY_SOCKET=...", an abstract name or a file.
 */
typedef enum notified_kind { NOTIFIED_ABSTRACT, NOTIFIED_FILE } notified_kind;
const char *notified_open(notified_kind kind);
void notified_close(void);

/* How often this was heard since notified_open or notified_forget. */
int notified_count(const char *what);
void notified_forget(void);

#endif
