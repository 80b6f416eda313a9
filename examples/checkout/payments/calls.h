/* The queue of calls to the payment provider: jobs of ChargeCard and RefundCard. */
#ifndef PAYMENTS_CALLS_H
#define PAYMENTS_CALLS_H

#include <skald/skald.h>

#define PROVIDER_QUEUE "provider"

/* This process makes such calls. skald_options.user must be the shop_provider. */
void payments_serve_calls(skald_service *service);

#endif
