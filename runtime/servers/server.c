/* Launching, ending and handling the store of one server. */
#include "servers/server.h"

#include "base/clock.h"

#include <assert.h>
#include <unistd.h>

#define GONE_MS 20000u
#define POLL_MS 2u

void skald_server_init(skald_server *server, const char *title, const skald_account *account,
                       const char *directory, const char *name, int stop_signal)
{
    *server = (skald_server){.title = title, .account = account, .stop_signal = stop_signal};
    skald_path_set(server->store, "%s/%s", directory, name);
    skald_path_set(server->log, "%s/%s.log", directory, name);
    skald_path_set(server->lock, "%s/%s.lock", directory, name);
}

skald_status skald_server_launch(skald_server *server, const char *const *argv, skald_error *error)
{
    const int lock = skald_file_lock(server->lock, server->account, GONE_MS);
    if (lock < 0)
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "an earlier %s still runs on %s, or its lock cannot be taken",
                               server->title, server->store);
    const skald_process_plan plan = {.argv = argv,
                                     .account = server->account,
                                     .log = server->log,
                                     .death_signal = server->stop_signal,
                                     .keep = lock};
    const skald_status status = skald_process_start(&server->process, &plan, error);
    close(lock);
    return status;
}

static skald_status explain_end(skald_server *server, skald_error *error)
{
    char line[300];
    char how[32];
    skald_file_last_line(server->log, line, sizeof line);
    skald_process_describe(server->process.status, how, sizeof how);
    return skald_error_set(error, SKALD_UNAVAILABLE, "%s ended with %s while starting: %s",
                           server->title, how, line);
}

skald_status skald_server_await(skald_server *server, bool (*ready)(void *user), void *user,
                                skald_error *error)
{
    const uint64_t begun = skald_clock_ms();
    while (!ready(user)) {
        if (!skald_process_running(&server->process))
            return explain_end(server, error);
        if (skald_clock_ms() - begun > SKALD_READY_MS)
            return skald_error_set(error, SKALD_TIMEOUT, "%s was not ready within %u s; see %.200s",
                                   server->title, SKALD_READY_MS / 1000, server->log);
        skald_clock_sleep_ms(POLL_MS);
    }
    return SKALD_OK;
}

/* A PostgreSQL backend outlives its postmaster for a moment; each of them holds the lock. */
static void await_gone(const skald_server *server)
{
    const int lock = skald_file_lock(server->lock, server->account, GONE_MS);
    if (lock >= 0)
        close(lock);
}

void skald_server_stop(skald_server *server)
{
    skald_process_stop(&server->process, server->stop_signal);
    await_gone(server);
}

void skald_server_kill(skald_server *server)
{
    skald_process_kill(&server->process);
    await_gone(server);
}

skald_status skald_server_wipe(skald_server *server, skald_error *error)
{
    assert(server->process.pid == 0);
    const skald_status status = skald_folder_remove(server->store, server->account, error);
    return status == SKALD_OK ? skald_folder_make(server->store, server->account, error) : status;
}

skald_status skald_server_save(skald_server *server, const char *label, skald_error *error)
{
    char saved[SKALD_PATH_SIZE];
    assert(server->process.pid == 0);
    skald_path_set(saved, "%s.%.100s", server->store, label);
    const skald_status status = skald_folder_remove(saved, server->account, error);
    return status == SKALD_OK ? skald_folder_copy(server->store, saved, server->account, error)
                              : status;
}

skald_status skald_server_restore(skald_server *server, const char *label, skald_error *error)
{
    char saved[SKALD_PATH_SIZE];
    assert(server->process.pid == 0);
    skald_path_set(saved, "%s.%.100s", server->store, label);
    const skald_status status = skald_folder_remove(server->store, server->account, error);
    return status == SKALD_OK ? skald_folder_copy(saved, server->store, server->account, error)
                              : status;
}
