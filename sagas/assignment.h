/* Which partitions should this process take, and which give away? Pure: every process decides for
 * itself from the same rows, and the decisions converge. */
#ifndef SKALD_SAGAS_ASSIGNMENT_H
#define SKALD_SAGAS_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SKALD_ASSIGNMENT_FREE = -1 };

/* One follower's partitions. Processes are numbered 0..process_count-1 in an order all of them
 * agree on (by id), only living ones that take part in this follower. */
typedef struct skald_assignment_input {
    uint32_t partition_count;
    const int32_t *holders; /* per partition: a process number, or SKALD_ASSIGNMENT_FREE when nobody
                               living holds it; process_count or more: somebody outside the count,
                               who is leaving */
    uint32_t process_count; /* 1 or more */
    uint32_t self;          /* when leaving it may lie outside the count */
    uint32_t offset; /* spreads the remainders of several followers over different processes; the
                        same for all processes, e.g. a hash of the follower's name */
    bool leaving;    /* this process is stopping: give everything, take nothing */
} skald_assignment_input;

typedef enum skald_assignment_move {
    SKALD_ASSIGNMENT_KEEP,
    SKALD_ASSIGNMENT_TAKE,
    SKALD_ASSIGNMENT_GIVE,
} skald_assignment_move;

/* How many partitions process number `process` should have: all shares together are
 * partition_count, and no two differ by more than one. */
uint32_t skald_assignment_share(const skald_assignment_input *input, uint32_t process);

/* Fills moves[0..partition_count-1]. Takes only free partitions and never more than the share;
 * gives only what is above the share, the highest numbers first. When all living processes apply
 * their moves, one after the other or at once with free partitions going to whoever is first,
 * everything is held and every share is met within two rounds, and then nothing moves. */
void skald_assignment_decide(const skald_assignment_input *input, skald_assignment_move *moves);

#endif
