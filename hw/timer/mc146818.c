/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/timer/mc146818.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hw/timer/civil.h"

#define NS_PER_S 1000000000ll
#define S_PER_DAY 86400
#define OSC_HZ 32768 /* the time base; all periods divide one second */
#define CMOS_BYTES 128

/* UIP rises this long before an update cycle (data sheet: tBUC, 244 us). */
#define UIP_NS 244141

enum {
    SECONDS = 0,
    SECONDS_ALARM = 1,
    MINUTES = 2,
    MINUTES_ALARM = 3,
    HOURS = 4,
    HOURS_ALARM = 5,
    WEEKDAY = 6,
    DAY = 7,
    MONTH = 8,
    YEAR = 9,
    REG_A = 10,
    REG_B = 11,
    REG_C = 12,
    REG_D = 13,
    FIRST_MEMORY = 14,
    CENTURY = 0x32,
    CENTURY_PS2 = 0x37,
};

enum {
    A_UIP = 0x80,
    A_DIVIDER = 0x70,
    A_DIVIDER_RUNS = 0x20, /* this and the two below it: the three time bases */
    A_RATE = 0x0f,
    B_SET = 0x80,
    B_PIE = 0x40, /* the three enables lie where C has the flags */
    B_AIE = 0x20,
    B_UIE = 0x10,
    B_SQWE = 0x08,
    B_BINARY = 0x04,
    B_24H = 0x02,
    C_IRQF = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    C_CAUSES = C_PF | C_AF | C_UF,
    D_VRT = 0x80,
    HOUR_PM = 0x80,
    ALARM_ANY = 0xc0, /* both bits set: matches every value */
};

#define MAX_OWED 65536 /* a minute at the fastest rate that drivers use */

struct mc146818 {
    struct device dev;
    uint8_t index;
    uint8_t cmos[CMOS_BYTES];
    int64_t updated_ns;  /* clock at the last update cycle: the phase of seconds and periods */
    int64_t periodic_ns; /* clock up to which periodic ticks are in C already */
    bool slew;           /* lost ticks are owed (rtc_config) */
    uint32_t owed;       /* ticks, up to MAX_OWED */
    int64_t pay_ns;      /* when the next owed one is given; 0: the guest has to read C first */
    struct irq_pin irq;
    struct vtimer timer;
    struct io_region region;
};

/* ---- registers as numbers ---- */

static unsigned decode(const struct mc146818 *r, uint8_t v)
{
    return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 0xf);
}

static uint8_t encode(const struct mc146818 *r, unsigned v)
{
    return (uint8_t)(r->cmos[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode_hour(const struct mc146818 *r, uint8_t v)
{
    if (r->cmos[REG_B] & B_24H)
        return decode(r, v);
    return decode(r, v & 0x7f) % 12 + (v & HOUR_PM ? 12 : 0);
}

static uint8_t encode_hour(const struct mc146818 *r, unsigned hour)
{
    if (r->cmos[REG_B] & B_24H)
        return encode(r, hour);
    return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int64_t get_days(const struct mc146818 *r)
{
    unsigned month = decode(r, r->cmos[MONTH]);
    struct civil date = {
        .year = (int64_t)decode(r, r->cmos[CENTURY]) * 100 + decode(r, r->cmos[YEAR]),
        .month = month >= 1 && month <= 12 ? month : 1, /* the guest wrote nonsense */
        .day = decode(r, r->cmos[DAY]),
    };

    return civil_to_days(&date);
}

static void set_date(struct mc146818 *r, int64_t days)
{
    struct civil date = civil_from_days(days);

    r->cmos[DAY] = encode(r, date.day);
    r->cmos[MONTH] = encode(r, date.month);
    r->cmos[YEAR] = encode(r, (unsigned)(date.year % 100));
    r->cmos[CENTURY] = encode(r, (unsigned)(date.year / 100 % 100));
}

static int64_t get_second_of_day(const struct mc146818 *r)
{
    return (decode_hour(r, r->cmos[HOURS]) * 60ll + decode(r, r->cmos[MINUTES])) * 60 +
           decode(r, r->cmos[SECONDS]);
}

static void set_second_of_day(struct mc146818 *r, unsigned s)
{
    r->cmos[SECONDS] = encode(r, s % 60);
    r->cmos[MINUTES] = encode(r, s / 60 % 60);
    r->cmos[HOURS] = encode_hour(r, s / 3600);
}

/* ---- what time does to them ---- */

/* `n` update cycles at once. The date is left alone (also an impossible one) until midnight. */
static void advance_time(struct mc146818 *r, int64_t n)
{
    int64_t t = get_second_of_day(r) + n;
    int64_t days = t / S_PER_DAY;

    set_second_of_day(r, (unsigned)(t % S_PER_DAY));
    if (days) {
        set_date(r, get_days(r) + days);
        r->cmos[WEEKDAY] = (uint8_t)((r->cmos[WEEKDAY] + 6 + days) % 7 + 1);
    }
}

struct alarm {
    int second, minute, hour; /* -1: any */
};

static bool get_alarm(const struct mc146818 *r, struct alarm *a)
{
    const uint8_t *c = r->cmos;

    a->second = c[SECONDS_ALARM] >= ALARM_ANY ? -1 : (int)decode(r, c[SECONDS_ALARM]);
    a->minute = c[MINUTES_ALARM] >= ALARM_ANY ? -1 : (int)decode(r, c[MINUTES_ALARM]);
    a->hour = c[HOURS_ALARM] >= ALARM_ANY ? -1 : (int)decode_hour(r, c[HOURS_ALARM]);
    return a->second < 60 && a->minute < 60 && a->hour < 24;
}

/*
 * Update cycles until the alarm matches (1 .. 86400); INT64_MAX: never. Whole hours and minutes
 * that cannot match are skipped, so it takes at most some 150 turns.
 */
static int64_t cycles_to_alarm(const struct mc146818 *r)
{
    int64_t now = get_second_of_day(r) % S_PER_DAY;
    struct alarm a;

    if (!get_alarm(r, &a))
        return INT64_MAX;
    for (int64_t t = now + 1; t <= now + S_PER_DAY;) {
        if (a.hour >= 0 && t / 3600 % 24 != a.hour)
            t += 3600 - t % 3600;
        else if (a.minute >= 0 && t / 60 % 60 != a.minute)
            t += 60 - t % 60;
        else if (a.second >= 0 && t % 60 != a.second)
            t++;
        else
            return t - now;
    }
    return INT64_MAX;
}

static bool divider_runs(const struct mc146818 *r)
{
    return (r->cmos[REG_A] & A_DIVIDER) <= A_DIVIDER_RUNS;
}

static bool updates_run(const struct mc146818 *r)
{
    return divider_runs(r) && !(r->cmos[REG_B] & B_SET);
}

/* The periodic interrupt's period in cycles of 32768 Hz; 0: none (data sheet, table 5). */
static unsigned period_cycles(const struct mc146818 *r)
{
    unsigned rate = r->cmos[REG_A] & A_RATE;

    if (!rate || !divider_runs(r))
        return 0;
    return 1u << (rate <= 2 ? rate + 6 : rate - 1);
}

/* Periodic ticks from the phase's origin to `at_ns`. */
static int64_t ticks_at(const struct mc146818 *r, unsigned period, int64_t at_ns)
{
    __int128 units = (__int128)(at_ns - r->updated_ns) * OSC_HZ;
    __int128 unit = (__int128)period * NS_PER_S;

    return (int64_t)(units / unit - (units % unit < 0));
}

/* The first instant at which ticks_at() is `tick`. */
static int64_t tick_ns(const struct mc146818 *r, unsigned period, int64_t tick)
{
    __int128 ns = (__int128)tick * period * NS_PER_S;

    return r->updated_ns + (int64_t)(ns / OSC_HZ + (ns % OSC_HZ > 0));
}

static bool owes(const struct mc146818 *r)
{
    return r->slew && (r->cmos[REG_B] & C_PF) && period_cycles(r); /* PIE has PF's place */
}

static void note_ticks(struct mc146818 *r, int64_t ticks)
{
    int64_t lost = ticks - !(r->cmos[REG_C] & C_PF);

    r->cmos[REG_C] |= C_PF;
    if (owes(r) && lost > 0)
        r->owed = (uint32_t)(lost < (int64_t)(MAX_OWED - r->owed) ? r->owed + lost : MAX_OWED);
}

static void sync_periodic(struct mc146818 *r, int64_t now)
{
    unsigned period = period_cycles(r);
    int64_t ticks = period ? ticks_at(r, period, now) - ticks_at(r, period, r->periodic_ns) : 0;

    if (now <= r->periodic_ns)
        return;
    if (ticks > 0)
        note_ticks(r, ticks);
    if (r->owed && r->pay_ns && now >= r->pay_ns && !(r->cmos[REG_C] & C_PF)) {
        r->cmos[REG_C] |= C_PF;
        r->owed--;
        r->pay_ns = 0;
    }
    r->periodic_ns = now;
}

/* The guest has taken a tick: the next owed one follows in an eighth of the period. */
static void owe_after_ack(struct mc146818 *r)
{
    if (!owes(r))
        r->owed = 0;
    r->pay_ns = r->owed ? r->periodic_ns + period_cycles(r) * NS_PER_S / OSC_HZ / 8 : 0;
}

static void sync_updates(struct mc146818 *r, int64_t now)
{
    int64_t n = (now - r->updated_ns) / NS_PER_S;

    if (n <= 0)
        return;
    if (updates_run(r)) {
        r->cmos[REG_C] |= C_UF;
        if (cycles_to_alarm(r) <= n)
            r->cmos[REG_C] |= C_AF;
        advance_time(r, n);
    }
    if (divider_runs(r))
        r->updated_ns += n * NS_PER_S; /* SET stops the registers, not the seconds */
}

/* Brings everything to now. Periods first: they are counted from the phase that updates move. */
static void sync(struct mc146818 *r)
{
    int64_t now = vclock_now_ns(r->dev.env->clock);

    sync_periodic(r, now);
    sync_updates(r, now);
}

/* ---- what follows from the registers ---- */

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the next enabled cause whose flag is not up yet will be. INT64_MAX: never. */
static int64_t next_cause_ns(const struct mc146818 *r)
{
    unsigned waiting = r->cmos[REG_B] & ~r->cmos[REG_C] & C_CAUSES;
    unsigned period = period_cycles(r);
    int64_t at = INT64_MAX, cycles;

    if ((waiting & C_PF) && period)
        at = tick_ns(r, period, ticks_at(r, period, r->periodic_ns) + 1);
    if ((waiting & C_PF) && r->pay_ns)
        at = earliest(at, r->pay_ns);
    if (!updates_run(r))
        return at;
    if (waiting & C_UF)
        at = earliest(at, r->updated_ns + NS_PER_S);
    cycles = waiting & C_AF ? cycles_to_alarm(r) : INT64_MAX;
    return cycles == INT64_MAX ? at : earliest(at, r->updated_ns + cycles * NS_PER_S);
}

static void derive(struct mc146818 *r)
{
    bool raised = r->cmos[REG_B] & r->cmos[REG_C] & C_CAUSES;
    int64_t next = next_cause_ns(r);

    r->cmos[REG_C] = (uint8_t)((r->cmos[REG_C] & C_CAUSES) | (raised ? C_IRQF : 0));
    irq_pin_set(&r->irq, raised);
    if (next == INT64_MAX)
        vtimer_cancel(&r->timer);
    else
        vtimer_arm(&r->timer, next);
}

static void timer_fired(void *opaque)
{
    struct mc146818 *r = opaque;

    sync(r);
    derive(r);
}

/* ---- accesses; time is synced before each ---- */

static bool update_in_progress(const struct mc146818 *r)
{
    int64_t now = vclock_now_ns(r->dev.env->clock);

    return updates_run(r) && r->updated_ns + NS_PER_S - now <= UIP_NS;
}

static uint8_t read_flags(struct mc146818 *r)
{
    uint8_t v = r->cmos[REG_C];

    r->cmos[REG_C] = 0;
    owe_after_ack(r);
    derive(r);
    return v;
}

static unsigned data_index(const struct mc146818 *r)
{
    unsigned i = r->index & (CMOS_BYTES - 1);

    return i == CENTURY_PS2 ? CENTURY : i;
}

static uint8_t read_data(struct mc146818 *r)
{
    unsigned i = data_index(r);

    switch (i) {
    case REG_A: return r->cmos[i] | (update_in_progress(r) ? A_UIP : 0);
    case REG_C: return read_flags(r);
    default: return r->cmos[i];
    }
}

/* Out of divider reset the first update cycle comes half a second later (data sheet, "DV0-DV2"). */
static void write_a(struct mc146818 *r, uint8_t value)
{
    int64_t now = vclock_now_ns(r->dev.env->clock);
    bool ran = divider_runs(r);

    r->cmos[REG_A] = value & (uint8_t)~A_UIP;
    r->owed = 0; /* another rate's ticks are not these */
    r->pay_ns = 0;
    if (!ran && divider_runs(r)) {
        r->updated_ns = now - NS_PER_S / 2;
        r->periodic_ns = now;
    }
}

static void write_data(struct mc146818 *r, uint8_t value)
{
    unsigned i = data_index(r);

    switch (i) {
    case REG_A: write_a(r, value); break;
    case REG_B:
        if (value & B_SET)
            value &= (uint8_t)~B_UIE; /* SET clears UIE */
        r->cmos[i] = value;
        break;
    case REG_C:
    case REG_D: break; /* read-only */
    default: r->cmos[i] = value; break;
    }
    derive(r);
}

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct mc146818 *r = chip;

    (void)size;
    if (!off)
        return 0xff; /* the index register cannot be read */
    sync(r);
    return read_data(r);
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct mc146818 *r = chip;

    (void)size;
    if (!off) {
        r->index = (uint8_t)value;
        return;
    }
    sync(r);
    write_data(r, (uint8_t)value);
}

static const struct io_span posted[] = {{0, 1}};

static const struct io_ops port_ops = {
    .read = port_read, .write = port_write, .widths = IO_W1, .posted = posted, .posted_count = 1};

/* ---- life ---- */

void rtc_set_cmos(struct device *dev, unsigned index, uint8_t value)
{
    struct mc146818 *r = (struct mc146818 *)dev;

    assert(index >= FIRST_MEMORY && index < CMOS_BYTES);
    device_enter(dev);
    r->cmos[index] = value;
    device_leave(dev);
}

uint8_t rtc_get_cmos(struct device *dev, unsigned index)
{
    const struct mc146818 *r = (struct mc146818 *)dev;
    uint8_t v;

    assert(index < CMOS_BYTES);
    device_enter(dev);
    v = r->cmos[index];
    device_leave(dev);
    return v;
}

/* RESET leaves time, calendar and memory alone (data sheet, "RESET"). */
static void reset(struct device *dev)
{
    struct mc146818 *r = (struct mc146818 *)dev;

    sync(r);
    r->cmos[REG_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->cmos[REG_C] = 0;
    derive(r);
}

static const char *post_load(struct device *dev)
{
    struct mc146818 *r = (struct mc146818 *)dev;

    if ((r->cmos[REG_A] & A_UIP) || r->cmos[REG_D] != D_VRT)
        return "read-only bits of the clock's registers differ";
    if (r->pay_ns && !r->owed)
        return "a periodic tick is to be made up for and none is owed";
    derive(r);
    return NULL;
}

static void rtc_free(struct device *dev)
{
    struct mc146818 *r = (struct mc146818 *)dev;

    vtimer_cancel(&r->timer);
    iomap_remove(dev->env->iomap, &r->region);
    device_fini(dev);
    free(r);
}

/* Times that arithmetic on them cannot overflow: 70 years around the clock's zero. */
#define TIME_RANGE .min = (uint64_t)-(1ll << 61), .max = 1ull << 61

static const struct dev_field fields[] = {
    DEV_FIELD(struct mc146818, U8, index, 0, 0),
    {.name = "cmos", .type = FIELD_BYTES, .offset = offsetof(struct mc146818, cmos),
     .count = CMOS_BYTES, .keep = true},
    {.name = "updated_ns", .type = FIELD_I64, .offset = offsetof(struct mc146818, updated_ns),
     .count = 1, .keep = true, TIME_RANGE},
    {.name = "periodic_ns", .type = FIELD_I64, .offset = offsetof(struct mc146818, periodic_ns),
     .count = 1, .keep = true, TIME_RANGE},
    DEV_FIELD(struct mc146818, U32, owed, 0, MAX_OWED),
    {.name = "pay_ns", .type = FIELD_I64, .offset = offsetof(struct mc146818, pay_ns), .count = 1, TIME_RANGE},
};

static const struct device_class rtc_class = {
    .name = "mc146818rtc",
    .title = "MC146818 real-time clock and CMOS memory",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = rtc_free,
};

static void init_time(struct mc146818 *r, int64_t unix_s)
{
    int64_t days = unix_s / S_PER_DAY - (unix_s % S_PER_DAY < 0);

    r->cmos[REG_A] = A_DIVIDER_RUNS | 6; /* 1024 Hz, as a BIOS sets it */
    r->cmos[REG_B] = B_24H;
    r->cmos[REG_D] = D_VRT;
    set_second_of_day(r, (unsigned)(unix_s - days * S_PER_DAY));
    set_date(r, days);
    r->cmos[WEEKDAY] = (uint8_t)civil_weekday(days);
    r->updated_ns = r->periodic_ns = vclock_now_ns(r->dev.env->clock);
}

struct device *mc146818_new(const struct dev_env *env, const char *id, const struct rtc_config *cfg,
                            char *why, size_t why_size)
{
    struct mc146818 *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    device_init(&r->dev, &rtc_class, env, id);
    r->irq = cfg->irq;
    r->slew = cfg->slew;
    vtimer_init(&r->timer, env->clock, r->dev.lock, timer_fired, r);
    init_time(r, cfg->base_unix_s);
    r->region = (struct io_region){.name = r->dev.id, .space = IO_PORT, .base = cfg->port,
                                   .size = 2, .ops = &port_ops, .chip = r, .lock = r->dev.lock};
    if (!iomap_add(env->iomap, &r->region, why, why_size)) {
        device_free(&r->dev);
        return NULL;
    }
    device_reset(&r->dev);
    return &r->dev;
}
