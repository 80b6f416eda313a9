/* UUIDv7 (RFC 9562): 48 bits of milliseconds, a 12-bit counter, 62 random bits.
 *
 * The counter starts at a random place in the lower half of its range every millisecond and runs
 * over into the milliseconds, so ids of one process increase whatever the clock does. Random bytes
 * are fetched many at a time: a system call per id would cost more than the id. */
#include "base/uuid.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <skald/message.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

enum { RANDOM_SIZE = 2048, RANDOM_PER_ID = 10, COUNTER_BITS = 12, COUNTER_START_MASK = 0x7FF };

/* All guarded by mutex. */
static struct {
    uint64_t last; /* milliseconds and counter of the last id, as one number */
    size_t random_used;
    unsigned char random[RANDOM_SIZE];
} source = {.random_used = RANDOM_SIZE};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void source_lock(void)
{
    pthread_mutex_lock(&mutex);
}

static void source_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

/* A child must not make the ids that its parent is about to make. */
static void source_unlock_in_child(void)
{
    source.random_used = RANDOM_SIZE;
    pthread_mutex_unlock(&mutex);
}

static void fork_prepare(void)
{
    pthread_atfork(source_lock, source_unlock, source_unlock_in_child);
}

static void random_fill(void)
{
    for (size_t filled = 0; filled < RANDOM_SIZE;) {
        const ssize_t got = getrandom(source.random + filled, RANDOM_SIZE - filled, 0);
        assert(got > 0 || errno == EINTR);
        filled += got > 0 ? (size_t)got : 0;
    }
    source.random_used = 0;
}

static const unsigned char *random_take(void)
{
    if (source.random_used + RANDOM_PER_ID > RANDOM_SIZE)
        random_fill();
    const unsigned char *taken = source.random + source.random_used;
    source.random_used += RANDOM_PER_ID;
    return taken;
}

static uint64_t counted_time_next(const unsigned char *random)
{
    const uint64_t now_ms = (uint64_t)(skald_clock_wall_us() / 1000);
    const uint64_t start = ((uint64_t)random[0] << 8 | random[1]) & COUNTER_START_MASK;
    if (now_ms > source.last >> COUNTER_BITS)
        source.last = now_ms << COUNTER_BITS | start;
    else
        source.last++;
    return source.last;
}

void skald_uuid7(char out[37])
{
    unsigned char id[16];
    pthread_once(&once, fork_prepare);
    source_lock();
    const unsigned char *random = random_take();
    const uint64_t counted = counted_time_next(random);
    memcpy(id + 8, random + 2, 8);
    source_unlock();
    for (int i = 0; i < 6; i++)
        id[i] = (unsigned char)(counted >> (52 - 8 * i));
    id[6] = (unsigned char)(0x70 | (counted >> 8 & 0x0F));
    id[7] = (unsigned char)counted;
    id[8] = (unsigned char)(0x80 | (id[8] & 0x3F));
    skald_uuid_format(id, out);
}

static bool dash_at(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool skald_uuid_parse(const char *text, unsigned char out[16])
{
    unsigned char parsed[16] = {0};
    size_t digits = 0;
    for (size_t place = 0; place < 36; place++) {
        if (dash_at(place)) {
            if (text[place] != '-')
                return false;
            continue;
        }
        const int value = digit_value(text[place]);
        if (value < 0)
            return false;
        parsed[digits / 2] = (unsigned char)(parsed[digits / 2] << 4 | value);
        digits++;
    }
    if (text[36] != '\0')
        return false;
    memcpy(out, parsed, sizeof parsed);
    return true;
}

void skald_uuid_format(const unsigned char in[16], char out[37])
{
    static const char digits[] = "0123456789abcdef";
    size_t place = 0;
    for (size_t i = 0; i < 16; i++) {
        if (dash_at(place))
            out[place++] = '-';
        out[place++] = digits[in[i] >> 4];
        out[place++] = digits[in[i] & 0x0F];
    }
    out[place] = '\0';
}
