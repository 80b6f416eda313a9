/* Making, checking, looking at and trimming a stream. */
#include "nats/stream.h"
#include "nats/stream_request.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SUBJECT_SIZE = 64, /* of one kind of messages */
    KINDS = 3,
    SUBJECTS_SIZE = KINDS * (SUBJECT_SIZE + 2),
    DESCRIPTION_SIZE = 256,
    DUPLICATES_NS = 100000000, /* the least the server takes: the chain's ids are not for that */
    DUPLICATES_NS_MAX = 1000000000,
};

static const char partitions_word[] = " partitions=";

static void description_write(char out[DESCRIPTION_SIZE], const char *service, uint32_t partitions)
{
    snprintf(out, DESCRIPTION_SIZE, "Skald %s%s%" PRIu32, service, partitions_word, partitions);
}

/* 0 when Skald did not write it. */
static uint32_t description_read(const char *description)
{
    unsigned partitions = 0;
    const char *found = description != NULL && strncmp(description, "Skald ", 6) == 0
                            ? strstr(description, partitions_word)
                            : NULL;
    if (found != NULL)
        sscanf(found + sizeof partitions_word - 1, "%u", &partitions);
    return partitions;
}

/* What a stream takes in: one subject per kind, the events' first. */
typedef struct subject_list {
    char texts[KINDS][SUBJECT_SIZE];
    const char *items[KINDS];
    char all[SUBJECTS_SIZE]; /* for people */
} subject_list;

static void subjects_write(subject_list *out, const char *service)
{
    static const char *const kinds[KINDS] = {"event", "command", "reply"};
    for (int i = 0; i < KINDS; i++) {
        snprintf(out->texts[i], SUBJECT_SIZE, "%s.%s.>", service, kinds[i]);
        out->items[i] = out->texts[i];
    }
    snprintf(out->all, sizeof out->all, "%s, %s, %s", out->texts[0], out->texts[1], out->texts[2]);
}

/* The first `count` of them and no others, in any order? */
static bool subjects_are(const jsStreamConfig *config, const subject_list *subjects, int count)
{
    bool same = config->SubjectsLen == count;
    for (int i = 0; i < count && same; i++) {
        bool found = false;
        for (int k = 0; k < count && !found; k++)
            found = strcmp(config->Subjects[k], subjects->items[i]) == 0;
        same = found;
    }
    return same;
}

static skald_status stream_create(skald_nats *nats, const char *service, subject_list *subjects,
                                  const char *description, int64_t bytes_max, skald_error *error)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = service;
    config.Description = description;
    config.Subjects = subjects->items;
    config.SubjectsLen = KINDS;
    config.Retention = js_LimitsPolicy;
    config.Discard = js_DiscardNew;
    config.Storage = js_FileStorage;
    config.MaxBytes = bytes_max > 0 ? bytes_max : -1;
    config.Duplicates = DUPLICATES_NS;
    config.DenyDelete = true;
    config.AllowDirect = true;
    jsErrCode code = 0;
    const natsStatus status = js_AddStream(NULL, nats->jetstream, &config, NULL, &code);
    if (status != NATS_OK)
        return skald_stream_failure(status, code, error, "create", service);
    return SKALD_OK;
}

/* One thing that must be as it must be. */
typedef struct setting_rule {
    bool kept;
    const char *name;
    const char *found;
    const char *needed;
} setting_rule;

static skald_status rules_check(const char *service, const setting_rule *rules, size_t count,
                                skald_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!rules[i].kept)
            return skald_error_set(error, SKALD_UNSAFE,
                                   "stream \"%s\": %s is %s, and Skald needs %s; change it, or "
                                   "delete the stream and let Skald make it",
                                   service, rules[i].name, rules[i].found, rules[i].needed);
    }
    return SKALD_OK;
}

static skald_status config_check(const jsStreamConfig *config, const char *service,
                                 const subject_list *subjects, const char *description,
                                 skald_error *error)
{
    const char *found_description = config->Description != NULL ? config->Description : "empty";
    const setting_rule rules[] = {
        {config->Mirror == NULL && config->SourcesLen == 0, "its source", "another stream",
         "no mirror and no sources"},
        {subjects_are(config, subjects, KINDS), "its list of subjects",
         config->SubjectsLen == 0   ? "empty"
         : config->SubjectsLen == 1 ? config->Subjects[0]
                                    : "another",
         subjects->all},
        {strcmp(found_description, description) == 0, "description", found_description,
         description},
        {config->Storage == js_FileStorage, "storage", "memory", "file"},
        {config->Retention == js_LimitsPolicy, "retention", "by interest or work queue", "limits"},
        {config->Discard == js_DiscardNew, "discard", "old", "new"},
        {config->MaxAge == 0, "max_age", "set", "0"},
        {config->MaxMsgs <= 0, "max_msgs", "set", "-1"},
        {config->MaxMsgsPerSubject <= 0, "max_msgs_per_subject", "set", "-1"},
        {config->Duplicates <= DUPLICATES_NS_MAX, "duplicate_window", "longer", "1 s at most"},
        {!config->NoAck, "no_ack", "true", "false"},
        {!config->Sealed, "sealed", "true", "false"},
        {!config->AllowRollup, "allow_rollup_hdrs", "true", "false"},
        {config->DenyDelete, "deny_delete", "false", "true"},
    };
    return rules_check(service, rules, sizeof rules / sizeof rules[0], error);
}

static natsStatus stream_info(jsStreamInfo **out, skald_nats *nats, const char *stream,
                              jsErrCode *code)
{
    return js_GetStreamInfo(out, nats->jetstream, stream, NULL, code);
}

/* Streams made before there were commands take events only. */
static skald_status stream_widen(skald_nats *nats, jsStreamConfig *wider, const char *service,
                                 skald_error *error)
{
    jsErrCode code = 0;
    const natsStatus status = js_UpdateStream(NULL, nats->jetstream, wider, NULL, &code);
    return status == NATS_OK ? SKALD_OK
                             : skald_stream_failure(status, code, error, "widen", service);
}

/* Everything else is looked at first: only a stream that is sound is changed. */
static skald_status stream_check(skald_nats *nats, jsStreamConfig *config, const char *service,
                                 subject_list *subjects, const char *description,
                                 skald_error *error)
{
    if (!subjects_are(config, subjects, 1))
        return config_check(config, service, subjects, description, error);
    jsStreamConfig wider = *config;
    wider.Subjects = subjects->items;
    wider.SubjectsLen = KINDS;
    const skald_status status = config_check(&wider, service, subjects, description, error);
    return status == SKALD_OK ? stream_widen(nats, &wider, service, error) : status;
}

skald_status skald_stream_ensure(skald_nats *nats, const char *service, uint32_t partitions,
                                 int64_t bytes_max, skald_error *error)
{
    subject_list subjects;
    char description[DESCRIPTION_SIZE];
    subjects_write(&subjects, service);
    description_write(description, service, partitions);
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    skald_status answer = skald_stream_connected(nats, service, error);
    if (answer != SKALD_OK)
        return answer;
    const natsStatus status = stream_info(&info, nats, service, &code);
    if (status == NATS_NOT_FOUND)
        answer = stream_create(nats, service, &subjects, description, bytes_max, error);
    else if (status != NATS_OK)
        answer = skald_stream_failure(status, code, error, "look at", service);
    else
        answer = stream_check(nats, info->Config, service, &subjects, description, error);
    jsStreamInfo_Destroy(info);
    return answer;
}

skald_status skald_stream_look(skald_stream_state *out, skald_nats *nats, const char *stream,
                               skald_error *error)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    const skald_status connected = skald_stream_connected(nats, stream, error);
    if (connected != SKALD_OK)
        return connected;
    const natsStatus status = stream_info(&info, nats, stream, &code);
    if (status != NATS_OK)
        return skald_stream_failure(status, code, error, "look at", stream);
    const uint32_t partitions = description_read(info->Config->Description);
    *out = (skald_stream_state){
        .first_sequence = info->State.Msgs == 0 ? info->State.LastSeq + 1 : info->State.FirstSeq,
        .last_sequence = info->State.LastSeq,
        .message_count = info->State.Msgs,
        .created_ns = info->Created,
        .partitions = partitions,
        .written_by_skald = partitions > 0,
        .direct = info->Config->AllowDirect,
    };
    jsStreamInfo_Destroy(info);
    return SKALD_OK;
}

skald_status skald_stream_trim(skald_nats *nats, const char *stream, uint64_t sequence,
                               skald_error *error)
{
    jsOptions options;
    jsErrCode code = 0;
    const skald_status connected = skald_stream_connected(nats, stream, error);
    if (connected != SKALD_OK)
        return connected;
    jsOptions_Init(&options);
    options.Stream.Purge.Sequence = sequence + 1; /* up to but not including */
    const natsStatus status = js_PurgeStream(nats->jetstream, stream, &options, &code);
    return status == NATS_OK ? SKALD_OK : skald_stream_failure(status, code, error, "trim", stream);
}
