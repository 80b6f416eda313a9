/* Taking part in sagas of other services: carrying out their commands, and answering them.
 *
 * A command is addressed to this service by a saga, is run once at most however often it comes, and
 * is answered: done, refused (business says no: the saga turns back) or failed (technical: the saga
 * tries again). An undo is a command like any other, which takes back what an earlier one has done.
 * What comes in the wrong order is settled here and not by its handler: an undo without anything to
 * undo is answered without running it, and a run that comes after its undo is refused. */
#ifndef SKALD_PARTICIPANT_H
#define SKALD_PARTICIPANT_H

#include <skald/handler.h>
#include <skald/service.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Commands of the handler's type that the sagas of service `stream` address to this service are
 * run by it, in the transaction that holds its effects and its answer. `stream` may be this service
 * itself. Call it once per type, before the start; what is wrong is remembered and answered by
 * skald_service_start too.
 *
 * The handler is the same as one for events. SKALD_OK: done. skald_refuse: refused, and what it did
 * in the database is rolled back. Anything else: it is tried again at once as the policy says, and
 * then answered as failed; it does not wait here, since the saga tries again. But skald_not_yet
 * waits as with events. A command that ended the process too often is kept as dead, and failed. */
SKALD_API skald_status skald_participate(skald_service *service, const char *stream,
                                         const skald_handler *handler);

/* The same; of several calls for one stream the options of the first count, and those of
 * skald_follow for the same stream are the same ones. `name` and `foreign` cannot be given, and
 * `expire_ms` says nothing about commands. */
SKALD_API skald_status skald_participate_with(skald_service *service, const char *stream,
                                              const skald_handler *handler,
                                              const skald_follow_options *options);

/* Replies of service `participant` to commands of this service's sagas are brought to them. The
 * engine of sagas calls it for every participant of a definition. */
SKALD_API skald_status skald_follow_replies(skald_service *service, const char *participant);

/* --- inside a handler of commands, or the activity that answers later ------------------------- */

/* The answer has this body (without, it has none). Encoded during the call; once per command. */
SKALD_API skald_status skald_reply(skald_context *context, const ProtobufCMessage *reply);

/* The job that this handler enqueued last carries the command out and answers it: by skald_reply
 * and what its activity returns, SKALD_OK or skald_refuse. A job that is given up, cancelled or
 * expires answers failed. The job may not be `unique`. */
SKALD_API skald_status skald_reply_later(skald_context *context);

/* The key of the operation in hand, the same however often it is tried, and no other's: it begins
 * with the service of the saga ("orders/order-42/charge-card/run.1"). skald_idempotency_key says
 * the same. NULL when it is no command. Lives as long as the call. */
SKALD_API const char *skald_command_operation(const skald_context *context);

/* Of an undo: the key of what it takes back; NULL: it is none. */
SKALD_API const char *skald_command_undoes(const skald_context *context);

#ifdef __cplusplus
}
#endif

#endif
