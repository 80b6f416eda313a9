/* A rate is held: how many may begin now? Pure; the bucket is a row that all processes share. */
#ifndef SKALD_SAGAS_BUCKET_H
#define SKALD_SAGAS_BUCKET_H

#include <stdint.h>

/* A token bucket: one token per start. */
typedef struct skald_bucket {
    double tokens; /* as of at_us */
    int64_t at_us;
} skald_bucket;

/* How many starts `bucket` allows now, `wanted` at most, and the bucket after them in *after, which
 * is to be kept also when none is allowed. `rate` is per second, above 0; `burst` is the size of
 * the bucket, at least 1. When fewer than wanted are allowed, *wait_ms says when the next one will
 * be (rounded up, at least 1), else 0. Over any time span t no more than burst + rate * t starts
 * are allowed.
 *
 * Time that goes backwards refills nothing: who waited for the row's lock brings an older time than
 * who had it before. Only when the bucket is from more than SKALD_BUCKET_BACK_US ahead was the
 * clock put back, and the bucket goes on from the new time.
 *
 * A bucket may be of another burst or rate than before; what is above the burst is gone. */
uint32_t skald_bucket_take(const skald_bucket *bucket, double rate, uint32_t burst, int64_t now_us,
                           uint32_t wanted, skald_bucket *after, uint32_t *wait_ms);

#define SKALD_BUCKET_BACK_US INT64_C(60000000)

#endif
