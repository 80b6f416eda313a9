/* Everything a service needs: #include <skald/skald.h>. */
#ifndef SKALD_SKALD_H
#define SKALD_SKALD_H

#include <skald/api.h>
#include <skald/backoff.h>
#include <skald/context.h>
#include <skald/flow.h>
#include <skald/handler.h>
#include <skald/log.h>
#include <skald/message.h>
#include <skald/orchestration.h>
#include <skald/param.h>
#include <skald/participant.h>
#include <skald/partition.h>
#include <skald/publish.h>
#include <skald/queue.h>
#include <skald/retry.h>
#include <skald/saga.h>
#include <skald/schedule.h>
#include <skald/service.h>
#include <skald/status.h>
#include <skald/watch.h>

#endif
