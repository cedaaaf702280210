/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DP8390 alone: pages, remote DMA, ring, filters, loopback, and a walk over all states and events. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/dp8390.h"
#include "hw/net/ether.h"

#define RAM_AT 0x4000
#define RAM_END 0xc000

/* Register numbers by page. */
enum { CR = 0, PSTART = 1, PSTOP = 2, BNRY = 3, TPSR = 4, TSR = 4, TBCR0 = 5, TBCR1 = 6, FIFO = 6, ISR = 7,
       RSAR0 = 8, RSAR1 = 9, RBCR0 = 10, RBCR1 = 11, RCR = 12, RSR = 12, TCR = 13, CNTR0 = 13, DCR = 14,
       CNTR1 = 14, IMR = 15, CNTR2 = 15, PAR0 = 1, CURR = 7, MAR0 = 8 };
enum { STOP = 0x21, START = 0x22, PAGE1 = 0x40, PAGE2 = 0x80, PAGE3 = 0xc0, TXP = 0x04, NODMA = 0x20 };

struct world {
    struct dp8390 c;
    uint8_t mem[65536]; /* of which [RAM_AT, RAM_END) is there, and 32 bytes that cannot be written */
    uint8_t sent[65536];
    size_t sent_len;
    unsigned frames, rooms, mistakes, filters;
    enum net_result answer;
    int64_t patience;
    bool pin;
};

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static uint8_t *memory(void *opaque, uint16_t addr, size_t *len, bool for_write)
{
    struct world *w = opaque;
    uint32_t end = addr < 32 ? 32 : addr < RAM_AT ? RAM_AT : addr < RAM_END ? RAM_END : 0x10000;
    bool there = addr < 32 ? !for_write : addr >= RAM_AT && addr < RAM_END;

    if (*len > end - addr)
        *len = end - addr;
    return there ? w->mem + addr : NULL;
}

static enum net_result send_frame(void *opaque, const uint8_t *frame, size_t len)
{
    struct world *w = opaque;

    if (w->answer != NET_SENT)
        return w->answer;
    memcpy(w->sent, frame, len);
    w->sent_len = len;
    w->frames++;
    return NET_SENT;
}

static void room(void *opaque) { ((struct world *)opaque)->rooms++; }
static void patience(void *opaque, int64_t ns) { ((struct world *)opaque)->patience = ns; }
static void pin(void *opaque, bool level) { ((struct world *)opaque)->pin = level; }

static void mistake(void *opaque, const char *what)
{
    (void)what;
    ((struct world *)opaque)->mistakes++;
}

static void filter_changed(void *opaque) { ((struct world *)opaque)->filters++; }

static const struct dp8390_port port = {memory, send_frame, room, patience, pin, mistake, filter_changed};

static void power_on(struct world *w, enum dp8390_variant variant)
{
    memset(w, 0, sizeof(*w));
    for (unsigned i = 0; i < sizeof(w->mem); i++)
        w->mem[i] = (uint8_t)(i * 7 + (i >> 8));
    w->c = (struct dp8390){.cr = STOP, .dcr = DP8390_DCR_LAS, .config2 = 0x40, .config3 = 0x40,
                           .variant = variant, .port = &port, .opaque = w};
    w->answer = NET_SENT;
    dp8390_reset(&w->c);
}

static struct world *world(void)
{
    static struct world w;

    power_on(&w, DP8390_PLAIN);
    return &w;
}

static uint8_t in(struct world *w, unsigned reg) { return dp8390_read(&w->c, reg); }
static void out(struct world *w, unsigned reg, unsigned value) { dp8390_write(&w->c, reg, (uint8_t)value); }

static void sane(struct world *w)
{
    const char *why = dp8390_check(&w->c);

    if (why)
        fail_msg("%s", why);
    assert_int_equal(w->pin, (w->c.isr & w->c.imr) != 0);
}

static void out_page1(struct world *w, unsigned reg, unsigned value)
{
    uint8_t cr = in(w, CR);

    out(w, CR, (cr & 3) | NODMA | PAGE1);
    out(w, reg, value);
    out(w, CR, (cr & 3) | NODMA);
}

static uint8_t in_page1(struct world *w, unsigned reg)
{
    uint8_t cr = in(w, CR), value;

    out(w, CR, (cr & 3) | NODMA | PAGE1);
    value = in(w, reg);
    out(w, CR, (cr & 3) | NODMA);
    return value;
}

/* As a driver does it: section 10, "Initialization Procedure". */
static void set_up(struct world *w, unsigned start, unsigned stop, unsigned rcr)
{
    out(w, CR, STOP);
    out(w, DCR, 0x49);
    out(w, RBCR0, 0);
    out(w, RBCR1, 0);
    out(w, RCR, rcr);
    out(w, TCR, 0x02);
    out(w, BNRY, start);
    out(w, PSTART, start);
    out(w, PSTOP, stop);
    out(w, ISR, 0xff);
    out(w, IMR, 0x3f);
    for (unsigned i = 0; i < 6; i++)
        out_page1(w, PAR0 + i, mac[i]);
    for (unsigned i = 0; i < 8; i++)
        out_page1(w, MAR0 + i, 0);
    out_page1(w, CURR, start);
    out(w, CR, START);
    out(w, TCR, 0);
}

static void fill_frame(uint8_t *frame, size_t len, const uint8_t *dest)
{
    for (size_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(i * 13 + len);
    for (size_t i = 0; i < 6 && i < len; i++)
        frame[i] = dest[i];
}

static bool feed(struct world *w, size_t len, const uint8_t *dest)
{
    static uint8_t frame[70000];

    fill_frame(frame, len, dest);
    return dp8390_receive(&w->c, frame, len);
}

static void start_remote(struct world *w, unsigned addr, unsigned len, unsigned command)
{
    out(w, CR, START);
    out(w, RBCR0, len & 0xff);
    out(w, RBCR1, len >> 8);
    out(w, RSAR0, addr & 0xff);
    out(w, RSAR1, addr >> 8);
    out(w, CR, command);
}

static void read_remote(struct world *w, unsigned addr, void *buf, unsigned len)
{
    start_remote(w, addr, len, 0x0a);
    dp8390_data_read(&w->c, 2, buf, (len + 1) / 2);
}

static void write_remote(struct world *w, unsigned addr, const void *buf, unsigned len)
{
    start_remote(w, addr, len, 0x12);
    dp8390_data_write(&w->c, 2, buf, (len + 1) / 2);
}

/* ---- registers ---- */

static void test_reset_values(void **state)
{
    struct world *w = world();

    (void)state;
    assert_int_equal(in(w, CR), STOP);
    assert_int_equal(in(w, ISR), 0x80);
    assert_int_equal(in(w, 5), 0); /* collisions */
    for (unsigned n = CNTR0; n <= CNTR2; n++)
        assert_int_equal(in(w, n), 0);
    assert_int_equal(in(w, 0xa), 0xff);
    assert_false(w->pin);
}

static void test_pages(void **state)
{
    struct world *w = world();
    static const struct {
        uint8_t page0, page2, mask;
    } same[] = {{PSTART, 1, 0xff}, {PSTOP, 2, 0xff}, {TPSR, 4, 0xff}, {RCR, 12, 0x3f},
                {TCR, 13, 0x1f},   {DCR, 14, 0x7f},  {IMR, 15, 0x7f}};

    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
            out(w, CR, STOP);
            out(w, same[i].page0, v);
            out(w, CR, STOP | PAGE2);
            assert_int_equal(in(w, same[i].page2), v & same[i].mask);
        }
        for (unsigned reg = 1; reg < 16; reg++) {
            out(w, CR, STOP | PAGE1);
            out(w, reg, v ^ reg);
        }
        for (unsigned reg = 1; reg < 16; reg++)
            assert_int_equal(in(w, reg), v ^ reg);
        out(w, CR, STOP | PAGE2); /* the pointers that only diagnostics write */
        for (unsigned reg = 3; reg < 8; reg++)
            out(w, reg, v + reg);
        assert_int_equal(in(w, 3), (uint8_t)(v + 3));
        for (unsigned reg = 5; reg < 8; reg++)
            assert_int_equal(in(w, reg), (uint8_t)(v + reg));
        out(w, 1, v);
        out(w, 2, v ^ 0xff);
        out(w, CR, STOP);
        assert_int_equal(in(w, 1), v);
        assert_int_equal(in(w, 2), v ^ 0xff);
        sane(w);
    }
}

static void test_page3(void **state)
{
    struct world *w = world();

    (void)state;
    out(w, CR, STOP | PAGE3);
    out(w, 1, 0xc0);
    for (unsigned reg = 1; reg < 16; reg++)
        assert_int_equal(in(w, reg), 0xff); /* not in a plain chip */
    power_on(w, DP8390_RTL8029);
    assert_int_equal(in(w, 0xa), 0x50);
    assert_int_equal(in(w, 0xb), 0x43);
    out(w, CR, STOP | PAGE3);
    assert_int_equal(in(w, 0xe), 0x29);
    assert_int_equal(in(w, 0xf), 0x80);
    assert_int_equal(in(w, 3), 0);
    assert_int_equal(in(w, 6), 0x40);
    out(w, 6, 0x32); /* shut */
    assert_int_equal(in(w, 6), 0x40);
    out(w, 1, 0xc0);
    out(w, 6, 0xff);
    out(w, 5, 0xbf);
    assert_int_equal(in(w, 6), 0x76);
    assert_int_equal(in(w, 5), 0xa0);
    assert_int_equal(in(w, 1), 0xc1);
    out(w, 1, 0x40); /* auto-load */
    assert_int_equal(in(w, 1), 0x01);
    assert_int_equal(in(w, 5), 0x40);
    assert_int_equal(in(w, 6), 0x40);
    out(w, CR, STOP | PAGE2);
    assert_int_equal(in(w, 12), 0xc0);
    assert_int_equal(in(w, 13), 0xe0);
    sane(w);
}

/* What Linux, FreeBSD and others do to see whether there is a chip. */
static void test_probe(void **state)
{
    struct world *w = world();

    (void)state;
    out(w, CR, STOP | PAGE1);
    out(w, CNTR0, 0xff); /* MAR5 */
    out(w, CR, NODMA);
    in(w, CNTR0);
    assert_int_equal(in(w, CNTR0), 0);
    assert_int_equal(in(w, ISR) & 0x80, 0x80); /* neither STA nor STP: as it was */
    out(w, CR, START);
    assert_int_equal(in(w, ISR) & 0x80, 0);
    out(w, CR, NODMA);
    assert_int_equal(in(w, ISR) & 0x80, 0);
    out(w, CR, STOP | DP8390_CR_STA);
    assert_int_equal(in(w, ISR) & 0x80, 0x80);
    out(w, IMR, 0xff);
    assert_false(w->pin); /* RST makes no interrupt */
}

static void test_hard_reset(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    out(w, TCR, 0x1f);
    out(w, DCR, 0x4b);
    out(w, CR, 0x0a);
    dp8390_hard_reset(&w->c);
    assert_int_equal(in(w, CR), STOP);
    assert_int_equal(in(w, ISR) & 0x80, 0x80);
    out(w, CR, STOP | PAGE2);
    assert_int_equal(in(w, 15), 0);     /* IMR */
    assert_int_equal(in(w, 14), 0x4f);  /* LAS set, the rest stays */
    assert_int_equal(in(w, 13), 0x19);  /* LB0, LB1 */
    assert_int_equal(in(w, 1), 0x46);
    assert_int_equal(w->c.remote, DP8390_REMOTE_IDLE);
    sane(w);
}

/* ---- remote DMA ---- */

static void test_remote_widths(void **state)
{
    struct world *w = world();
    uint8_t buf[64], want;

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned wts = 0; wts < 2; wts++) {
            unsigned step = size == 4 ? 4 : wts ? 2 : 1;

            read_remote(w, 0x5000, buf, 0); /* ends what was under way */
            out(w, DCR, 0x48 | wts);
            out(w, RBCR0, 32);
            out(w, RBCR1, 0);
            out(w, RSAR0, 0x10);
            out(w, RSAR1, 0x50);
            out(w, ISR, 0xff);
            out(w, CR, 0x0a);
            for (unsigned n = 0; n < 32 / step; n++) {
                assert_int_equal(in(w, ISR) & 0x40, 0);
                dp8390_data_read(&w->c, size, buf, 1);
                for (unsigned i = 0; i < size; i++) {
                    want = i < step ? w->mem[0x5010 + n * step + i] : 0;
                    assert_int_equal(buf[i], want);
                }
            }
            assert_int_equal(in(w, ISR) & 0x40, 0x40);
            assert_int_equal(in(w, RSAR0), 0x30);
            dp8390_data_read(&w->c, size, buf, 1);
            assert_int_equal(buf[0], 0xff);
        }
    }
}

/* One string is the same as its elements, for each width, count and start around the ring's end. */
static void test_remote_string(void **state)
{
    static struct world a, b;
    uint8_t one[300], many[300];

    (void)state;
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned count = 0; count < 70; count++) {
            unsigned at = 0x7fe0 + count % 33, wts = count >> 2 & 1;

            power_on(&a, DP8390_PLAIN);
            set_up(&a, 0x46, 0x80, 4);
            out(&a, DCR, 0x48 | wts);
            out(&a, RBCR0, 0x51);
            out(&a, RSAR0, at & 0xff);
            out(&a, RSAR1, at >> 8);
            out(&a, CR, count & 1 ? 0x0a : 0x12);
            b = a;
            b.c.opaque = &b;
            memset(one, 0x11, sizeof(one));
            memset(many, 0x22, sizeof(many));
            if (count & 1) {
                dp8390_data_read(&a.c, size, many, count);
                for (unsigned i = 0; i < count; i++)
                    dp8390_data_read(&b.c, size, one + i * size, 1);
                assert_memory_equal(one, many, (size_t)count * size);
            } else {
                dp8390_data_write(&a.c, size, many, count);
                for (unsigned i = 0; i < count; i++)
                    dp8390_data_write(&b.c, size, many + i * size, 1);
            }
            assert_memory_equal(a.mem, b.mem, sizeof(a.mem));
            b.c.opaque = &a;
            assert_memory_equal(&a.c, &b.c, sizeof(a.c));
        }
    }
}

static void test_remote_wraps_in_ring(void **state)
{
    struct world *w = world();
    uint8_t data[64], back[64];

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(200 - i);
    write_remote(w, 0x7fe0, data, 64);
    assert_memory_equal(w->mem + 0x7fe0, data, 32);
    assert_memory_equal(w->mem + 0x4600, data + 32, 32);
    read_remote(w, 0x7fe0, back, 64);
    assert_memory_equal(back, data, 64);
    assert_int_equal(in(w, RSAR0) | in(w, RSAR1) << 8, 0x4620);
}

/* HAZARDS N-03: addresses at every edge, all widths and counts; nothing outside of the memory changes. */
static void test_remote_edges(void **state)
{
    static const uint16_t at[] = {0xbffd, 0xbffe, 0xbfff, 0xc000, 0x1e, 0x1f, 0x20, 0x3ffd, 0x3fff, 0x4000, 0xffff};
    static uint8_t before[65536], buf[256];
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    memset(buf, 0xee, sizeof(buf));
    for (unsigned n = 0; n < sizeof(at) / sizeof(at[0]) * 3 * 5; n++) {
        unsigned size = 1u << n % 3, count = n / 3 % 5, addr = at[n / 15];

        memcpy(before, w->mem, sizeof(before));
        out(w, CR, START);
        out(w, RBCR0, count);
        out(w, RBCR1, 0);
        out(w, RSAR0, addr & 0xff);
        out(w, RSAR1, addr >> 8);
        out(w, ISR, 0xff);
        out(w, CR, 0x12);
        assert_int_equal(in(w, ISR) & 0x40, count ? 0 : 0x40);
        dp8390_data_write(&w->c, size, buf, 8);
        assert_int_equal(in(w, ISR) & 0x40, 0x40);
        for (unsigned i = 0; i < sizeof(before); i++) {
            bool touched = ((i - addr) & 0xffff) < (count ? count + 3 : 0) && i >= RAM_AT && i < RAM_END;

            if (!touched)
                assert_int_equal(w->mem[i], before[i]);
        }
        sane(w);
    }
}

static void test_send_packet(void **state)
{
    struct world *w = world();
    uint8_t buf[2000], frame[700];

    (void)state;
    set_up(w, 0x46, 0x4a, 4);
    out(w, BNRY, 0x48);
    out_page1(w, CURR, 0x48);
    fill_frame(frame, sizeof(frame), mac);
    assert_true(feed(w, sizeof(frame), mac)); /* pages 48, 49, 46 */
    assert_int_equal(in_page1(w, CURR), 0x47);
    out(w, RBCR1, 0x0f);
    out(w, ISR, 0xff);
    out(w, CR, 0x1a);
    dp8390_data_read(&w->c, 2, buf, 350);
    assert_int_equal(in(w, ISR) & 0x40, 0);
    dp8390_data_read(&w->c, 2, buf + 700, 2); /* count: frame and FCS; status, frame go out */
    assert_int_equal(in(w, ISR) & 0x40, 0x40);
    assert_int_equal(buf[0], 0x01);
    assert_int_equal(buf[1], 0x47);
    assert_int_equal(buf[2] | buf[3] << 8, 704);
    assert_memory_equal(buf + 4, frame, 700);
    assert_int_equal(in(w, BNRY), 0x47);
    sane(w);
}

static void test_abort_and_rd0(void **state)
{
    struct world *w = world();
    uint8_t buf[8] = {0};

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    read_remote(w, 0x5000, buf, 0);
    out(w, RBCR0, 8);
    out(w, RSAR0, 0);
    out(w, CR, 0x0a);
    out(w, CR, 0x02); /* not allowed; goes on */
    dp8390_data_read(&w->c, 2, buf, 1);
    assert_int_equal(buf[0], w->mem[0x5000]);
    out(w, CR, START);
    dp8390_data_read(&w->c, 2, buf, 1);
    assert_int_equal(buf[0], 0xff);
    w->mistakes = 0;
    dp8390_data_write(&w->c, 2, buf, 4);
    assert_int_equal(w->mistakes, 1);
}

static void test_posted_limit(void **state)
{
    struct world *w = world();
    uint8_t data[64] = {0};

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    out(w, RBCR0, 64);
    out(w, RSAR1, 0x50);
    out(w, CR, 0x12);
    assert_int_equal(dp8390_posted_limit(&w->c), 0); /* RDC is masked: none has an effect */
    out(w, IMR, 0x7f);
    for (unsigned n = 64; n; n -= 4) {
        unsigned limit = dp8390_posted_limit(&w->c);

        assert_int_equal(limit, n / 4);
        assert_false(w->pin);
        dp8390_data_write(&w->c, 4, data, 1);
    }
    assert_true(w->pin);
    assert_int_equal(dp8390_posted_limit(&w->c), 0);
}

/* ---- receiver ---- */

/* The packet at a page, put together again. */
static unsigned packet(struct world *w, unsigned page, uint8_t *out_buf, uint8_t header[4])
{
    unsigned start = w->c.pstart, stop = w->c.pstop, at = page * 256, len;

    memcpy(header, w->mem + at, 4);
    len = header[2] | header[3] << 8;
    at += 4;
    for (unsigned i = 0; i < len; i++) {
        out_buf[i] = w->mem[at++];
        if (at == stop * 256)
            at = start * 256;
    }
    return len;
}

static void test_receive(void **state)
{
    static const unsigned lengths[] = {14, 42, 59, 60, 61, 247, 248, 249, 1000, 1514, 1518, 2000};
    struct world *w = world();
    uint8_t got[3000], want[3000], header[4];

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned round = 0; round < 200; round++) {
        unsigned len = lengths[round % 12], padded = len < 60 ? 60 : len, page = in_page1(w, CURR), next;

        out(w, ISR, 0xff);
        assert_false(w->pin);
        assert_true(feed(w, len, mac));
        assert_true(w->pin);
        assert_int_equal(in(w, ISR), DP8390_ISR_PRX);
        assert_int_equal(in(w, RSR), DP8390_RSR_PRX);
        memset(want, 0, sizeof(want));
        fill_frame(want, len, mac);
        assert_int_equal(packet(w, page, got, header), padded + 4);
        assert_memory_equal(got, want, padded);
        assert_true(ether_fcs_ends(got, padded + 4));
        next = page + (padded + 8 + 255) / 256;
        next = next >= 0x80 ? next - 0x80 + 0x46 : next;
        assert_int_equal(header[0], 1);
        assert_int_equal(header[1], next);
        assert_int_equal(in_page1(w, CURR), next);
        out(w, BNRY, next == 0x46 ? 0x7f : next - 1);
        sane(w);
    }
}

static void test_filters(void **state)
{
    static const uint8_t bcast[6] = {255, 255, 255, 255, 255, 255}, other[6] = {2, 1, 2, 3, 4, 5};
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0, 0, 1}; /* hash 0x1f */
    static const uint8_t group2[6] = {0x33, 0x33, 0, 0, 0, 1};
    struct world *w = world();

    (void)state;
    for (unsigned rcr = 0; rcr < 64; rcr++) {
        bool ab = rcr & 4, am = rcr & 8, pro = rcr & 16, mon = rcr & 32;
        const struct {
            const uint8_t *dest;
            bool passes;
        } cases[] = {{mac, true}, {other, pro}, {bcast, ab}, {group, am}, {group2, false}};

        for (unsigned i = 0; i < 5; i++) {
            set_up(w, 0x46, 0x80, rcr);
            out_page1(w, MAR0 + 3, 0x80);
            in(w, CNTR2);
            assert_true(feed(w, 100, cases[i].dest));
            assert_int_equal(in(w, ISR) & DP8390_ISR_PRX, cases[i].passes && !mon);
            assert_int_equal(in(w, CNTR2), cases[i].passes && mon);
            assert_int_equal(in(w, RSR) & DP8390_RSR_DIS, mon ? DP8390_RSR_DIS : 0);
            if (cases[i].passes && !mon)
                assert_int_equal(in(w, RSR), 1 | (cases[i].dest[0] & 1 ? 0x20 : 0));
            if (cases[i].passes && mon)
                assert_int_equal(in(w, RSR) & 0x3f, DP8390_RSR_MPA);
        }
        set_up(w, 0x46, 0x80, rcr); /* runts */
        for (unsigned len = 0; len < 14; len++) {
            out(w, ISR, 0xff);
            assert_true(feed(w, len, mac));
            assert_int_equal(in(w, ISR) & DP8390_ISR_PRX, (rcr & 2) && len >= 6 && !mon);
        }
        sane(w);
    }
}

static void test_multicast_hash(void **state)
{
    struct world *w = world();
    uint8_t dest[6] = {1, 2, 3, 4, 5, 0};

    (void)state;
    set_up(w, 0x46, 0x80, 8);
    for (unsigned n = 0; n < 256; n++) {
        unsigned hash;

        dest[5] = (uint8_t)n;
        hash = ether_hash_high(dest);
        for (unsigned bit = 0; bit < 64; bit++) {
            for (unsigned i = 0; i < 8; i++)
                w->c.mar[i] = bit / 8 == i ? 1 << bit % 8 : 0;
            w->c.isr = 0;
            out(w, BNRY, in_page1(w, CURR));
            feed(w, 60, dest);
            assert_int_equal(w->c.isr & 1, bit == hash);
        }
    }
}

static void test_stopped_and_loopback_receive_nothing(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 0x1e);
    for (unsigned lb = 2; lb <= 6; lb += 2) {
        out(w, TCR, lb);
        assert_true(feed(w, 100, mac));
        assert_int_equal(in(w, ISR), 0);
    }
    out(w, TCR, 0);
    out(w, CR, STOP);
    assert_true(feed(w, 100, mac));
    assert_int_equal(in(w, ISR), 0x80);
    out(w, CR, START);
    assert_true(feed(w, 100, mac));
    assert_int_equal(in(w, ISR), 1);
}

/* Whoever shows the filter is told of each change of it, and of nothing else. */
static void test_filter_changes(void **state)
{
    struct world *w = world();
    static const uint8_t changes[][3] = {{0, RCR, 0x0c}, {1, PAR0, 0x02}, {1, MAR0 + 7, 0x80}, {0, CR, STOP}};

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned again = 0; again < 2; again++) {
            w->filters = 0;
            if (changes[i][0])
                out_page1(w, changes[i][1], changes[i][2]);
            else
                out(w, changes[i][1], changes[i][2]);
            assert_int_equal(w->filters, !again);
        }
    }
    w->filters = 0;
    out_page1(w, CURR, 0x50);
    out(w, BNRY, 0x50);
    out(w, TCR, 2);
    assert_int_equal(w->filters, 0);
}

/* A full ring makes the wire wait; every register that makes room lets it go on (N-33). */
static void test_full_ring_waits(void **state)
{
    static const uint8_t openers[][2] = {{0, BNRY}, {0, PSTOP}, {0, PSTART}, {1, CURR}, {2, CR}};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct world *w = world();
        unsigned taken = 0, rooms;

        set_up(w, 0x46, 0x50, 4);
        while (feed(w, 500, mac))
            taken++;
        assert_int_equal(taken, 4); /* of ten pages nine can be used, two each */
        assert_int_equal(w->c.rx_state, DP8390_RX_FULL);
        assert_int_equal(w->patience, DP8390_WAIT_NS);
        assert_int_equal(in(w, ISR), DP8390_ISR_PRX);
        assert_false(feed(w, 500, mac));
        rooms = w->rooms;
        if (openers[i][0] == 2)
            out(w, CR, STOP);
        else if (openers[i][0] == 1)
            out_page1(w, CURR, 0x46);
        else
            out(w, openers[i][1], openers[i][1] == BNRY ? 0x4e : openers[i][1] == PSTOP ? 0x58 : 0x46);
        assert_int_equal(w->rooms, rooms + 1);
        assert_int_equal(w->patience, -1);
        if (i != 2)
            assert_true(feed(w, 500, mac));
        sane(w);
    }
}

/* The overrun and the recovery that section 7 prescribes. */
static void test_overrun(void **state)
{
    struct world *w = world();
    uint8_t header[4];

    (void)state;
    set_up(w, 0x46, 0x50, 4);
    while (feed(w, 500, mac))
        ;
    w->rooms = 0;
    for (unsigned n = 1; n < DP8390_WAITS; n++) {
        out(w, ISR, 0xff);
        dp8390_patience_over(&w->c);
        assert_int_equal(in(w, ISR), DP8390_ISR_PRX); /* told again: the driver may have left frames there */
        assert_int_equal(w->patience, DP8390_WAIT_NS);
        sane(w);
    }
    assert_int_equal(w->rooms, 0);
    out(w, ISR, 0xff);
    dp8390_patience_over(&w->c);
    assert_int_equal(w->rooms, 1);
    assert_int_equal(in(w, ISR), DP8390_ISR_RST);
    for (unsigned n = 1; n <= 300; n++) {
        assert_true(feed(w, 500, mac)); /* lost */
        if (n == 127)
            assert_int_equal(in(w, ISR) & DP8390_ISR_CNT, 0);
    }
    assert_int_equal(in(w, ISR), DP8390_ISR_OVW | DP8390_ISR_RXE | DP8390_ISR_CNT | DP8390_ISR_RST);
    assert_int_equal(in(w, RSR), DP8390_RSR_MPA);
    assert_true(w->pin);
    assert_int_equal(in(w, CNTR2), 0xc0); /* it stops there */
    assert_int_equal(in(w, CNTR2), 0);
    out(w, CR, STOP);
    assert_int_equal(in(w, ISR) & 0x80, 0x80);
    out(w, RBCR0, 0);
    out(w, RBCR1, 0);
    out(w, TCR, 0x02);
    out(w, CR, START);
    read_remote(w, 0x4600, header, 4);
    out(w, BNRY, header[1]);
    out(w, ISR, DP8390_ISR_OVW | DP8390_ISR_RXE | DP8390_ISR_CNT);
    out(w, TCR, 0);
    assert_int_equal(in(w, ISR) & ~DP8390_ISR_RDC, 0);
    assert_true(feed(w, 200, mac));
    assert_int_equal(in(w, ISR) & ~DP8390_ISR_RDC, DP8390_ISR_PRX);
    sane(w);
}

static void test_too_large_for_the_ring(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x4a, 4);
    assert_true(feed(w, 1514, mac)); /* four pages: never */
    assert_int_equal(in(w, ISR), DP8390_ISR_OVW | DP8390_ISR_RXE);
    assert_true(feed(w, 65600, mac));
    assert_true(feed(w, 300, mac)); /* but this does, and the chip goes on */
    assert_int_equal(in(w, ISR) & 1, 1);
    assert_int_equal(in(w, CNTR2), 2);
}

/* HAZARDS N-02: PSTART, PSTOP, CURR, BNRY of nine values each; four lengths. */
static void test_ring_registers(void **state)
{
    static const uint8_t v[9] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    static const unsigned lengths[4] = {1, 60, 1514, 4000};
    static uint8_t before[65536];
    struct world *w = world();
    unsigned stored = 0;

    (void)state;
    set_up(w, 0x46, 0x80, 0x16);
    memcpy(before, w->mem, sizeof(before));
    for (unsigned n = 0; n < 9 * 9 * 9 * 9 * 4; n++) {
        uint8_t start = v[n / 4 % 9], stop = v[n / 36 % 9], curr = v[n / 324 % 9], bnry = v[n / 2916 % 9];

        w->c.rx_state = DP8390_RX_READY;
        w->c.isr = 0;
        out(w, PSTART, start);
        out(w, PSTOP, stop);
        out_page1(w, CURR, curr);
        out(w, BNRY, bnry);
        feed(w, lengths[n % 4], mac);
        if (in(w, ISR) & 1) {
            stored++;
            assert_true(start < stop && w->c.curr >= start && w->c.curr < stop);
            assert_int_equal(w->c.curr, w->c.lnpp);
            for (unsigned page = 0; page < 256; page++) {
                if ((page < start || page >= stop || page < RAM_AT >> 8 || page >= RAM_END >> 8) &&
                    memcmp(before + page * 256, w->mem + page * 256, 256))
                    fail_msg("page %02x changed: ring %02x..%02x", page, start, stop);
            }
            memcpy(w->mem, before, sizeof(before));
        } else {
            assert_int_equal(w->c.curr, curr);
            assert_memory_equal(w->mem, before, sizeof(before));
        }
    }
    assert_in_range(stored, 2000, 9 * 9 * 9 * 9 * 3);
}

/* ---- transmitter ---- */

static void send_at(struct world *w, unsigned page, unsigned len)
{
    out(w, TPSR, page);
    out(w, TBCR0, len & 0xff);
    out(w, TBCR1, len >> 8);
    out(w, CR, START | TXP);
}

static void test_transmit(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned len = 0; len <= 1518; len += len < 70 ? 1 : 181) {
        out(w, ISR, 0xff);
        w->frames = 0;
        send_at(w, 0x40, len);
        assert_int_equal(w->frames, len > 0);
        if (len) {
            assert_int_equal(w->sent_len, len);
            assert_memory_equal(w->sent, w->mem + 0x4000, len);
        }
        assert_int_equal(in(w, ISR), DP8390_ISR_PTX);
        assert_int_equal(in(w, TSR), 0x03);
        assert_int_equal(in(w, CR), START);
        assert_true(w->pin);
    }
    w->answer = NET_DROPPED;
    send_at(w, 0x40, 60);
    assert_int_equal(in(w, TSR), 0x13); /* no carrier */
}

static void test_transmit_outside(void **state)
{
    static const struct {
        unsigned page, len;
        bool there;
    } cases[] = {{0xbf, 256, true}, {0xbf, 257, false}, {0xc0, 60, false}, {0xff, 600, false}, {0x00, 32, true},
                 {0x00, 33, false}, {0x3f, 300, false}, {0x40, 0x8000, true}, {0x40, 0x8001, false},
                 {0x40, 0xffff, false}};
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out(w, ISR, 0xff);
        w->frames = w->mistakes = 0;
        send_at(w, cases[i].page, cases[i].len);
        assert_int_equal(w->frames, cases[i].there);
        assert_int_equal(w->mistakes, !cases[i].there);
        assert_int_equal(in(w, ISR), cases[i].there ? DP8390_ISR_PTX : DP8390_ISR_TXE);
        assert_int_equal(in(w, TSR) & DP8390_TSR_FU, cases[i].there ? 0 : DP8390_TSR_FU);
    }
}

static void test_transmit_held(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    w->answer = NET_BUSY;
    send_at(w, 0x40, 100);
    assert_int_equal(in(w, CR), START | TXP);
    assert_int_equal(in(w, ISR), 0);
    out(w, CR, START | TXP); /* a second command is lost, as the first has not ended */
    dp8390_sent(&w->c);
    assert_int_equal(in(w, CR), START | TXP);
    w->answer = NET_SENT;
    dp8390_sent(&w->c);
    assert_int_equal(w->frames, 1);
    assert_int_equal(in(w, CR), START);
    assert_int_equal(in(w, ISR), DP8390_ISR_PTX);
    w->answer = NET_BUSY;
    out(w, ISR, 0xff);
    out(w, CR, START | TXP);
    out(w, CR, STOP); /* dropped: the driver finds neither PTX nor TXE and sends again */
    assert_int_equal(in(w, CR), STOP);
    assert_int_equal(in(w, ISR), DP8390_ISR_RST);
    w->answer = NET_SENT;
    dp8390_sent(&w->c);
    assert_int_equal(w->frames, 1);
    out(w, CR, STOP | TXP); /* nothing goes out of a stopped chip */
    assert_int_equal(w->frames, 1);
    sane(w);
}

static void test_own_fcs(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    out(w, TCR, DP8390_TCR_CRC);
    ether_fcs_store(w->mem + 0x4000 + 96, ether_fcs(w->mem + 0x4000, 96));
    send_at(w, 0x40, 100);
    assert_int_equal(w->frames, 1);
    assert_int_equal(w->sent_len, 96);
    w->mem[0x4010] ^= 1; /* nobody takes a frame with a wrong FCS */
    send_at(w, 0x40, 100);
    assert_int_equal(w->frames, 1);
    assert_int_equal(in(w, TSR), 0x03);
}

/* ---- loopback: the tables of section 12 ---- */

static void loop(struct world *w, unsigned tcr, unsigned dcr, unsigned len)
{
    out(w, CR, STOP);
    out(w, DCR, dcr);
    out(w, TCR, tcr);
    out(w, RCR, 0);
    out(w, ISR, 0xff);
    out(w, CR, START);
    send_at(w, 0x40, len);
}

static void test_loopback_modes(void **state)
{
    static const uint8_t modes[3][2] = {{0x02, 0x53}, {0x04, 0x43}, {0x06, 0x03}};
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned i = 0; i < 3; i++) {
        memcpy(w->mem + 0x4000, mac, 6);
        w->frames = 0;
        loop(w, modes[i][0], 0x40, 64);
        assert_int_equal(in(w, TSR), modes[i][1]);
        assert_int_equal(in(w, RSR), 0x02);
        assert_int_equal(in(w, ISR), 0x02);
        assert_int_equal(w->frames, i == 2); /* only the third goes to the cable */
        w->mem[0x4000] ^= 1;                 /* now it is for a group, which is not received */
        loop(w, modes[i][0], 0x40, 64);
        assert_int_equal(in(w, RSR), 0x21);
    }
    w->answer = NET_DROPPED;
    loop(w, 0x06, 0x40, 64);
    assert_int_equal(in(w, TSR), 0x13);
}

static void test_loopback_crc_and_address(void **state)
{
    struct world *w = world();
    uint8_t *frame = w->mem + 0x4000;

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    memcpy(frame, mac, 6);
    ether_fcs_store(frame + 60, ether_fcs(frame, 60));
    loop(w, 0x03, 0x40, 64);
    assert_int_equal(in(w, RSR), 0x01); /* test A */
    frame[63] ^= 0x80;
    loop(w, 0x03, 0x40, 64);
    assert_int_equal(in(w, RSR), 0x02); /* test B */
    frame[5] ^= 1;
    loop(w, 0x03, 0x40, 64);
    assert_int_equal(in(w, RSR), 0x01); /* test C */
}

/* The last eight bytes, with the count behind them, at their places. */
static void test_loopback_fifo(void **state)
{
    struct world *w = world();
    uint8_t fcs[4];

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    ether_fcs_store(fcs, ether_fcs(w->mem + 0x4000, 60));
    loop(w, 0x02, 0x40, 60); /* 64 bytes with its CRC */
    assert_int_equal(in(w, FIFO), 64);
    assert_int_equal(in(w, FIFO), 0);
    assert_int_equal(in(w, FIFO), 0);
    assert_int_equal(in(w, FIFO), w->mem[0x4000 + 59]);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(in(w, FIFO), fcs[i]);
    assert_int_equal(in(w, FIFO), 64); /* round again */
    ether_fcs_store(fcs, ether_fcs(w->mem + 0x4000, 57));
    loop(w, 0x02, 0x40, 57); /* 8n + 5: the count comes last */
    assert_int_equal(in(w, FIFO), w->mem[0x4000 + 56]);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(in(w, FIFO), fcs[i]);
    assert_int_equal(in(w, FIFO), 61);
    assert_int_equal(in(w, FIFO), 0);
    assert_int_equal(in(w, FIFO), 0);
}

static void test_loopback_words(void **state)
{
    struct world *w = world();

    (void)state;
    set_up(w, 0x46, 0x80, 4);
    for (unsigned bos = 0; bos < 2; bos++) {
        uint8_t *frame = w->mem + 0x4000 + !bos, bytes[64];

        for (unsigned i = 0; i < 60; i++)
            bytes[i] = frame[2 * i] = (uint8_t)(i < 6 ? mac[i] : i + 5);
        ether_fcs_store(bytes + 60, ether_fcs(bytes, 60));
        for (unsigned i = 60; i < 64; i++)
            frame[2 * i] = bytes[i];
        loop(w, 0x03, 0x41 | bos << 1, 128);
        assert_int_equal(in(w, RSR), 0x01);
        assert_int_equal(in(w, FIFO), 64);
        frame[1] ^= 1; /* the other half does not count */
        loop(w, 0x03, 0x41 | bos << 1, 128);
        assert_int_equal(in(w, RSR), 0x01);
        frame[20] ^= 1;
        loop(w, 0x03, 0x41 | bos << 1, 128);
        assert_int_equal(in(w, RSR), 0x02);
    }
}

/* HAZARDS N-30: a frame that goes round touches no memory, so nothing can go round with it. */
static void test_loopback_does_not_nest(void **state)
{
    static uint8_t before[65536];
    struct world *w = world();

    (void)state;
    set_up(w, 0x40, 0x80, 0x1e); /* the ring lies over the transmit buffer */
    memcpy(before, w->mem, sizeof(before));
    for (unsigned mode = 2; mode <= 6; mode += 2) {
        w->frames = 0;
        loop(w, mode, 0x48, 64);
        assert_in_range(w->frames, 0, 1);
        assert_memory_equal(before, w->mem, sizeof(before));
        assert_int_equal(in_page1(w, CURR), 0x40);
    }
}

/* ---- the walk: every state, every event ---- */

enum event { WRITE, READ, DATA_IN, DATA_OUT, FRAME, SENT, PATIENCE, HARD_RESET, EVENTS };

static void do_event(struct world *w, enum event e, unsigned reg, unsigned value)
{
    uint8_t buf[16] = {0};

    switch (e) {
    case WRITE: out(w, reg, value); break;
    case READ: in(w, reg); break;
    case DATA_IN: dp8390_data_read(&w->c, 1u << value % 3, buf, 4); break;
    case DATA_OUT: dp8390_data_write(&w->c, 1u << value % 3, buf, 4); break;
    case FRAME: feed(w, 60 + 300 * (value % 5), mac); break;
    case SENT: dp8390_sent(&w->c); break;
    case PATIENCE:
        for (unsigned n = 0; n < (value & 1 ? DP8390_WAITS : 1); n++)
            dp8390_patience_over(&w->c);
        break;
    case HARD_RESET: dp8390_hard_reset(&w->c); break;
    case EVENTS: break;
    }
}

static bool legal_rx(enum dp8390_rx from, enum dp8390_rx to, enum event e, unsigned reg)
{
    bool ring = e == WRITE || e == DATA_IN; /* Send Packet moves the boundary */

    if (from == to || to == DP8390_RX_OFF)
        return from == to || e == HARD_RESET || (e == WRITE && reg == CR);
    switch (to) {
    case DP8390_RX_READY: return from == DP8390_RX_OFF ? e == WRITE && reg == CR : ring;
    case DP8390_RX_FULL: return from == DP8390_RX_READY && e == FRAME;
    case DP8390_RX_OVERRUN: return from == DP8390_RX_FULL && e == PATIENCE;
    default: return false;
    }
}

static bool legal_tx(enum dp8390_tx from, enum dp8390_tx to, enum event e, unsigned reg)
{
    if (from == to)
        return true;
    if (to == DP8390_TX_HELD)
        return e == WRITE && reg == CR;
    return e == SENT || e == HARD_RESET || (e == WRITE && reg == CR);
}

static bool legal_remote(enum dp8390_remote from, enum dp8390_remote to, enum event e, unsigned reg)
{
    if (from == to || (e == WRITE && reg == CR))
        return true;
    return to == DP8390_REMOTE_IDLE && (e == DATA_IN || e == DATA_OUT || e == HARD_RESET);
}

static void walk_one(const struct world *from, enum event e, unsigned reg, unsigned value)
{
    static struct world w;

    memcpy(&w, from, offsetof(struct world, mem));
    w.c.opaque = &w;
    w.answer = from->answer;
    w.pin = from->pin;
    do_event(&w, e, reg, value);
    sane(&w);
    if (!legal_rx(from->c.rx_state, w.c.rx_state, e, reg))
        fail_msg("receiver: %s to %s by event %d, register %x", dp8390_rx_names[from->c.rx_state],
                 dp8390_rx_names[w.c.rx_state], e, reg);
    if (!legal_tx(from->c.tx_state, w.c.tx_state, e, reg))
        fail_msg("transmitter: event %d, register %x", e, reg);
    if (!legal_remote(from->c.remote, w.c.remote, e, reg))
        fail_msg("remote: event %d, register %x", e, reg);
    if ((w.c.rx_state == DP8390_RX_FULL) != (from->c.rx_state == DP8390_RX_FULL))
        assert_int_equal(w.patience, w.c.rx_state == DP8390_RX_FULL ? DP8390_WAIT_NS : -1);
}

static void walk_events(const struct world *from)
{
    static const uint8_t values[] = {0x00, 0x02, 0x04, 0x06, 0x0a, 0x12, 0x1a, 0x21, 0x22, 0x26, 0x25,
                                     0x46, 0x62, 0x80, 0xa6, 0xc2, 0xff};

    for (unsigned v = 0; v < sizeof(values); v++) {
        for (unsigned reg = 0; reg < 16; reg++) {
            walk_one(from, WRITE, reg, values[v]);
            walk_one(from, READ, reg, 0);
        }
        for (enum event e = DATA_IN; e < EVENTS; e++)
            walk_one(from, e, 0, values[v]);
    }
}

static void test_walk(void **state)
{
    struct world *w = world();
    unsigned states = 0;

    (void)state;
    for (unsigned n = 0; n < 4u * 2 * 4 * 4 * 3 * 2; n++) {
        unsigned rx = n % 4, tx = n / 4 % 2, remote = n / 8 % 4, page = n / 32 % 4;
        static const uint8_t rd[4] = {0x20, 0x08, 0x10, 0x18};

        set_up(w, 0x46, 0x4c, 4);
        w->c.rx_state = (uint8_t)rx;
        w->c.tx_state = (uint8_t)tx;
        w->c.remote = (uint8_t)remote;
        w->c.cr = (uint8_t)((rx == DP8390_RX_OFF ? 1 : 2) | rd[remote] | page << 6);
        w->c.rbcr = n / 128 % 3 * 8;
        w->c.rsar = 0x4bfc;
        w->answer = n / 384 ? NET_BUSY : NET_SENT;
        if (rx == DP8390_RX_FULL || rx == DP8390_RX_OVERRUN)
            w->c.curr = 0x47, w->c.bnry = 0x48;
        if (dp8390_check(&w->c))
            continue; /* cannot be: a held frame in a stopped chip */
        states++;
        walk_events(w);
    }
    assert_int_equal(states, (4 * 2 - 1) * 4 * 4 * 3 * 2);
}

static void test_random_walk(void **state)
{
    struct world *w = world();
    uint64_t r = 1;
    unsigned seen_rx[4] = {0}, seen_remote[4] = {0}, held = 0;

    (void)state;
    set_up(w, 0x46, 0x60, 0x0c);
    for (unsigned n = 0; n < 500000; n++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        w->answer = r >> 20 & 7 ? NET_SENT : NET_BUSY;
        do_event(w, r >> 33 & 3 ? FRAME + (r >> 40) % 3 % 2 : (r >> 40) % EVENTS, r >> 50 & 15, r >> 56);
        if (n % 1000 == 0)
            set_up(w, 0x46, 0x60, 0x0c);
        sane(w);
        seen_rx[w->c.rx_state]++;
        seen_remote[w->c.remote]++;
        held += w->c.tx_state == DP8390_TX_HELD;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_true(seen_rx[i] && seen_remote[i]);
    assert_true(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_values),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_page3),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_hard_reset),
        cmocka_unit_test(test_remote_widths),
        cmocka_unit_test(test_remote_string),
        cmocka_unit_test(test_remote_wraps_in_ring),
        cmocka_unit_test(test_remote_edges),
        cmocka_unit_test(test_send_packet),
        cmocka_unit_test(test_abort_and_rd0),
        cmocka_unit_test(test_posted_limit),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_multicast_hash),
        cmocka_unit_test(test_stopped_and_loopback_receive_nothing),
        cmocka_unit_test(test_filter_changes),
        cmocka_unit_test(test_full_ring_waits),
        cmocka_unit_test(test_overrun),
        cmocka_unit_test(test_too_large_for_the_ring),
        cmocka_unit_test(test_ring_registers),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_transmit_outside),
        cmocka_unit_test(test_transmit_held),
        cmocka_unit_test(test_own_fcs),
        cmocka_unit_test(test_loopback_modes),
        cmocka_unit_test(test_loopback_crc_and_address),
        cmocka_unit_test(test_loopback_fifo),
        cmocka_unit_test(test_loopback_words),
        cmocka_unit_test(test_loopback_does_not_nest),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_random_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
