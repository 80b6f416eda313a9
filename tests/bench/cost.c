/* Reads /proc/PID/stat. */
#include "bench/cost.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct process_times {
    long parent;
    double own;    /* seconds */
    double waited; /* of children that have ended and were waited for */
} process_times;

static bool times_read(process_times *out, long pid)
{
    char path[64];
    char line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    const size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    /* The name in brackets may hold anything. */
    const char *rest = strrchr(line, ')');
    unsigned long user, system;
    long parent, waited_user, waited_system;
    if (rest == NULL ||
        sscanf(rest + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &parent,
               &user, &system, &waited_user, &waited_system) != 5)
        return false;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    *out = (process_times){parent, (double)(user + system) / ticks,
                           (double)(waited_user + waited_system) / ticks};
    return true;
}

/* A server and its children. */
static double family_seconds(pid_t pid)
{
    process_times times;
    if (!times_read(&times, pid))
        return 0;
    double seconds = times.own + times.waited;
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const long other = strtol(entry->d_name, NULL, 10);
        if (other > 0 && times_read(&times, other) && times.parent == pid)
            seconds += times.own;
    }
    if (folder != NULL)
        closedir(folder);
    return seconds;
}

static double own_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

cost cost_now(pid_t postgres, pid_t nats)
{
    return (cost){family_seconds(postgres), family_seconds(nats), own_seconds()};
}

cost cost_per_event_us(cost begun, cost ended, double events)
{
    return (cost){(ended.postgres - begun.postgres) / events * 1e6,
                  (ended.nats - begun.nats) / events * 1e6, (ended.own - begun.own) / events * 1e6};
}
