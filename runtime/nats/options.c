/* How we connect: what cnats leaves to chance is set here. */
#include "nats/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVERS_MAX = 16,
    CONNECT_MS_MAX = 2000,
    RECONNECT_WAIT_MS = 250,
    RECONNECT_JITTER_MS = 250,
    PING_MS = 5000, /* with two unanswered ones a silent peer is given up after 10 to 15 s */
    PINGS_MAX = 2,
    WRITE_MS_MAX = 2000, /* send() holds cnats' connection lock, which its pings also need */
    RECONNECT_BUFFER_SIZE =
        1, /* 0 would mean 8 MiB of publishes that only seem to have succeeded */
    PENDING_MESSAGES_MAX = 512 * 1024, /* per subscription; cnats allows 1 KiB for each */
};

/* Not while it is being closed or was given up. */
static void say(skald_nats *nats, skald_log_level level, const char *id, const char *text)
{
    pthread_mutex_lock(&nats->state_mutex);
    if (!nats->stopping)
        skald_log_say(nats->log, level, id, "%s", text);
    pthread_mutex_unlock(&nats->state_mutex);
}

static void on_disconnected(natsConnection *connection, void *closure)
{
    (void)connection;
    say(closure, SKALD_LOG_WARNING, "NATS-DISCONNECTED",
        "the connection to NATS is lost; trying again");
}

static void on_reconnected(natsConnection *connection, void *closure)
{
    (void)connection;
    skald_nats *nats = closure;
    atomic_fetch_add(&nats->epoch, 1);
    say(nats, SKALD_LOG_INFO, "NATS-RECONNECTED", "connected to NATS again");
}

static void on_closed(natsConnection *connection, void *closure)
{
    (void)connection;
    skald_nats *nats = closure;
    say(nats, SKALD_LOG_ERROR, "NATS-CLOSED",
        "NATS refused the credentials repeatedly; this connection is over");
    pthread_mutex_lock(&nats->state_mutex);
    nats->closed = true;
    pthread_cond_broadcast(&nats->changed);
    pthread_mutex_unlock(&nats->state_mutex);
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *closure)
{
    (void)connection;
    (void)subscription;
    char text[128];
    snprintf(text, sizeof text, "NATS: %s", natsStatus_GetText(status));
    say(closure, SKALD_LOG_WARNING, "NATS-ERROR", text);
}

/* Splits at commas; the pieces stay in `text`. */
static natsStatus servers_set(natsOptions *options, char *text)
{
    const char *servers[SERVERS_MAX];
    int count = 0;
    char *rest = NULL;
    for (char *one = strtok_r(text, ", ", &rest); one != NULL; one = strtok_r(NULL, ", ", &rest)) {
        if (count == SERVERS_MAX)
            return NATS_INVALID_ARG;
        servers[count++] = one;
    }
    return count == 0 ? NATS_INVALID_ARG : natsOptions_SetServers(options, servers, count);
}

/* Credentials of the environment serve where the URL brings none. */
static natsStatus credentials_set(natsOptions *options, const char *url)
{
    const char *creds = getenv("NATS_CREDS");
    const char *token = getenv("NATS_TOKEN");
    if (strchr(url, '@') != NULL)
        return NATS_OK;
    if (creds != NULL && creds[0] != '\0')
        return natsOptions_SetUserCredentialsFromFiles(options, creds, NULL);
    if (token != NULL && token[0] != '\0')
        return natsOptions_SetToken(options, token);
    return NATS_OK;
}

/* Before cnats 3.13 "tls://" alone does not switch TLS on. */
static natsStatus tls_set(natsOptions *options, const char *url)
{
    return strstr(url, "tls://") == NULL ? NATS_OK : natsOptions_SetSecure(options, true);
}

static natsStatus patience_set(natsOptions *options)
{
    natsStatus status = natsOptions_SetTimeout(options, CONNECT_MS_MAX);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectJitter(options, RECONNECT_JITTER_MS, RECONNECT_JITTER_MS);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(options, PING_MS);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPingsOut(options, PINGS_MAX);
    if (status == NATS_OK)
        status = natsOptions_SetWriteDeadline(options, WRITE_MS_MAX);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_SIZE);
    if (status == NATS_OK)
        status = natsOptions_SetFailRequestsOnDisconnect(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPendingMsgs(options, PENDING_MESSAGES_MAX);
    return status;
}

static natsStatus callbacks_set(natsOptions *options, skald_nats *nats)
{
    natsStatus status = natsOptions_SetDisconnectedCB(options, on_disconnected, nats);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectedCB(options, on_reconnected, nats);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, on_closed, nats);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, on_error, nats);
    return status;
}

skald_status skald_nats_options(natsOptions **out, skald_nats *nats, const char *url,
                                const char *name, skald_error *error)
{
    natsOptions *options = NULL;
    char *servers = strdup(url);
    natsStatus status = servers == NULL ? NATS_NO_MEMORY : natsOptions_Create(&options);
    if (status == NATS_OK)
        status = servers_set(options, servers);
    if (status == NATS_OK)
        status = natsOptions_SetName(options, name);
    if (status == NATS_OK)
        status = credentials_set(options, url);
    if (status == NATS_OK)
        status = tls_set(options, url);
    if (status == NATS_OK)
        status = patience_set(options);
    if (status == NATS_OK)
        status = callbacks_set(options, nats);
    free(servers);
    if (status != NATS_OK) {
        natsOptions_Destroy(options);
        /* Not the URL: it may hold a password. */
        return skald_nats_failure(status, error, "the settings of connection", name);
    }
    *out = options;
    return SKALD_OK;
}
