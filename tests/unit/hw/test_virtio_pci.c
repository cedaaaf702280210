/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two transports with the smallest device behind them: ids, capabilities, negotiation, interrupts, faults. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/rng.h"
#include "tests/fakes/fake_packed.h"
#include "tests/fakes/fake_virtio.h"

#define BUF FVD_DATA

struct entropy {
    unsigned calls;
    size_t bytes;
    bool dry;
};

static size_t give(void *opaque, void *buf, size_t bytes)
{
    struct entropy *e = opaque;

    e->calls++;
    e->bytes += bytes;
    memset(buf, 0xa5, bytes);
    return e->dry ? 0 : bytes;
}

static struct entropy source;

static struct fake_virtio *bench_of(bool no_legacy, bool no_modern)
{
    struct fake_virtio *f = calloc(1, sizeof(*f));
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.disable_legacy = no_legacy, .disable_modern = no_modern}};
    char why[200];

    memset(&source, 0, sizeof(source));
    fvd_init(f);
    f->dev = virtio_rng_new(f->bus, FVD_DEVFN, &f->fe->env, "rng0", &cfg, why, sizeof(why));
    assert_non_null(f->dev);
    fvd_open(f);
    f->modern = !no_modern;
    return f;
}

static struct fake_virtio *bench(void)
{
    return bench_of(false, false);
}

static void unbench(struct fake_virtio *f)
{
    fvd_free(f);
    free(f);
}

static void offer(struct fake_virtio *f, uint32_t bytes)
{
    const struct fv_buf buf = {BUF, bytes, true};

    fv_add(&f->q[0], &buf, 1, 0);
    fvd_kick(f, 0);
}

static uint32_t expect_used(struct fake_virtio *f)
{
    uint32_t head, written;

    assert_true(fv_used(&f->q[0], &head, &written));
    return written;
}

/* ---- the function ---- */

static void ids(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    assert_int_equal(fvd_config(f, 0, 4), 0x10051af4);
    assert_int_equal(fvd_config(f, 8, 1), 0);
    assert_int_equal(fvd_config(f, 0x2c, 4), 0x00041af4);
    unbench(f);
    f = bench_of(true, false);
    assert_int_equal(fvd_config(f, 0, 4), 0x10441af4);
    assert_true(fvd_config(f, 8, 1) >= 1);
    assert_int_equal(fvd_config(f, 0x10, 4), 0); /* no ports */
    unbench(f);
    f = bench_of(false, true);
    assert_int_equal(fvd_config(f, 0, 4), 0x10051af4);
    assert_int_equal(fvd_config(f, 0x20, 4), 0);
    assert_int_equal(fvd_cap(f, 9, 0), 0);
    assert_true(fvd_cap(f, 0x11, 0) != 0);
    assert_int_equal(fvd_offered(f) >> 32, 0);
    unbench(f);
}

static void no_transport(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.disable_legacy = true, .disable_modern = true}};
    struct fake_virtio f;
    char why[200] = "";

    (void)state;
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_null(f.dev);
    assert_non_null(strstr(why, "disable-legacy"));
    fvd_free(&f);
}

/* Each points into the 64-bit BAR, inside it, and no two overlap. */
static void capabilities(void **state)
{
    struct fake_virtio *f = bench();
    uint32_t start[5], end[5];

    (void)state;
    assert_true(fvd_config(f, 6, 2) & 0x10);
    assert_int_equal(fvd_config(f, 0x20, 4) & 0xf, 0xc);
    for (uint8_t type = 1; type <= 4; type++) {
        unsigned cap = fvd_cap(f, 9, type);

        assert_true(cap >= 0x40 && cap % 4 == 0);
        assert_int_equal(fvd_config(f, cap + 2, 1), type == 2 ? 20 : 16);
        assert_int_equal(fvd_config(f, cap + 4, 1), 4);
        start[type] = fvd_config(f, cap + 8, 4);
        end[type] = start[type] + fvd_config(f, cap + 12, 4);
        assert_true(end[type] <= 0x4000);
        for (uint8_t other = 1; other < type; other++)
            assert_true(end[type] <= start[other] || end[other] <= start[type]);
    }
    assert_int_equal(fvd_config(f, fvd_cap(f, 9, 2) + 16, 4), 4); /* notify_off_multiplier */
    unbench(f);
}

/* 4.1.4.9: registers by way of configuration space. */
static void pci_cfg_access(void **state)
{
    struct fake_virtio *f = bench();
    unsigned cap = fvd_cap(f, 9, 5);

    (void)state;
    assert_true(cap != 0);
    fvd_set_config(f, cap + 4, 1, 4);
    fvd_set_config(f, cap + 8, 4, 0x14);
    fvd_set_config(f, cap + 12, 4, 1);
    fvd_set_config(f, cap + 16, 1, 3);
    assert_int_equal(fvd_common(f, 0x14, 1), 3);
    fvd_set_config(f, cap + 8, 4, 0x12);
    fvd_set_config(f, cap + 12, 4, 2);
    assert_int_equal(fvd_config(f, cap + 16, 2), 1); /* num_queues */
    for (unsigned i = 0; i < 5; i++) { /* outside, of odd length, of another BAR: nothing */
        static const uint32_t bad[5][3] = {{4, 0x4000, 4}, {4, 0xffffffff, 4}, {4, 0x14, 3}, {4, 0x15, 2}, {0, 0x14, 1}};

        fvd_set_config(f, cap + 4, 1, bad[i][0]);
        fvd_set_config(f, cap + 8, 4, bad[i][1]);
        fvd_set_config(f, cap + 12, 4, bad[i][2]);
        fvd_set_config(f, cap + 16, 4, 0);
        fvd_config(f, cap + 16, 4);
        assert_int_equal(fvd_common(f, 0x14, 1), 3);
    }
    unbench(f);
}

/* ---- negotiation ---- */

static void both_transports_work(void **state)
{
    (void)state;
    for (unsigned modern = 0; modern < 2; modern++) {
        struct fake_virtio *f = bench();

        fvd_start(f, modern, 0, 1, 8);
        assert_int_equal(f->q[0].size, 8);
        offer(f, 100);
        assert_int_equal(expect_used(f), 100);
        assert_int_equal(f->fe->ram[BUF + 99], 0xa5);
        assert_int_equal(f->fe->ram[BUF + 100], 0);
        assert_true(fvd_line(f));
        assert_int_equal(fvd_isr(f), 1);
        assert_false(fvd_line(f));
        assert_int_equal(fvd_isr(f), 0);
        offer(f, 100000); /* as much as there is at a time */
        assert_int_equal(expect_used(f), 4096);
        unbench(f);
    }
}

static bool any_used(struct fake_virtio *f)
{
    uint32_t head, written;

    return fv_used(&f->q[0], &head, &written);
}

/* Buffers wait for a source that has nothing, and are forgotten by a reset. */
static void dry_source(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_start(f, true, 0, 1, 8);
    source.dry = true;
    offer(f, 8);
    offer(f, 9);
    for (unsigned i = 0; i < 50; i++)
        fake_step(f->fe, 10000000);
    assert_false(any_used(f));
    assert_in_range(source.calls, 5, 8); /* asked now and then */
    source.dry = false;
    fake_step(f->fe, 100000000);
    assert_int_equal(expect_used(f), 8);
    assert_int_equal(expect_used(f), 9);
    source.dry = true;
    offer(f, 8);
    fvd_set_status(f, 0);
    source.calls = 0;
    fake_step(f->fe, 1000000000);
    assert_int_equal(source.calls, 0);
    unbench(f);
}

/* max-bytes and period; a reset brings no more, and a loaded state goes on waiting. */
static void limited(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .max_bytes = 100, .period_ms = 50};
    struct fake_virtio f;
    uint8_t saved[8192];
    char why[200];
    size_t bytes;

    (void)state;
    memset(&source, 0, sizeof(source));
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_non_null(f.dev);
    fvd_open(&f);
    fvd_start(&f, true, 0, 1, 8);
    offer(&f, 60);
    offer(&f, 60);
    offer(&f, 60);
    assert_int_equal(expect_used(&f), 60);
    assert_int_equal(expect_used(&f), 40);
    assert_false(any_used(&f));
    fake_step(f.fe, 49999999);
    assert_false(any_used(&f));
    fake_step(f.fe, 2);
    assert_int_equal(expect_used(&f), 60);
    fvd_start(&f, true, 0, 1, 8);
    offer(&f, 60);
    assert_int_equal(expect_used(&f), 40);
    offer(&f, 60);
    device_enter(f.dev);
    bytes = device_save(f.dev, saved, sizeof(saved));
    assert_true(bytes <= sizeof(saved) && device_load(f.dev, saved, bytes, why, sizeof(why)));
    device_leave(f.dev);
    fake_step(f.fe, 50000000);
    assert_int_equal(expect_used(&f), 60);
    assert_true(source.bytes == 60 + 40 + 60 + 40 + 60);
    fvd_free(&f);
}

static void features_refused(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_set_status(f, 3);
    fvd_set_status(f, 11); /* without VERSION_1 */
    assert_int_equal(fvd_status(f), 3);
    fvd_set_common(f, 8, 4, 1);
    fvd_set_common(f, 12, 4, 1 | 1 << 2); /* packed rings, which are not offered */
    fvd_set_status(f, 11);
    assert_int_equal(fvd_status(f), 3);
    fvd_set_common(f, 12, 4, 1);
    fvd_set_status(f, 11);
    assert_int_equal(fvd_status(f), 11);
    fvd_set_common(f, 12, 4, 0); /* too late */
    assert_int_equal(fvd_common(f, 12, 4), 1);
    fvd_set_common(f, 8, 4, 77); /* words that there are not */
    fvd_set_common(f, 0, 4, 77);
    fvd_set_common(f, 12, 4, 0xffffffff);
    assert_int_equal(fvd_common(f, 4, 4), 0);
    assert_int_equal(fvd_common(f, 12, 4), 0);
    unbench(f);
}

/* Queue registers: sizes, numbers that there are not, changes while it runs. */
static void queue_registers(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_set_common(f, 0x16, 2, 0);
    assert_int_equal(fvd_common(f, 0x18, 2), 8);
    for (unsigned size = 0; size < 70000; size += 1 + size / 3) {
        bool good = size == 1 || size == 2 || size == 4 || size == 8;

        fvd_set_common(f, 0x18, 2, 4);
        fvd_set_common(f, 0x18, 2, size);
        assert_int_equal(fvd_common(f, 0x18, 2), good ? size : 4);
    }
    fvd_set_common(f, 0x1c, 2, 1); /* before FEATURES_OK */
    assert_int_equal(fvd_common(f, 0x1c, 2), 0);
    fvd_set_common(f, 0x16, 2, 1);
    assert_int_equal(fvd_common(f, 0x18, 2), 0); /* no such queue */
    fvd_set_common(f, 0x16, 2, 0xffff);
    fvd_set_common(f, 0x1c, 2, 1);
    assert_int_equal(fvd_common(f, 0x1c, 2), 0);
    fvd_start(f, true, 0, 1, 4);
    fvd_set_common(f, 0x20, 4, 0x5000);
    fvd_set_common(f, 0x18, 2, 8);
    assert_int_equal(fvd_common(f, 0x20, 4), FVD_RING(0));
    assert_int_equal(fvd_common(f, 0x18, 2), 4);
    fvd_set_status(f, 0);
    assert_int_equal(fvd_common(f, 0x20, 4), 0);
    assert_int_equal(fvd_common(f, 0x1c, 2), 0);
    fvd_set_common(f, 0x24, 4, 0x12345678);
    fvd_set_common(f, 0x20, 4, 0x9abcdef0);
    assert_int_equal(fvd_common(f, 0x24, 4), 0x12345678);
    assert_int_equal(fvd_common(f, 0x20, 4), 0x9abcdef0);
    unbench(f);
}

/* Doorbells of queues that there are not, or not yet; reads of everything that is not there. */
static void nothing_there(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    for (unsigned n = 0; n < 1024; n++)
        fvd_set_common(f, VIRTIO_NOTIFY_AT + 4 * n, 2, 0);
    fake_out(f->fe, FVD_IO + 0x10, 2, 0xffff);
    assert_int_equal(source.calls, 0);
    assert_int_equal(fvd_common(f, 0x38, 4), 0);
    assert_int_equal(fvd_common(f, 0xffc, 4), 0);
    assert_int_equal(fvd_common(f, VIRTIO_CONFIG_AT, 4), 0); /* it has none */
    assert_int_equal(fake_in(f->fe, FVD_IO + 0x40, 1), 0);
    unbench(f);
}

/* Buffers that were made available before DRIVER_OK are served then. */
static void early_buffers(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_start(f, false, 0, 1, 8);
    fvd_set_status(f, 3);
    offer(f, 5);
    assert_int_equal(source.calls, 0);
    fvd_set_status(f, 7);
    assert_int_equal(expect_used(f), 5);
    unbench(f);
}

/* ---- interrupts ---- */

static void set_vector(struct fake_virtio *f, unsigned vector, bool masked)
{
    fake_writemem(f->fe, FVD_MSIX + 16 * vector, 4, 0xfee00000 + vector * 0x1000);
    fake_writemem(f->fe, FVD_MSIX + 16 * vector + 4, 4, 0);
    fake_writemem(f->fe, FVD_MSIX + 16 * vector + 8, 4, 0x40 + vector);
    fake_writemem(f->fe, FVD_MSIX + 16 * vector + 12, 4, masked);
}

static void msix(void **state)
{
    (void)state;
    for (unsigned modern = 0; modern < 2; modern++) {
        struct fake_virtio *f = bench();
        unsigned cap = fvd_cap(f, 0x11, 0);

        assert_int_equal(fvd_config(f, cap + 2, 2), 1); /* two vectors */
        fvd_start(f, modern, 0, 1, 8);
        fvd_set_config(f, cap + 2, 2, 0x8000);
        set_vector(f, 1, false);
        if (modern)
            fvd_set_common(f, 0x1a, 2, 1);
        else
            fake_out(f->fe, FVD_IO + 0x16, 2, 1);
        offer(f, 1);
        assert_false(fvd_line(f));
        assert_int_equal(f->fe->msi_sent, 1);
        assert_int_equal(f->fe->msi_address, 0xfee01000);
        assert_int_equal(f->fe->msi_data, 0x41);
        fake_writemem(f->fe, FVD_MSIX + 28, 4, 1); /* masked: pending, then sent */
        offer(f, 1);
        offer(f, 1);
        assert_int_equal(f->fe->msi_sent, 1);
        assert_int_equal(fake_readmem(f->fe, FVD_MSIX + 0x800, 4), 2);
        fake_writemem(f->fe, FVD_MSIX + 28, 4, 0);
        assert_int_equal(f->fe->msi_sent, 2);
        assert_int_equal(fake_readmem(f->fe, FVD_MSIX + 0x800, 4), 0);
        fvd_set_config(f, cap + 2, 2, 0xc000); /* the function as a whole */
        offer(f, 1);
        assert_int_equal(f->fe->msi_sent, 2);
        fvd_set_config(f, cap + 2, 2, 0x8000);
        assert_int_equal(f->fe->msi_sent, 3);
        if (modern)
            fvd_set_common(f, 0x1a, 2, 7); /* no such vector */
        else
            fake_out(f->fe, FVD_IO + 0x16, 2, 7);
        assert_int_equal(modern ? fvd_common(f, 0x1a, 2) : fake_in(f->fe, FVD_IO + 0x16, 2), 0xffff);
        offer(f, 1);
        assert_int_equal(f->fe->msi_sent, 3);
        fvd_set_config(f, cap + 2, 2, 0); /* back to the pin, which shows what is not acknowledged */
        assert_true(fvd_line(f));
        unbench(f);
    }
}

static void no_interrupt_wanted(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_start(f, true, 0, 1, 8);
    fv_set_no_interrupt(&f->q[0], true);
    offer(f, 1);
    assert_int_equal(expect_used(f), 1);
    assert_false(fvd_line(f));
    assert_int_equal(fvd_isr(f), 0);
    unbench(f);
}

/* ---- faults ---- */

static void broken_queue(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_start(f, true, 0, 1, 8);
    fv_avail(&f->q[0], 9);
    fvd_kick(f, 0);
    assert_true(fvd_status(f) & VIRTIO_NEEDS_RESET);
    assert_int_equal(fvd_isr(f), 2); /* a configuration change tells of it */
    assert_int_equal(f->fe->guest_errors, 1);
    for (unsigned i = 0; i < 100; i++)
        offer(f, 1);
    fvd_set_status(f, 15);
    assert_true(fvd_status(f) & VIRTIO_NEEDS_RESET);
    assert_int_equal(source.calls, 0);
    assert_int_equal(f->fe->guest_errors, 1);
    fvd_start(f, true, 0, 1, 8);
    offer(f, 3);
    assert_int_equal(expect_used(f), 3);
    unbench(f);
}

/* More chains than the queue has entries in one kick: the rest is done from the main loop. */
static void bounded_kick(void **state)
{
    struct fake_virtio *f = bench();
    const struct fv_buf buf = {BUF, 1, true};

    (void)state;
    fvd_start(f, true, 0, 1, 8);
    for (unsigned i = 0; i < 8; i++)
        fv_add(&f->q[0], &buf, 1, 0);
    fvd_kick(f, 0);
    assert_int_equal(source.calls, 8);
    fv_add(&f->q[0], &buf, 1, 0); /* without a kick, while the device is at it */
    fake_step(f->fe, 1);
    assert_int_equal(source.calls, 9);
    fake_step(f->fe, 1);
    assert_int_equal(source.calls, 9);
    unbench(f);
}

/* A function that is no bus master reaches no memory. */
static void no_bus_master(void **state)
{
    struct fake_virtio *f = bench();

    (void)state;
    fvd_start(f, true, 0, 1, 8);
    fvd_set_config(f, 4, 2, 3);
    offer(f, 1);
    assert_int_equal(source.calls, 0);
    assert_true(fvd_status(f) & VIRTIO_NEEDS_RESET);
    unbench(f);
}

/* vectors=: that many; 0: the capability and its BAR are not there, and the pin interrupts. */
static void vectors(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= 3; count += 3) {
        struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.vectors = count, .no_msix = !count}};
        struct fake_virtio f;
        char why[200];
        unsigned cap;

        memset(&source, 0, sizeof(source));
        fvd_init(&f);
        f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
        assert_non_null(f.dev);
        fvd_open(&f);
        cap = fvd_cap(&f, 0x11, 0);
        assert_int_equal(cap != 0, count != 0);
        assert_int_equal(fvd_config(&f, 0x14, 4), count ? FVD_MSIX : 0);
        if (cap)
            assert_int_equal(fvd_config(&f, cap + 2, 2), count - 1);
        assert_true(fvd_cap(&f, 9, 1));
        fvd_start(&f, true, 0, 1, 8);
        fvd_set_common(&f, 0x1a, 2, 2);
        assert_int_equal(fvd_common(&f, 0x1a, 2), count ? 2 : 0xffff);
        offer(&f, 4);
        assert_int_equal(expect_used(&f), 4);
        assert_true(fvd_line(&f));
        device_reset(f.dev);
        fvd_free(&f);
    }
}

/* Neither MSI-X nor the modern transport: no list of capabilities. */
static void no_capabilities(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.no_msix = true, .disable_modern = true}};
    struct fake_virtio f;
    char why[200];

    (void)state;
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_non_null(f.dev);
    assert_int_equal(fvd_config(&f, 6, 2) & 0x10, 0);
    assert_int_equal(fvd_config(&f, 0x34, 1), 0);
    fvd_free(&f);
}

/* ---- packed rings ---- */

/* Offered if asked for, to modern drivers; then any size will do. */
static void packed(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.packed = true}};
    static struct fake_packed p;
    const struct fv_buf buf = {BUF, 4, true};
    struct fake_virtio f;
    char why[200];
    uint32_t written;
    uint16_t id;

    (void)state;
    memset(&source, 0, sizeof(source));
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_non_null(f.dev);
    fvd_open(&f);
    f.modern = true;
    assert_true(fvd_offered(&f) & VIRTIO_F_PACKED);
    fvd_start(&f, true, VIRTIO_F_PACKED, 0, 8);
    fvd_set_common(&f, 0x18, 2, 5);
    assert_int_equal(fvd_common(&f, 0x18, 2), 5);
    fp_init(&p, f.fe, FVD_RING(0), 5);
    fvd_set_common(&f, 0x20, 4, (uint32_t)p.ring);
    fvd_set_common(&f, 0x28, 4, (uint32_t)p.driver);
    fvd_set_common(&f, 0x30, 4, (uint32_t)p.device);
    fvd_set_common(&f, 0x1c, 2, 1);
    for (uint16_t i = 0; i < 20; i++) {
        fp_add(&p, &buf, 1, i, 0);
        fvd_kick(&f, 0);
        assert_true(fp_used(&p, &id, &written) && id == i && written == 4);
        assert_int_equal(fvd_isr(&f), 1);
    }
    fvd_start(&f, false, 0, 1, 8); /* and the same device for an old driver */
    offer(&f, 3);
    assert_int_equal(expect_used(&f), 3);
    fvd_start(&f, true, 0, 0, 8); /* a modern one that does not want it */
    fvd_set_common(&f, 0x18, 2, 5);
    assert_int_equal(fvd_common(&f, 0x18, 2), 8);
    fvd_free(&f);
}

static void packed_without_modern(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.packed = true, .disable_modern = true}};
    struct fake_virtio f;
    char why[200] = "";

    (void)state;
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_null(f.dev);
    assert_non_null(strstr(why, "packed=on"));
    fvd_free(&f);
}

/* ---- doorbells ---- */

static struct io_region *find_region;

static void find(void *opaque, const struct io_region *region)
{
    if (!strcmp(region->name, opaque))
        find_region = (struct io_region *)region;
}

static struct io_region *region_of(struct fake_virtio *f, const char *name)
{
    find_region = NULL;
    iomap_foreach(f->fe->env.iomap, find, (void *)name);
    return find_region;
}

/* Those of the transport that the driver uses, from DRIVER_OK to the reset, wherever the BAR is. */
static void doorbells(void **state)
{
    (void)state;
    for (int modern = 0; modern <= 1; modern++) {
        struct fake_virtio *f = bench();
        struct io_region *r = region_of(f, modern ? "rng0.modern" : "rng0.legacy");
        struct io_region *other = region_of(f, modern ? "rng0.legacy" : "rng0.modern");
        const struct fv_buf buf = {BUF, 4, true};

        assert_true(r && other && r->doorbell_count == 1);
        assert_false(r->doorbells_on);
        fvd_start(f, modern, 0, 1, 8);
        assert_true(r->doorbells_on && !other->doorbells_on);
        fv_add(&f->q[0], &buf, 1, 0);
        assert_true(iomap_ring(f->fe->env.iomap, &f->fe->reader, r, 0));
        assert_int_equal(expect_used(f), 4);
        fvd_set_config(f, 4, 2, 4); /* neither ports nor memory: they are nowhere */
        assert_false(iomap_ring(f->fe->env.iomap, &f->fe->reader, r, 0));
        fvd_set_config(f, 4, 2, 7);
        assert_true(r->doorbells_on && iomap_ring(f->fe->env.iomap, &f->fe->reader, r, 0));
        fvd_set_status(f, 0);
        assert_false(r->doorbells_on);
        assert_false(iomap_ring(f->fe->env.iomap, &f->fe->reader, r, 0));
        fvd_start(f, modern, 0, 1, 8);
        assert_true(r->doorbells_on);
        device_reset(f->dev);
        assert_false(r->doorbells_on);
        unbench(f);
    }
}

static void doorbells_follow_a_load(void **state)
{
    struct fake_virtio *f = bench();
    struct io_region *r = region_of(f, "rng0.modern");
    uint8_t off[8192], on[8192];
    char why[200];
    size_t off_bytes, on_bytes;

    (void)state;
    device_enter(f->dev);
    off_bytes = device_save(f->dev, off, sizeof(off));
    device_leave(f->dev);
    fvd_start(f, true, 0, 1, 8);
    device_enter(f->dev);
    on_bytes = device_save(f->dev, on, sizeof(on));
    assert_true(off_bytes <= sizeof(off) && on_bytes <= sizeof(on));
    assert_true(device_load(f->dev, off, off_bytes, why, sizeof(why)));
    assert_false(r->doorbells_on);
    assert_true(device_load(f->dev, on, on_bytes, why, sizeof(why)));
    assert_true(r->doorbells_on);
    device_leave(f->dev);
    unbench(f);
}

/* ioeventfd=off */
static void no_doorbells(void **state)
{
    struct virtio_rng_config cfg = {.entropy = {give, &source}, .options = {.kicks_wait = true}};
    struct fake_virtio f;
    char why[200];

    (void)state;
    memset(&source, 0, sizeof(source));
    fvd_init(&f);
    f.dev = virtio_rng_new(f.bus, FVD_DEVFN, &f.fe->env, "rng0", &cfg, why, sizeof(why));
    assert_non_null(f.dev);
    fvd_open(&f);
    fvd_start(&f, true, 0, 1, 8);
    assert_int_equal(region_of(&f, "rng0.modern")->doorbell_count, 0);
    assert_false(region_of(&f, "rng0.modern")->doorbells_on);
    fvd_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(no_transport),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(pci_cfg_access),
        cmocka_unit_test(both_transports_work),
        cmocka_unit_test(dry_source),
        cmocka_unit_test(limited),
        cmocka_unit_test(features_refused),
        cmocka_unit_test(queue_registers),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(early_buffers),
        cmocka_unit_test(msix),
        cmocka_unit_test(no_interrupt_wanted),
        cmocka_unit_test(broken_queue),
        cmocka_unit_test(bounded_kick),
        cmocka_unit_test(no_bus_master),
        cmocka_unit_test(vectors),
        cmocka_unit_test(no_capabilities),
        cmocka_unit_test(packed),
        cmocka_unit_test(packed_without_modern),
        cmocka_unit_test(doorbells),
        cmocka_unit_test(doorbells_follow_a_load),
        cmocka_unit_test(no_doorbells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
