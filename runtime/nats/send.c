/* Sending and asking: core NATS, where everything may be lost. */
#include "nats/wire.h"

#include <limits.h>
#include <stdlib.h>

skald_status skald_nats_publish(skald_nats *nats, natsMsg *message, skald_error *error)
{
    /* cnats would keep it for after the reconnect, when nobody may want it any more. */
    natsStatus status = NATS_CONNECTION_DISCONNECTED;
    if (skald_nats_connected(nats))
        status = natsConnection_PublishMsg(nats->connection, message);
    return status == NATS_OK
               ? SKALD_OK
               : skald_nats_failure(status, error, "publish to", natsMsg_GetSubject(message));
}

static natsStatus message_make(natsMsg **out, const skald_nats_view *view)
{
    if (view->body.size > INT_MAX)
        return NATS_MAX_PAYLOAD;
    natsMsg *message = NULL;
    natsStatus status =
        natsMsg_Create(&message, view->subject, view->reply, view->body.data, (int)view->body.size);
    for (size_t i = 0; status == NATS_OK && i < view->header_count; i++)
        status = natsMsgHeader_Add(message, view->headers[i].name, view->headers[i].value);
    if (status == NATS_OK)
        *out = message;
    else
        natsMsg_Destroy(message);
    return status;
}

skald_status skald_nats_send(skald_nats *nats, const skald_nats_view *view, skald_error *error)
{
    natsMsg *message = NULL;
    const natsStatus made = message_make(&message, view);
    if (made != NATS_OK)
        return skald_nats_failure(made, error, "build a message for", view->subject);
    const skald_status status = skald_nats_publish(nats, message, error);
    natsMsg_Destroy(message);
    if (status == SKALD_OK)
        skald_nats_flush(nats);
    return status;
}

void skald_nats_ping(skald_nats *nats, const char *subject)
{
    (void)skald_nats_send(nats, &(skald_nats_view){.subject = subject}, NULL);
}

struct skald_nats_question {
    skald_nats *nats;
    skald_nats_route route;
    skald_nats_callback *callback;
    void *user;
};

static void question_receive(void *user, natsMsg *message, const char *rest)
{
    (void)rest;
    skald_nats_question *question = user;
    skald_nats_view view;
    if (skald_nats_view_of(&view, question->nats, message))
        question->callback(question->user, &view);
}

skald_status skald_nats_ask(skald_nats_question **out, skald_nats *nats, const char *subject,
                            skald_bytes body, skald_nats_callback *callback, void *user,
                            skald_error *error)
{
    skald_nats_question *question = calloc(1, sizeof *question);
    if (question == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no memory to ask \"%s\"", subject);
    *question = (skald_nats_question){
        .nats = nats,
        .route = {.receive = question_receive, .user = question},
        .callback = callback,
        .user = user,
    };
    skald_nats_route_add(nats, &question->route);
    char address[SKALD_NATS_ADDRESS_SIZE];
    skald_nats_route_address(nats, &question->route, address);
    const skald_nats_view view = {.subject = subject, .reply = address, .body = body};
    const skald_status status = skald_nats_send(nats, &view, error);
    if (status != SKALD_OK) {
        skald_nats_question_close(question);
        return status;
    }
    *out = question;
    return SKALD_OK;
}

void skald_nats_question_close(skald_nats_question *question)
{
    if (question == NULL)
        return;
    skald_nats_route_remove(question->nats, &question->route);
    free(question);
}
