/* Variables for programs that use the dev servers. */
#include "cli/environment.h"

#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define NAME(name) #name,
    SKALD_ENVIRONMENT_LIST(NAME)
#undef NAME
};

/* Would lead libpq elsewhere, or make it ask for what the private server does not have. */
static const char *const strangers[] = {
    "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE",        "PGPASSWORD",    "PGPASSFILE",
    "PGSSLMODE",  "PGOPTIONS", "PGTARGETSESSIONATTRS", "PGREQUIREPEER", "PGCHANNELBINDING",
};

static void set(skald_environment *environment, skald_environment_key key, const char *value)
{
    skald_path_set(environment->values[key], "%s", value);
}

static void set_number(skald_environment *environment, skald_environment_key key, long long number)
{
    skald_path_set(environment->values[key], "%lld", number);
}

void skald_environment_of(skald_environment *out, const skald_servers *servers,
                          const skald_servers_options *options)
{
    *out = (skald_environment){0};
    set(out, SKALD_ENVIRONMENT_PGHOST, skald_servers_socket_folder(servers));
    set_number(out, SKALD_ENVIRONMENT_PGPORT, skald_servers_postgres_port(servers));
    set(out, SKALD_ENVIRONMENT_PGUSER, SKALD_POSTGRES_USER);
    set(out, SKALD_ENVIRONMENT_PGDATABASE, SKALD_SERVERS_DATABASE);
    set(out, SKALD_ENVIRONMENT_NATS_URL, skald_servers_nats_url(servers));
    set(out, SKALD_ENVIRONMENT_SKALD_ALLOW, skald_servers_allow(servers));
    set(out, SKALD_ENVIRONMENT_SKALD_DEV_NAME, options->ephemeral ? "" : options->name);
    set(out, SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY, skald_servers_directory(servers));
    set_number(out, SKALD_ENVIRONMENT_SKALD_DEV_PID, getpid());
    set(out, SKALD_ENVIRONMENT_SKALD_DEV_MONITOR, skald_servers_monitor_url(servers));
    set(out, SKALD_ENVIRONMENT_SKALD_DEV_EPHEMERAL, options->ephemeral ? "1" : "");
    if (options->postgres_tcp)
        skald_path_set(out->values[SKALD_ENVIRONMENT_SKALD_DEV_TCP],
                       "postgresql://%s:%s@127.0.0.1:%d/%s", SKALD_POSTGRES_USER,
                       skald_servers_token(servers), skald_servers_postgres_port(servers),
                       SKALD_SERVERS_DATABASE);
}

skald_status skald_environment_write(const skald_environment *environment,
                                     const skald_account *account, skald_error *error)
{
    char path[SKALD_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    skald_path_set(path, "%s/" SKALD_ENVIRONMENT_FILE,
                   environment->values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY]);
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for %s", path);
    skald_environment_print(environment, out);
    fclose(out);
    const skald_status status = skald_file_write(path, text, account, error);
    free(text);
    return status;
}

/* A line is: export NAME='value'. Values have no quotes and no line ends: place.c sees to it. */
static void take_line(skald_environment *out, const char *line)
{
    for (size_t key = 0; key < SKALD_ENVIRONMENT_COUNT; key++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "export %s='", names[key]);
        const size_t size = strlen(prefix);
        if (strncmp(line, prefix, size) == 0)
            skald_path_set(out->values[key], "%.*s", (int)strcspn(line + size, "'"), line + size);
    }
}

pid_t skald_environment_owner(const skald_environment *environment)
{
    return (pid_t)atol(environment->values[SKALD_ENVIRONMENT_SKALD_DEV_PID]);
}

static bool owner_alive(const skald_environment *environment)
{
    const pid_t owner = skald_environment_owner(environment);
    return owner > 0 && (kill(owner, 0) == 0 || errno == EPERM);
}

bool skald_environment_read(skald_environment *out, const char *directory)
{
    char path[SKALD_PATH_SIZE];
    char text[2 * SKALD_ENVIRONMENT_COUNT * SKALD_PATH_SIZE];
    skald_environment read = {0};
    char *rest = text;
    skald_path_set(path, "%s/" SKALD_ENVIRONMENT_FILE, directory);
    if (!skald_file_read(path, text, sizeof text))
        return false;
    for (const char *line; (line = strsep(&rest, "\n")) != NULL;)
        take_line(&read, line);
    if (!owner_alive(&read))
        return false;
    *out = read;
    return true;
}

static void put_own_folder_first_in_path(void)
{
    char own[SKALD_PATH_SIZE];
    char *path = NULL;
    const ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
    if (size <= 0)
        return;
    own[size] = '\0';
    *strrchr(own, '/') = '\0';
    const char *before = getenv("PATH");
    if (asprintf(&path, "%s:%s", own, before != NULL ? before : "/usr/bin:/bin") < 0)
        return;
    setenv("PATH", path, 1);
    free(path);
}

void skald_environment_clear(void)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        unsetenv(strangers[i]);
}

void skald_environment_export(const skald_environment *environment)
{
    skald_environment_clear();
    for (size_t key = 0; key < SKALD_ENVIRONMENT_COUNT; key++) {
        if (*environment->values[key] != '\0')
            setenv(names[key], environment->values[key], 1);
        else
            unsetenv(names[key]);
    }
    put_own_folder_first_in_path();
}

void skald_environment_print(const skald_environment *environment, FILE *out)
{
    fputs("unset", out);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        fprintf(out, " %s", strangers[i]);
    for (size_t key = 0; key < SKALD_ENVIRONMENT_COUNT; key++)
        if (*environment->values[key] == '\0')
            fprintf(out, " %s", names[key]);
    fputc('\n', out);
    for (size_t key = 0; key < SKALD_ENVIRONMENT_COUNT; key++)
        if (*environment->values[key] != '\0')
            fprintf(out, "export %s='%s'\n", names[key], environment->values[key]);
}

void skald_environment_print_json(const skald_environment *environment, skald_json *json)
{
    skald_json_open(json, '{');
    for (size_t key = 0; key < SKALD_ENVIRONMENT_COUNT; key++) {
        skald_json_name(json, names[key]);
        skald_json_text(json, environment->values[key]);
    }
    skald_json_close(json, '}');
}

/* NATS's address without its token, for people to see. */
static const char *after_token(const char *url)
{
    const char *at = strchr(url, '@');
    return at != NULL ? at + 1 : url;
}

static void print_head(const skald_environment *environment, uint64_t ready_ms, FILE *out)
{
    char title[100];
    const char *name = environment->values[SKALD_ENVIRONMENT_SKALD_DEV_NAME];
    const bool ephemeral = *environment->values[SKALD_ENVIRONMENT_SKALD_DEV_EPHEMERAL] != '\0';
    snprintf(title, sizeof title, ephemeral ? "Skald %s dev, ephemeral" : "Skald %s dev \"%.40s\"",
             SKALD_VERSION, name);
    fprintf(out, "%s%-48s%s", skald_terminal_bold(out), title, skald_terminal_plain(out));
    if (skald_environment_owner(environment) == getpid())
        fprintf(out, "ready in %.1f s\n", (double)ready_ms / 1000.0);
    else
        fprintf(out, "already running, process %d\n", (int)skald_environment_owner(environment));
}

static void print_places(const skald_environment *environment, FILE *out)
{
    const char *directory = environment->values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY];
    const bool ephemeral = *environment->values[SKALD_ENVIRONMENT_SKALD_DEV_EPHEMERAL] != '\0';
    fprintf(out, "  PostgreSQL  postgresql://%s@/%s?host=%s&port=%s\n",
            environment->values[SKALD_ENVIRONMENT_PGUSER],
            environment->values[SKALD_ENVIRONMENT_PGDATABASE],
            environment->values[SKALD_ENVIRONMENT_PGHOST],
            environment->values[SKALD_ENVIRONMENT_PGPORT]);
    if (*environment->values[SKALD_ENVIRONMENT_SKALD_DEV_TCP] != '\0')
        fprintf(out, "              127.0.0.1:%s, password in %s/" SKALD_ENVIRONMENT_FILE "\n",
                environment->values[SKALD_ENVIRONMENT_PGPORT], directory);
    fprintf(out, "  NATS        nats://%s  token in %s/" SKALD_ENVIRONMENT_FILE "\n",
            after_token(environment->values[SKALD_ENVIRONMENT_NATS_URL]), directory);
    fprintf(out, "  Monitoring  %s\n", environment->values[SKALD_ENVIRONMENT_SKALD_DEV_MONITOR]);
    fprintf(out, "  Data        %s  %s\n", directory,
            ephemeral ? "deleted at exit" : "kept (--ephemeral deletes it at exit)");
    fprintf(out, "  Logs        postgres.log and nats.log in there\n");
}

static void print_hints(const skald_environment *environment, const char *command, FILE *out)
{
    char name[SKALD_PATH_SIZE] = "";
    if (*environment->values[SKALD_ENVIRONMENT_SKALD_DEV_EPHEMERAL] != '\0')
        skald_path_set(name, " --dir %s",
                       environment->values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY]);
    else if (strcmp(environment->values[SKALD_ENVIRONMENT_SKALD_DEV_NAME], "default") != 0)
        skald_path_set(name, " --name %s", environment->values[SKALD_ENVIRONMENT_SKALD_DEV_NAME]);
    if (command != NULL)
        fprintf(out, "Runs: %s\n", command);
    else
        fprintf(out, "Try:  skald dev psql%s     eval \"$(skald dev env%s)\"     %s\n", name, name,
                skald_environment_owner(environment) == getpid() ? "Ctrl-C stops all" : "");
}

void skald_environment_banner(const skald_environment *environment, uint64_t ready_ms,
                              const char *command, FILE *out)
{
    print_head(environment, ready_ms, out);
    print_places(environment, out);
    print_hints(environment, command, out);
    fflush(out);
}
