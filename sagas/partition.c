/* The hash that is part of the wire format. */
#include <skald/partition.h>

#include <assert.h>

static const uint64_t FNV_OFFSET_BASIS = 14695981039346656037u;
static const uint64_t FNV_PRIME = 1099511628211u;

/* The upper half is folded into the lower one because FNV-1a's low bits alone depend on the low
 * bits of the bytes only, and most services take a power of two of partitions. */
uint32_t skald_partition_of(const char *key, size_t key_size, uint32_t partitions)
{
    assert(partitions >= 1 && partitions <= SKALD_PARTITIONS_MAX);
    assert(key != NULL || key_size == 0);
    uint64_t hash = FNV_OFFSET_BASIS;
    for (size_t i = 0; i < key_size; i++)
        hash = (hash ^ (unsigned char)key[i]) * FNV_PRIME;
    return (uint32_t)(((hash >> 32) ^ (hash & UINT32_MAX)) % partitions);
}
