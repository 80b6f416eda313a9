/* Figures as words and as JSON. */
#include "common/figures.h"

#include "common/database.h"
#include "common/settings.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <skald/api.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int compare_values(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

percentiles percentiles_of(double *values, size_t count)
{
    if (count == 0)
        return (percentiles){0};
    qsort(values, count, sizeof(values[0]), compare_values);
    return (percentiles){values[(count - 1) / 2], values[(count - 1) * 99 / 100]};
}

const char *figures_agrees(bool good)
{
    return good ? "agrees" : "DOES NOT AGREE";
}

/* A nats-server greets everyone who connects with one line of JSON, before any authorization. */
static void read_greeting(unsigned port, char *line, size_t size)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {2, 0};
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const bool connected =
        made >= 0 && connect(made, (const struct sockaddr *)&address, sizeof(address)) == 0;
    const ssize_t got = connected ? recv(made, line, size - 1, 0) : 0;
    line[got > 0 ? got : 0] = '\0';
    if (made >= 0)
        close(made);
}

static void find_nats_version(char *out, size_t size)
{
    char line[4096];
    const char *url = setting_text("NATS_URL", "");
    const char *port = strrchr(url, ':');
    read_greeting(port != NULL ? (unsigned)strtoul(port + 1, NULL, 10) : 0, line, sizeof(line));
    const char *begin = strchr(line, '{');
    json_t *greeting = begin != NULL ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const char *version = json_string_value(json_object_get(greeting, "version"));
    snprintf(out, size, "%s", version != NULL ? version : "unknown");
    json_decref(greeting);
}

void figures_find_versions(figures_versions *out)
{
    PGconn *connection = database_connect(NULL);
    const char *version =
        connection != NULL ? PQparameterStatus(connection, "server_version") : NULL;
    snprintf(out->postgresql, sizeof(out->postgresql), "%s", version != NULL ? version : "unknown");
    PQfinish(connection);
    find_nats_version(out->nats, sizeof(out->nats));
}

void figures_print_versions(const figures_versions *versions, FILE *file)
{
    fprintf(file, "  Skald %s, PostgreSQL %s, nats-server %s\n", SKALD_VERSION,
            versions->postgresql, versions->nats);
}

json_t *figures_versions_json(const figures_versions *versions)
{
    return json_pack("{s:s, s:s, s:s}", "skald", SKALD_VERSION, "postgresql", versions->postgresql,
                     "nats_server", versions->nats);
}

json_t *figures_seed_json(uint64_t seed)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, seed);
    return json_string(text);
}

void figures_print_json(json_t *object, FILE *file)
{
    json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', file);
    json_decref(object);
}
