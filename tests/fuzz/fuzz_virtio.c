/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net, virtio-blk and virtio-rng between a hostile driver, a peer and a disk: each input drives one of them by
 * one transport, from queues that work on to any registers, descriptors, rings, kicks, frames, failing requests, time,
 * saved and loaded states. Devices that are alone with the tests' fakes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/blk.h"
#include "hw/virtio/net.h"
#include "hw/virtio/rng.h"
#include "hw/virtio/virtio.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES (1u << 18)
#define QUEUES 5   /* the most that one of them has here: two pairs and the control queue */
#define ENTRIES 16
#define RING(n) (0x1000u + 0x2000u * (n)) /* where a queue's rings are: as the legacy layout has them */
#define DATA 0x20000u
#define STATE_BYTES (64u << 10)

enum kind { NET, BLK, RNG, KINDS };

struct rig {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *wire;
    struct block *disk;
    struct device *dev[KINDS];
    struct io_region *region[KINDS][2]; /* legacy, modern */
    /* Of this input. */
    enum kind kind;
    bool modern, packed;
    bool wrap[QUEUES];
    uint16_t next[QUEUES];
};

/* ---- making ---- */

static size_t entropy(void *opaque, void *buf, size_t bytes)
{
    (void)opaque;
    memset(buf, 0x5a, bytes);
    return bytes % 3 ? bytes : bytes / 2;
}

static uint8_t devfn_of(enum kind kind) { return PCI_DEVFN(3 + kind, 0); }
static uint32_t ports_of(enum kind kind) { return 0xc000 + 0x100 * kind; }
static uint32_t bar_of(enum kind kind) { return 0xe0000000u + 0x100000 * kind; }
static uint32_t table_of(enum kind kind) { return bar_of(kind) + 0x80000; }

static struct rig *filling;

static void note_region(void *opaque, const struct io_region *r)
{
    (void)opaque;
    for (unsigned k = 0; k < KINDS; k++) {
        if (r->base == ports_of(k))
            filling->region[k][0] = (struct io_region *)r;
        if (r->base == bar_of(k))
            filling->region[k][1] = (struct io_region *)r;
    }
}

static void open_bars(struct rig *r, enum kind kind)
{
    const uint32_t config[][2] = {{0x10, ports_of(kind)}, {0x14, table_of(kind)}, {0x20, bar_of(kind)}, {0x24, 0},
                                  {0x04, 7}};

    for (unsigned i = 0; i < sizeof(config) / sizeof(config[0]); i++)
        pci_config_write(r->bus, devfn_of(kind), config[i][0], config[i][0] == 4 ? 2 : 4, config[i][1]);
}

static void make(struct rig *r)
{
    const struct virtio_options options = {.packed = true};
    struct virtio_net_config net = {.mac = {2, 0, 0, 0, 0, 1}, .pairs = 2, .options = options};
    struct virtio_blk_config blk = {.serial = "FUZZ", .write_cache = true, .discard = true, .write_zeroes = true,
                                    .queues = 2, .options = options};
    struct virtio_rng_config rng = {.entropy = {entropy, NULL}, .max_bytes = 20000, .period_ms = 1, .options = options};
    struct irq_pin intx[4];
    char why[200];

    r->fe = fake_env_new(RAM_BYTES);
    r->wire = net.port = fake_net_new();
    r->disk = blk.blk = fake_block_new(4096);
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(r->fe, i);
    r->bus = pci_bus_new(&r->fe->env, intx);
    r->dev[NET] = virtio_net_new(r->bus, devfn_of(NET), &r->fe->env, "net", &net, why, sizeof(why));
    r->dev[BLK] = virtio_blk_new(r->bus, devfn_of(BLK), &r->fe->env, "blk", &blk, why, sizeof(why));
    r->dev[RNG] = virtio_rng_new(r->bus, devfn_of(RNG), &r->fe->env, "rng", &rng, why, sizeof(why));
    for (unsigned k = 0; k < KINDS; k++) {
        if (!r->dev[k])
            abort();
        open_bars(r, k);
    }
    filling = r;
    iomap_foreach(r->fe->env.iomap, note_region, NULL);
}

/* ---- a driver ---- */

static void set_common(struct rig *r, uint32_t off, unsigned size, uint32_t value)
{
    fake_writemem(r->fe, bar_of(r->kind) + off, size, value);
}

static void start_modern(struct rig *r, uint64_t features)
{
    set_common(r, 0x14, 1, 3);
    for (unsigned word = 0; word < 2; word++) {
        set_common(r, 8, 4, word);
        set_common(r, 12, 4, (uint32_t)(features >> 32 * word));
    }
    set_common(r, 0x14, 1, 11);
    for (unsigned n = 0; n < QUEUES; n++) {
        set_common(r, 0x16, 2, n);
        set_common(r, 0x18, 2, ENTRIES - r->packed); /* no power of two */
        set_common(r, 0x1a, 2, n);
        set_common(r, 0x20, 4, RING(n));
        set_common(r, 0x28, 4, RING(n) + 0x800);
        set_common(r, 0x30, 4, RING(n) + 0x1000);
        set_common(r, 0x1c, 2, 1);
    }
    set_common(r, 0x14, 1, 15);
}

/* Its queues are as large as the device says: descriptors of 256 take a page, so that rings overlap the next queue. */
static void start_legacy(struct rig *r, uint64_t features)
{
    uint16_t port = (uint16_t)ports_of(r->kind);

    fake_out(r->fe, port + 4, 4, (uint32_t)features);
    for (unsigned n = 0; n < QUEUES; n++) {
        fake_out(r->fe, port + 0x0e, 2, n);
        fake_out(r->fe, port + 0x08, 4, RING(n) >> 12);
    }
    fake_out(r->fe, port + 0x12, 1, 7);
}

static void start(struct rig *r, struct input *in)
{
    uint32_t how = take(in, 1);
    uint64_t offered;

    r->kind = how % KINDS;
    r->modern = how & 0x80;
    device_reset(r->dev[r->kind]);
    open_bars(r, r->kind);
    memset(r->fe->ram, 0, RAM_BYTES);
    for (unsigned n = 0; n < QUEUES; n++) {
        r->wrap[n] = true;
        r->next[n] = 0;
    }
    if (how & 0x40) /* MSI-X: all vectors open */
        pci_config_write(r->bus, devfn_of(r->kind), 0x42, 2, 0x8000);
    for (unsigned i = 0; i < 6; i++)
        fake_writemem(r->fe, table_of(r->kind) + 16 * i + 12, 4, how & 0x20);
    offered = ((struct virtio *)r->dev[r->kind])->offered;
    if (how & 8)
        offered &= ~(uint64_t)take(in, 4);
    r->packed = r->modern && how & 0x10;
    if (!r->packed)
        offered &= ~VIRTIO_F_PACKED;
    if (r->modern)
        start_modern(r, offered | VIRTIO_F_VERSION_1);
    else
        start_legacy(r, offered);
}

static uint32_t entries(const struct rig *r, unsigned n)
{
    return r->modern ? ENTRIES : ((struct virtio *)r->dev[r->kind])->q[n].max_size;
}

static uint32_t avail_at(const struct rig *r, unsigned n)
{
    return RING(n) + (r->modern ? 0x800 : 16 * entries(r, n));
}

static void put(struct rig *r, uint32_t at, const void *bytes, size_t count)
{
    if (at <= RAM_BYTES && count <= RAM_BYTES - at)
        memcpy(r->fe->ram + at, bytes, count);
}

/* Any descriptor, mostly with memory behind it and not too long. */
static void descriptor(struct rig *r, struct input *in, uint32_t at)
{
    struct {
        uint64_t gpa;
        uint32_t bytes;
        uint16_t flags, next;
    } d;
    uint32_t kind = take(in, 1);

    d.gpa = kind & 0x40 ? (uint64_t)take(in, 4) << (kind & 0x20 ? 32 : 0) : DATA + (take(in, 1) << 9);
    d.bytes = kind & 0x10 ? take(in, 4) : take(in, 1) << (kind & 8 ? 4 : 0);
    d.flags = (uint16_t)(kind & 7);
    d.next = (uint16_t)(take(in, 1) & (kind & 0x80 ? 0xff : ENTRIES - 1));
    if (r->packed) { /* id and flags have changed places */
        uint16_t flags = d.flags;

        d.flags = d.next;
        d.next = flags;
    }
    put(r, at, &d, sizeof(d));
}

/* A descriptor of the packed ring becomes available as it is; a chain's others go before its first one. */
static void offer_packed(struct rig *r, unsigned n)
{
    uint32_t at = RING(n) + 16 * r->next[n] + 14;
    uint16_t flags;

    memcpy(&flags, r->fe->ram + at, 2);
    flags = (uint16_t)((flags & 0x7f7f) | (r->wrap[n] ? 0x80 : 0x8000));
    put(r, at, &flags, 2);
    if (++r->next[n] >= ENTRIES - 1) {
        r->next[n] = 0;
        r->wrap[n] = !r->wrap[n];
    }
}

/* Chains are made available as a driver does it: the ring's entry, then its index. */
static void offer(struct rig *r, struct input *in, unsigned n)
{
    uint16_t head = (uint16_t)take(in, 1), idx;

    if (r->packed) {
        for (unsigned i = 0; i <= head % 4; i++)
            offer_packed(r, n);
        return;
    }
    head &= head & 0x80 ? 0xff : ENTRIES - 1;
    put(r, avail_at(r, n) + 4 + 2 * (r->next[n] & (entries(r, n) - 1)), &head, 2);
    idx = ++r->next[n];
    put(r, avail_at(r, n) + 2, &idx, 2);
}

static void kick(struct rig *r, unsigned n)
{
    if (r->modern)
        set_common(r, VIRTIO_NOTIFY_AT + VIRTIO_NOTIFY_STEP * n, 2, n);
    else
        fake_out(r->fe, (uint16_t)(ports_of(r->kind) + 0x10), 2, n);
}

/* As the doorbells' thread does it. */
static void ring(struct rig *r, unsigned n)
{
    struct io_region *region = r->region[r->kind][r->modern];

    if (n < region->doorbell_count)
        iomap_ring(r->fe->env.iomap, &r->fe->reader, region, n);
}

/* A header that a device would take, at one of the places where descriptors point. */
static void header(struct rig *r, struct input *in)
{
    uint32_t at = DATA + (take(in, 1) << 9);
    struct {
        uint32_t type, priority;
        uint64_t sector;
    } request = {.type = take(in, 1) & 15, .sector = take(in, 2)};
    uint8_t command[16] = {0};

    if (r->kind == BLK) {
        put(r, at, &request, sizeof(request));
        return;
    }
    for (unsigned i = 0; i < sizeof(command); i++)
        command[i] = (uint8_t)take(in, 1);
    put(r, at, command, sizeof(command));
}

static void frame(struct rig *r, struct input *in)
{
    static uint8_t bytes[NET_MAX_FRAME_BYTES];
    uint32_t kind = take(in, 1), len = take(in, kind & 0x80 ? 3 : 1) * (kind & 0x40 ? 8 : 1) % (sizeof(bytes) + 1);
    struct net_offload off = {.csum = kind & 1, .csum_valid = kind & 2, .csum_start = (uint16_t)take(in, 1),
                              .csum_offset = (uint16_t)take(in, 1)};

    if (kind & 4)
        memcpy(bytes, r->fe->ram + DATA + (take(in, 1) << 8), 256);
    else
        memset(bytes, 0xff, 14);
    fake_net_feed_offload(r->wire, bytes, len, kind & 8 ? &off : NULL);
}

static void save_and_load(struct rig *r, struct input *in)
{
    static uint8_t state[STATE_BYTES];
    struct device *dev = r->dev[r->kind];
    char why[200];
    size_t size;

    device_enter(dev);
    size = device_save(dev, state, sizeof(state));
    if (size > sizeof(state) || !device_load(dev, state, size, why, sizeof(why))) {
        fprintf(stderr, "its own state is refused: %s\n", why);
        abort();
    }
    for (unsigned n = take(in, 1) % 8; n; n--)
        state[take(in, 3) % size] = (uint8_t)take(in, 1);
    device_load(dev, state, size, why, sizeof(why));
    device_leave(dev);
}

static void disk_ends(struct rig *r, struct input *in)
{
    uint32_t how = take(in, 1);

    fake_block_control(r->disk)->try_works = how & 1;
    fake_block_control(r->disk)->fail_nth = how >> 4 & 3;
    fake_block_control(r->disk)->fail_errno = how & 2 ? EIO : ENOTSUP;
    if (how & 4)
        fake_block_complete(r->disk);
    if (how & 8)
        fake_block_run(r->disk);
}

static void any_register(struct rig *r, struct input *in)
{
    uint32_t how = take(in, 1), size = 1u << (how & 3) % 3, off = take(in, how & 4 ? 2 : 1);

    if (how & 0x10)
        (void)fake_readmem(r->fe, bar_of(r->kind) + off, size);
    else if (how & 0x20)
        pci_config_write(r->bus, devfn_of(r->kind), off & 0xff & ~(size - 1), size, take(in, size));
    else if (how & 0x40)
        fake_out(r->fe, (uint16_t)(ports_of(r->kind) + (off & 0x7f)), size, take(in, size));
    else if (how & 0x80)
        fake_writemem(r->fe, table_of(r->kind) + (off & 0xffc), 4, take(in, 4));
    else
        set_common(r, off & ~(size - 1), size, take(in, size));
}

static void one(struct rig *r, struct input *in)
{
    uint8_t what = (uint8_t)take(in, 1), n = (what >> 4) % QUEUES;
    uint32_t at;

    switch (what & 15) {
    case 0: fake_step(r->fe, take(in, 3)); break;
    case 1: fake_net_set_room(r->wire, take(in, 1) & 7); break;
    case 2: fake_net_set_link(r->wire, what & 0x10); break;
    case 3: save_and_load(r, in); break;
    case 4: any_register(r, in); break;
    case 5: header(r, in); break;
    case 6: frame(r, in); break;
    case 7: disk_ends(r, in); break;
    case 8:
    case 9: descriptor(r, in, RING(n) + 16 * (take(in, 1) & (ENTRIES - 1))); break;
    case 10: descriptor(r, in, DATA + (take(in, 1) << 9) + 16 * (what >> 4)); break; /* of an indirect table */
    case 11: ring(r, n); break;
    case 12:
        at = RING(n) + (take(in, 2) & 0x1fff);
        r->fe->ram[at] = (uint8_t)take(in, 1);
        break;
    case 13:
        offer(r, in, n);
        kick(r, n);
        break;
    case 14: offer(r, in, n); break;
    default: kick(r, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig r;
    struct input in = {data, size};

    if (!r.fe)
        make(&r);
    fake_net_set_link(r.wire, true);
    fake_net_set_room(r.wire, FAKE_NET_FRAMES);
    *fake_block_control(r.disk) = (struct fake_block_control){0};
    start(&r, &in);
    for (unsigned n = 0; n < 1000 && in.left; n++)
        one(&r, &in);
    device_reset(r.dev[r.kind]); /* what is under way is given up */
    while (fake_block_run(r.disk))
        ;
    if (fake_block_live(r.disk) || fake_block_mistakes(r.disk) || r.fe->maps_open)
        abort();
    fake_net_clear(r.wire);
    fake_block_forget_ops(r.disk);
    return 0;
}
