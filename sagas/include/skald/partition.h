/* Which partition a key belongs to. The rule is part of the wire format: every program in every
 * language that writes an outbox or checks a subject computes the same. */
#ifndef SKALD_PARTITION_H
#define SKALD_PARTITION_H

#include <skald/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKALD_PARTITIONS_DEFAULT 16u
#define SKALD_PARTITIONS_MAX 256u

/* FNV-1a (64 bits, offset basis 14695981039346656037, prime 1099511628211) over the key's bytes,
 * upper half xor lower half, modulo `partitions`, which lies in 1..SKALD_PARTITIONS_MAX. The empty
 * key is a key like any other. Any thread. */
SKALD_API uint32_t skald_partition_of(const char *key, size_t key_size, uint32_t partitions);

#ifdef __cplusplus
}
#endif

#endif
