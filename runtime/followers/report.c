/* Packs and sends proto/skald/v1/relay.proto's ReachedReport. */
#include "followers/report.h"
#include "skald/v1/relay.pb-c.h"

#include <stdio.h>

enum { REPORT_SIZE_MAX = 4096 };

void skald_report_reached(skald_nats *nats, const char *service, const skald_follower *follower,
                          const skald_positions *positions)
{
    if (nats == NULL || follower->direct || follower->options.foreign)
        return;
    int64_t reached[SKALD_PARTITIONS_MAX];
    for (uint32_t i = 0; i < positions->count; i++)
        reached[i] = positions->rows[i].position;
    Skald__V1__ReachedReport report = SKALD__V1__REACHED_REPORT__INIT;
    report.service = (char *)(uintptr_t)service;
    report.follower = (char *)(uintptr_t)follower->name;
    report.positions = reached;
    report.n_positions = positions->count;
    uint8_t body[REPORT_SIZE_MAX];
    if (skald__v1__reached_report__get_packed_size(&report) > sizeof body)
        return;
    char subject[128];
    snprintf(subject, sizeof subject, "skald.relay.%s.reached", follower->stream);
    const skald_nats_view view = {
        .subject = subject,
        .body = {body, skald__v1__reached_report__pack(&report, body)},
    };
    skald_error ignored;
    (void)skald_nats_send(nats, &view, &ignored);
}
