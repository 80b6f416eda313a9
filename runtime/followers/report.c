/* Packs and sends proto/skald/v1/relay.proto's ReachedReport. */
#include "followers/report.h"
#include "codec/encode.h"
#include "skald/v1/relay.pb-c.h"

#include <stdio.h>

void skald_report_reached(const skald_follower *follower, const skald_positions *positions)
{
    skald_nats *nats = follower->hub->nats;
    if (nats == NULL || follower->direct || follower->options.foreign)
        return;
    int64_t reached[SKALD_PARTITIONS_MAX];
    for (uint32_t i = 0; i < positions->count; i++)
        reached[i] = positions->rows[i].position;
    Skald__V1__ReachedReport report = SKALD__V1__REACHED_REPORT__INIT;
    report.service = (char *)(uintptr_t)follower->hub->name;
    report.follower = (char *)(uintptr_t)follower->name;
    report.positions = reached;
    report.n_positions = positions->count;
    char subject[128];
    snprintf(subject, sizeof subject, "skald.relay.%s.reached", follower->stream);
    skald_arena arena = {0};
    skald_nats_view view = {.subject = subject};
    /* Whatever goes wrong here is made good by the next report. */
    if (skald_encode(&view.body, &report.base, &arena, NULL) == SKALD_OK)
        (void)skald_nats_send(nats, &view, NULL);
    skald_arena_done(&arena);
}
