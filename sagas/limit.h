/* How many jobs of a queue may begin now. */
#ifndef SKALD_SAGAS_LIMIT_H
#define SKALD_SAGAS_LIMIT_H

#include "breaker.h"
#include "bucket.h"

#endif
