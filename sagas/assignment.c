/* Fair shares of partitions, with as few moves as the shares allow.
 *
 * Every process computes what all of them lack, in the order of their numbers, and deals the free
 * partitions out in that order. So processes that see the same rows reach for different partitions,
 * and nobody has to be told. Once every process has given what it holds above its share, what is
 * free is exactly what is lacking, and the next round takes all of it. */
#include "assignment.h"

#include <assert.h>

uint32_t skald_assignment_share(const skald_assignment_input *input, uint32_t process)
{
    assert(process < input->process_count);
    const uint32_t everyone = input->partition_count / input->process_count;
    const uint32_t remainder = input->partition_count % input->process_count;
    const uint32_t first = input->offset % input->process_count;
    const uint32_t place =
        process >= first ? process - first : process + input->process_count - first;
    return everyone + (place < remainder ? 1 : 0);
}

static bool holds(const skald_assignment_input *input, uint32_t process, uint32_t partition)
{
    const int32_t holder = input->holders[partition];
    return holder != SKALD_ASSIGNMENT_FREE && (uint32_t)holder == process;
}

static uint32_t held_count(const skald_assignment_input *input, uint32_t process)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < input->partition_count; i++)
        count += holds(input, process, i) ? 1 : 0;
    return count;
}

static uint32_t lacking(const skald_assignment_input *input, uint32_t process)
{
    const uint32_t share = skald_assignment_share(input, process);
    const uint32_t held = held_count(input, process);
    return held < share ? share - held : 0;
}

/* The free partitions that fall to this process: those left by the processes before it. */
static void take(const skald_assignment_input *input, skald_assignment_move *moves)
{
    uint32_t wanted = lacking(input, input->self);
    uint32_t others = 0;
    for (uint32_t process = 0; wanted > 0 && process < input->self; process++)
        others += lacking(input, process);
    for (uint32_t i = 0; i < input->partition_count && wanted > 0; i++) {
        if (input->holders[i] != SKALD_ASSIGNMENT_FREE)
            continue;
        if (others > 0) {
            others--;
            continue;
        }
        moves[i] = SKALD_ASSIGNMENT_TAKE;
        wanted--;
    }
}

static void give(const skald_assignment_input *input, uint32_t share, skald_assignment_move *moves)
{
    uint32_t held = held_count(input, input->self);
    for (uint32_t i = input->partition_count; i-- > 0 && held > share;) {
        if (!holds(input, input->self, i))
            continue;
        moves[i] = SKALD_ASSIGNMENT_GIVE;
        held--;
    }
}

void skald_assignment_decide(const skald_assignment_input *input, skald_assignment_move *moves)
{
    for (uint32_t i = 0; i < input->partition_count; i++)
        moves[i] = SKALD_ASSIGNMENT_KEEP;
    if (input->leaving) {
        give(input, 0, moves);
        return;
    }
    give(input, skald_assignment_share(input, input->self), moves);
    take(input, moves);
}
