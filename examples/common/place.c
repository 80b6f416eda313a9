/* One directory below TMPDIR, flat. */
#include "common/place.h"

#include "common/clock.h"
#include "common/database.h"
#include "common/settings.h"

#include <dirent.h>
#include <errno.h> /* program_invocation_short_name */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 10

static bool find_programs(demo_place *place)
{
    const ssize_t size = readlink("/proc/self/exe", place->programs, sizeof(place->programs) - 1);
    if (size <= 0)
        return false;
    place->programs[size] = '\0';
    *strrchr(place->programs, '/') = '\0';
    return true;
}

bool place_init(demo_place *place, const char *example)
{
    const char *folder = setting_text("TMPDIR", "/tmp");
    snprintf(place->directory, sizeof(place->directory), "%s/%s-XXXXXX", folder, example);
    if (find_programs(place) && mkdtemp(place->directory) != NULL)
        return true;
    fprintf(stderr, "%s: no directory can be made in %s\n", program_invocation_short_name, folder);
    place->directory[0] = '\0';
    return false;
}

void place_path(const demo_place *place, const char *file, char out[512])
{
    snprintf(out, 512, "%s/%s", place->directory, file);
}

void place_name(const demo_place *place, demo_process *process, const char *name)
{
    char file[64];
    process->name = name;
    snprintf(file, sizeof(file), "%s.log", name);
    place_path(place, file, process->log);
}

bool place_start(const demo_place *place, demo_process *process, const char *program,
                 const char *const environment[])
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", place->programs, program);
    const char *const argv[] = {path, NULL};
    return process_start(process, argv, environment);
}

bool place_command(demo_process *command, const char *const argv[], const char *database)
{
    char line[64];
    snprintf(line, sizeof(line), "PGDATABASE=%s", database);
    const char *const environment[] = {line, NULL};
    return process_start(command, argv, environment);
}

bool place_migrate(const demo_place *place, demo_process *migration, const char *database)
{
    place_name(place, migration, "migrate");
    const char *const argv[] = {"skald", "migrate", "up", NULL};
    return place_command(migration, argv, database);
}

bool place_commanded(demo_process *command)
{
    int code = 0;
    while (process_runs(command, &code))
        clock_sleep_ms(LOOK_MS);
    if (code != 0)
        process_say_ended(command, code);
    return code == 0;
}

bool place_migrated(demo_process *migration)
{
    return place_commanded(migration);
}

bool place_apply_schema(const demo_place *place, PGconn *connection, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/schema/%s.sql", place->programs, name);
    return connection != NULL && database_run_file(connection, path);
}

bool place_read_port(const char *port_file, unsigned *port)
{
    char text[16] = "";
    FILE *file = fopen(port_file, "r");
    if (file == NULL)
        return false;
    const bool read = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    *port = (unsigned)strtoul(text, NULL, 10);
    return read;
}

static void delete_directory(const demo_place *place)
{
    DIR *directory = opendir(place->directory);
    for (struct dirent *entry = NULL; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_type == DT_REG)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(place->directory);
}

void place_done(demo_place *place, const char *kept)
{
    if (place->directory[0] == '\0')
        return;
    if (kept != NULL)
        fprintf(stderr, "%s: %s are kept in %s\n", program_invocation_short_name, kept,
                place->directory);
    else
        delete_directory(place);
}
