/* One after another, so that at most one service is away. */
#include "driver/chaos.h"

#include "common/clock.h"
#include "common/draw.h"

#define LOOK_MS 10
#define QUIET_MS_MIN 500u /* between two kills, so long at least */
#define QUIET_MS_SPREAD 2000u
#define AWAY_MS_SPREAD 1500u /* how long a service stays away, at most */

/* False when the shop is not well before the time has come. */
static bool wait_until(demo_shop *shop, double when_ms)
{
    while (clock_now_ms() < when_ms) {
        if (!shop_is_well(shop))
            return false;
        clock_sleep_ms(LOOK_MS);
    }
    return true;
}

static bool hit(demo_shop *shop, service_id victim, unsigned away_ms)
{
    shop_kill_service(shop, victim);
    return wait_until(shop, clock_now_ms() + away_ms) && shop_start_service(shop, victim);
}

bool chaos_reign(demo_shop *shop, const chaos_plan *plan, unsigned *kills)
{
    uint64_t random = plan->seed;
    const double start = clock_now_ms();
    const double end = start + plan->seconds * 1e3;
    while (true) {
        const double next =
            clock_now_ms() + QUIET_MS_MIN + (double)(draw(&random) % QUIET_MS_SPREAD);
        const service_id victim = (service_id)(draw(&random) % SERVICE_ANALYTICS);
        const unsigned away_ms = (unsigned)(draw(&random) % AWAY_MS_SPREAD);
        if (next + away_ms > end)
            return wait_until(shop, end);
        if (!wait_until(shop, next))
            return false;
        fprintf(plan->talk, "%5.1f s: %s is killed, and away for %u ms\n",
                (clock_now_ms() - start) / 1e3, shop->services[victim].name, away_ms);
        if (!hit(shop, victim, away_ms))
            return false;
        ++*kills;
    }
}
