/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/limit.h"

#define ETHERNET_FRAME_BYTES 1514
#define SECOND_US 1000000

void net_limit_init(struct net_limit *l, uint64_t rate, uint64_t burst, int64_t now_us)
{
    uint64_t least = 2 * ETHERNET_FRAME_BYTES;

    l->rate = rate;
    l->burst = burst ? burst : rate / 50 > least ? rate / 50 : least;
    l->level = (int64_t)l->burst;
    l->filled_us = now_us;
}

static void fill(struct net_limit *l, int64_t now_us)
{
    int64_t missing = (int64_t)l->burst - l->level, passed = now_us - l->filled_us;
    /* How long a full bucket takes; after that nothing has to be computed (nor can overflow). */
    uint64_t full_us = (uint64_t)missing * SECOND_US / l->rate + 1;

    if (passed <= 0)
        return;
    if ((uint64_t)passed >= full_us) {
        l->level = (int64_t)l->burst;
        l->filled_us = now_us;
        return;
    }
    missing = (int64_t)((uint64_t)passed * l->rate / SECOND_US);
    l->level += missing;
    /* What was not a whole byte is kept as time. */
    l->filled_us += (int64_t)((uint64_t)missing * SECOND_US / l->rate);
}

bool net_limit_open(struct net_limit *l, int64_t now_us)
{
    if (!l->rate)
        return true;
    fill(l, now_us);
    return l->level > 0;
}

void net_limit_take(struct net_limit *l, size_t bytes)
{
    if (l->rate)
        l->level -= (int64_t)bytes;
}

int64_t net_limit_opens_us(const struct net_limit *l)
{
    return l->filled_us + (l->level > 0 ? 0 : (int64_t)((uint64_t)(1 - l->level) * SECOND_US / l->rate) + 1);
}
