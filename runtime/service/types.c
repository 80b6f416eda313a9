/* Tells the database what the messages look like that this program handles, so that tools can show
 * and edit their bodies. Only types that somebody handles: those are the ones whose messages fail
 * and become jobs. */
#include "codec/describe.h"
#include "pg/array.h"
#include "service/service_inside.h"

typedef struct type_list {
    skald_arena arena;
    skald_array names;
    skald_array descriptions;
    skald_log *log;
} type_list;

static void list_init(type_list *list, skald_log *log)
{
    skald_arena_init(&list->arena, 0);
    skald_array_init(&list->names, SKALD_ARRAY_TEXT);
    skald_array_init(&list->descriptions, SKALD_ARRAY_BYTEA);
    list->log = log;
}

static void list_done(type_list *list)
{
    skald_array_done(&list->names);
    skald_array_done(&list->descriptions);
    skald_arena_done(&list->arena);
}

/* A type that cannot be described is handled all the same; its messages are shown as bytes. */
static void list_add(type_list *list, const ProtobufCMessageDescriptor *descriptor)
{
    skald_bytes description = {0};
    skald_error error;
    if (skald_describe(&description, descriptor, &list->arena, &error) != SKALD_OK) {
        skald_log_say(list->log, SKALD_LOG_WARNING, "TYPE-NOT-DESCRIBED", "%s", error.text);
        return;
    }
    skald_array_text(&list->names, descriptor->name);
    skald_array_bytes(&list->descriptions, description);
}

static void list_fill(type_list *list, const skald_service *service)
{
    for (const skald_follower *follower = service->followers; follower != NULL;
         follower = follower->next)
        for (uint32_t i = 0; i < follower->handler_count; i++)
            list_add(list, follower->handlers[i]->descriptor);
    for (const skald_saga_kind *kind = service->sagas != NULL ? service->sagas->kinds : NULL;
         kind != NULL; kind = kind->next)
        list_add(list, kind->options.state);
    for (const skald_work_queue *queue = service->work_queues; queue != NULL; queue = queue->next)
        for (uint32_t i = 0; i < queue->activity_count; i++)
            list_add(list, queue->activities[i]->descriptor);
}

/* Nothing is written when nothing has changed, so starting costs no more than a look. Of two
 * programs that know a type differently, the one that started last is believed; in the order of
 * their names, so that two that start at once do not wait for each other in a circle. */
static skald_status list_write(type_list *list, skald_pg *pg, skald_error *error)
{
    if (!skald_array_ok(&list->names) || !skald_array_ok(&list->descriptions))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for descriptions of messages");
    return skald_pg_do(
        pg, NULL, error,
        "INSERT INTO skald.message_type AS m (name, description, fingerprint)"
        " SELECT DISTINCT ON (t.name) t.name, t.description, encode(sha256(t.description), 'hex')"
        " FROM unnest($1, $2) AS t(name, description)"
        " WHERE NOT EXISTS (SELECT FROM skald.message_type AS k WHERE k.name = t.name"
        "  AND k.fingerprint = encode(sha256(t.description), 'hex')) ORDER BY t.name"
        " ON CONFLICT (name) DO UPDATE SET description = excluded.description,"
        " fingerprint = excluded.fingerprint, seen_at = clock_timestamp()"
        " WHERE m.fingerprint <> excluded.fingerprint",
        skald_array_param(&list->names), skald_array_param(&list->descriptions));
}

skald_status skald_types_register(skald_service *service, skald_pg *pg, skald_error *error)
{
    type_list list;
    list_init(&list, &service->log);
    list_fill(&list, service);
    const skald_status status = list_write(&list, pg, error);
    list_done(&list);
    return status;
}
