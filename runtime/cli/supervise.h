/* Runs a command beside the servers, or just the servers, until it is time to stop.
 *
 * The command stays in our process group, so that it can use the terminal; Ctrl-C reaches both of
 * us and is not sent to it twice. Whatever the command leaves running is ended with it. */
#ifndef SKALD_CLI_SUPERVISE_H
#define SKALD_CLI_SUPERVISE_H

#include "servers/servers.h"

typedef struct skald_supervisor {
    skald_servers *servers; /* NULL: they are another process's */
    int signals;            /* a signalfd */
    pid_t parent;
    pid_t command; /* 0: none runs */
    int status;    /* the command's, once it has ended */
    bool stopping; /* a signal, or our parent's end, says so */
    bool broken;   /* a server has ended by itself */
} skald_supervisor;

/* Takes over SIGINT, SIGTERM, SIGHUP and SIGCHLD; call it before anything is started. */
skald_status skald_supervisor_init(skald_supervisor *supervisor, skald_error *error);

/* Starts the command and returns when it has ended: its exit code, or 128 + its signal. */
int skald_supervisor_run(skald_supervisor *supervisor, char **argv);

/* Returns when we are told to stop or a server ends. */
void skald_supervisor_wait(skald_supervisor *supervisor);

/* Waits until `lock` can be taken for ourselves alone, or we are told to stop. */
void skald_supervisor_wait_alone(skald_supervisor *supervisor, int lock);

#endif
