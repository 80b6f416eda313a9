/* skald dev: starts private servers, or joins those of the same name that run already. */
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/supervise.h"
#include "cli/terminal.h"

#include "base/clock.h"
#include "pg/connection.h"
#include "schema/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define JOIN_MS 60000u
#define POLL_MS 20u

typedef struct dev_options {
    const char *name;
    const char *directory;
    bool ephemeral;
    bool safe;
    bool postgres_tcp;
    bool no_migrate;
    bool json;
} dev_options;

typedef struct dev_run {
    const dev_options *options;
    char **command; /* NULL: none */
    uint64_t begun;
    skald_servers_options servers;
    skald_account account;
    skald_supervisor supervisor;
    skald_environment environment;
} dev_run;

static skald_status migrate(const dev_run *dev, skald_error *error)
{
    char conninfo[SKALD_PATH_SIZE];
    skald_pg *pg = NULL;
    if (dev->options->no_migrate)
        return SKALD_OK;
    skald_servers_conninfo(dev->supervisor.servers, SKALD_SERVERS_DATABASE, conninfo,
                           sizeof conninfo);
    skald_status status = skald_pg_open(&pg, conninfo, "skald dev", error);
    if (status == SKALD_OK)
        status = skald_schema_migrate(pg, &skald_migrations, NULL, NULL, error);
    skald_pg_close(pg);
    return status;
}

static skald_status own(dev_run *dev, skald_error *error)
{
    skald_status status = skald_servers_start(&dev->supervisor.servers, &dev->servers, error);
    if (status == SKALD_OK)
        status = migrate(dev, error);
    if (status != SKALD_OK)
        return status;
    skald_environment_of(&dev->environment, dev->supervisor.servers, &dev->servers);
    return skald_environment_write(&dev->environment, &dev->account, error);
}

/* Another process owns the servers. Its file says where they are once they are ready; should it end
 * before that, we may become the owner. */
static skald_status own_or_join(dev_run *dev, skald_error *error)
{
    skald_status status = own(dev, error);
    while (status == SKALD_CONFLICT && dev->supervisor.servers == NULL &&
           skald_clock_ms() - dev->begun < JOIN_MS) {
        skald_place place;
        status = skald_place_find(&place, dev->servers.name, dev->servers.directory, error);
        if (status != SKALD_OK)
            return status;
        if (skald_place_owned(&place) && skald_environment_read(&dev->environment, place.directory))
            return SKALD_OK;
        skald_clock_sleep_ms(POLL_MS);
        status = own(dev, error);
    }
    return status;
}

static void announce(const dev_run *dev)
{
    FILE *out = dev->command != NULL ? stderr : stdout;
    skald_json json = {.out = out};
    if (dev->options->json) {
        skald_environment_print_json(&dev->environment, &json);
        skald_json_end(&json);
    } else {
        skald_environment_banner(&dev->environment, skald_clock_ms() - dev->begun,
                                 dev->command != NULL ? dev->command[0] : NULL, out);
    }
    fflush(out);
}

/* Held, shared, by every command that uses servers of another process; that process waits for it.
 */
static int open_users(const dev_run *dev)
{
    char path[SKALD_PATH_SIZE];
    skald_path_set(path, "%s/users",
                   dev->environment.values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY]);
    const int users = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (users >= 0 && dev->account.change && fchown(users, dev->account.uid, dev->account.gid) != 0)
        fprintf(stderr, "skald dev: %s belongs to root now: %s\n", path, strerror(errno));
    return users;
}

static int join(dev_run *dev)
{
    if (dev->command == NULL)
        return EX_OK;
    const int users = open_users(dev);
    if (users >= 0)
        flock(users, LOCK_SH);
    const int exit_code = skald_supervisor_run(&dev->supervisor, dev->command);
    if (users >= 0)
        close(users);
    return exit_code;
}

static int serve(dev_run *dev)
{
    int exit_code = EX_OK;
    if (dev->command == NULL) {
        skald_supervisor_wait(&dev->supervisor);
    } else {
        exit_code = skald_supervisor_run(&dev->supervisor, dev->command);
        const int users = open_users(dev);
        if (users >= 0) {
            skald_supervisor_wait_alone(&dev->supervisor, users);
            close(users);
        }
    }
    return dev->supervisor.broken ? EX_UNAVAILABLE : exit_code;
}

static void forget_environment(const dev_run *dev)
{
    char path[SKALD_PATH_SIZE];
    const char *directory = dev->environment.values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY];
    skald_path_set(path, "%s/" SKALD_ENVIRONMENT_FILE, directory);
    if (*directory != '\0')
        unlink(path);
}

static int live(dev_run *dev)
{
    skald_error error;
    skald_environment_clear();
    skald_status status = skald_supervisor_init(&dev->supervisor, &error);
    if (status == SKALD_OK)
        status = skald_account_choose(&dev->account, &error);
    if (status == SKALD_OK)
        status = own_or_join(dev, &error);
    if (status != SKALD_OK) {
        skald_servers_stop(dev->supervisor.servers);
        return skald_command_fail(&skald_command_dev, &error);
    }
    skald_environment_export(&dev->environment);
    announce(dev);
    if (dev->supervisor.servers == NULL)
        return join(dev);
    const int exit_code = serve(dev);
    forget_environment(dev);
    skald_servers_stop(dev->supervisor.servers);
    return exit_code;
}

static int run(const void *options, int argc, char **argv)
{
    const dev_options *given = options;
    if (given->safe && !given->ephemeral) {
        fputs("skald dev: --safe belongs to --ephemeral; kept servers always are\n", stderr);
        return EX_USAGE;
    }
    if (given->ephemeral && (given->name != NULL || given->directory != NULL)) {
        fputs("skald dev: --ephemeral has no name and no directory of its own\n", stderr);
        return EX_USAGE;
    }
    dev_run dev = {.options = given,
                   .command = argc > 0 ? argv : NULL,
                   .begun = skald_clock_ms(),
                   .servers = {.name = given->name != NULL ? given->name : "default",
                               .directory = given->directory,
                               .ephemeral = given->ephemeral,
                               .safe = given->safe,
                               .postgres_tcp = given->postgres_tcp}};
    return live(&dev);
}

static const skald_command_option options_table[] = {
    {"ephemeral", NULL, SKALD_OPTION_FLAG, offsetof(dev_options, ephemeral),
     "new servers that are deleted at exit, with fsync off;\n"
     "any number of them run side by side"},
    {"safe", NULL, SKALD_OPTION_FLAG, offsetof(dev_options, safe),
     "with --ephemeral: fsync on, as in earnest"},
    {"name", "NAME", SKALD_OPTION_TEXT, offsetof(dev_options, name),
     "name of the kept servers; \"default\""},
    {"dir", "DIR", SKALD_OPTION_TEXT, offsetof(dev_options, directory),
     "their directory, instead of one by name"},
    {"pg-tcp", NULL, SKALD_OPTION_FLAG, offsetof(dev_options, postgres_tcp),
     "PostgreSQL listens on 127.0.0.1 too, with a password"},
    {"no-migrate", NULL, SKALD_OPTION_FLAG, offsetof(dev_options, no_migrate),
     "leave the database \"skald\" without its schema"},
    {"json", NULL, SKALD_OPTION_FLAG, offsetof(dev_options, json),
     "print the banner as one JSON object"},
    {0},
};

const skald_command skald_command_dev = {
    .name = "dev",
    .purpose = "run a private PostgreSQL and NATS for development",
    .examples = "  skald dev                            start them; Ctrl-C stops them\n"
                "  skald dev -- ./orders                run a command, exit with its code\n"
                "  skald dev --ephemeral -- make test   the same, with everything thrown away\n",
    .operands = "[-- COMMAND ...]",
    .runs = true,
    .notes = "The command finds PGHOST, PGPORT, PGUSER, PGDATABASE and NATS_URL set (with\n"
             "--ephemeral also SKALD_ALLOW) and `skald` in its PATH. The database \"skald\" has\n"
             "its schema already. State is kept between runs unless --ephemeral is given.\n"
             "A second `skald dev` of the same name joins the servers that run. Servers and\n"
             "command end with `skald dev`, and that ends with the process that started it.\n"
             "Exits with the command's code, or 128 + the signal that ended it.\n",
    .options = options_table,
    .options_size = sizeof(dev_options),
    .run = run,
};
