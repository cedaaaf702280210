/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conformance suite over virtio's functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/balloon.h"
#include "hw/virtio/blk.h"
#include "hw/virtio/net.h"
#include "hw/virtio/rng.h"
#include "hw/virtio/serial.h"
#include "tests/fakes/conform_rig.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_chardev.h"
#include "tests/fakes/fake_net.h"

#define DISK_SECTORS 8192

static struct block *make_disk(struct rig *rig)
{
    struct block *blk = fake_block_new(DISK_SECTORS);

    fake_block_fill(blk, 0);
    return rig->extra[EXTRA_FIRST] = blk;
}

static void unmake_virtio_blk(struct rig *rig)
{
    fake_block_free(rig->extra[EXTRA_FIRST]);
    rig_unmake_pci(rig);
}

static void settle_disk(struct rig *rig)
{
    while (fake_block_run(rig->extra[EXTRA_FIRST]))
        ;
}

static void copy_disk(struct rig *to, struct rig *from)
{
    uint8_t data[BLOCK_SECTOR_BYTES];

    for (uint64_t sector = 0; sector < DISK_SECTORS; sector++) {
        fake_block_peek(from->extra[EXTRA_FIRST], sector, data);
        fake_block_poke(to->extra[EXTRA_FIRST], sector, data);
    }
    rig_copy_bridge(to, from);
}

/* ---- by both transports' registers, with rings that the events put into memory and doorbells they ring ---- */

#define VIRTIO_DEVFN PCI_DEVFN(3, 0)

static size_t constant_entropy(void *opaque, void *buf, size_t bytes)
{
    (void)opaque;
    memset(buf, 0x5a, bytes);
    return bytes;
}

static struct device *make_virtio_rng(struct rig *rig)
{
    struct virtio_rng_config cfg = {.entropy = {constant_entropy, NULL}};

    return virtio_rng_new(rig_make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "rng", &cfg, rig_why, sizeof(rig_why));
}

#define BALLOON_PAGES 77 /* always: a reset leaves what the host wants */

static void balloon_changed(void *opaque)
{
    (void)opaque;
}

static int64_t constant_seconds(void *opaque)
{
    (void)opaque;
    return 1000000;
}

static struct device *make_virtio_balloon(struct rig *rig)
{
    struct virtio_balloon_config cfg = {
        .port = {balloon_changed, constant_seconds, NULL}, .free_page_reporting = true, .page_poison = true};

    struct device *dev = virtio_balloon_new(rig_make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "balloon", &cfg,
                                            rig_why, sizeof(rig_why));

    device_enter(dev);
    virtio_balloon_set_target(dev, BALLOON_PAGES);
    device_leave(dev);
    device_reset(dev);
    return dev;
}

enum { EXTRA_CONSOLE = EXTRA_FIRST, EXTRA_CHANNEL };

static void port_changed(void *opaque, unsigned nr)
{
    (void)opaque, (void)nr;
}

static struct device *make_virtio_serial(struct rig *rig)
{
    struct virtio_serial_config cfg = {.ports = 3, .emergency_write = true, .changed = port_changed};

    rig->extra[EXTRA_CONSOLE] = fake_chardev_new("console", true);
    rig->extra[EXTRA_CHANNEL] = fake_chardev_new("channel", true);
    cfg.port[0] = (struct virtio_serial_port_config){true, true, "", rig->extra[EXTRA_CONSOLE]};
    cfg.port[1] = (struct virtio_serial_port_config){true, false, "channel", rig->extra[EXTRA_CHANNEL]};
    return virtio_serial_new(rig_make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "serial", &cfg, rig_why,
                             sizeof(rig_why));
}

static void unmake_virtio_serial(struct rig *rig)
{
    fake_chardev_free(rig->extra[EXTRA_CONSOLE]);
    fake_chardev_free(rig->extra[EXTRA_CHANNEL]);
    rig_unmake_pci(rig);
}

static struct device *make_virtio_blk(struct rig *rig)
{
    struct virtio_blk_config cfg = {
        .blk = make_disk(rig), .write_cache = true, .discard = true, .write_zeroes = true, .queues = 2};

    return virtio_blk_new(rig_make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "vd", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_virtio_net(struct rig *rig)
{
    struct virtio_net_config cfg = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}};

    cfg.port = rig->extra[EXTRA_FIRST] = fake_net_new();
    return virtio_net_new(rig_make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "net", &cfg, rig_why, sizeof(rig_why));
}

static void unmake_virtio_net(struct rig *rig)
{
    fake_net_free(rig->extra[EXTRA_FIRST]);
    rig_unmake_pci(rig);
}

static void prepare_virtio(struct rig *rig)
{
    rig_config_write(rig, VIRTIO_DEVFN, 0x10, 0xc000);
    rig_config_write(rig, VIRTIO_DEVFN, 0x14, 0xe4000000);
    rig_config_write(rig, VIRTIO_DEVFN, 0x20, 0xf0000000);
    rig_config_write(rig, VIRTIO_DEVFN, 0x24, 0);
    rig_config_write(rig, VIRTIO_DEVFN, 0x04, 7);
}

/* A ring at 4096 with a request of three descriptors of random kinds, brought up the legacy way, and a kick. */
static void event_virtio(struct rig *rig, struct rng *rng)
{
    uint8_t *ring = rig->fe->ram + 4096;
    uint16_t idx;

    if (rng_below(rng, 4) == 0 || rig->fe->ram_bytes < 65536) {
        rig_event_pci(rig, rng);
        return;
    }
    for (uint16_t i = 0; i < 3; i++) {
        uint64_t gpa = 0x8000 + 512 * rng_below(rng, 32);
        uint32_t bytes = i == 1 ? 512 * (1 + rng_below(rng, 4)) : i == 0 ? 16 : 1;
        uint16_t flags = (uint16_t)((i < 2) | (i == 2 || (i && rng_below(rng, 2)) ? 2 : 0)), next = (uint16_t)(i + 1);

        memcpy(ring + 16 * i, &gpa, 8);
        memcpy(ring + 16 * i + 8, &bytes, 4);
        memcpy(ring + 16 * i + 12, &flags, 2);
        memcpy(ring + 16 * i + 14, &next, 2);
    }
    if (rng_below(rng, 8) == 0) {
        fake_out(rig->fe, 0xc012, 1, 0);
        fake_out(rig->fe, 0xc012, 1, 3);
        fake_out(rig->fe, 0xc00e, 2, rng_below(rng, 3));
        fake_out(rig->fe, 0xc008, 4, 1);
        fake_out(rig->fe, 0xc012, 1, 7);
    }
    memcpy(&idx, ring + 16 * fake_in(rig->fe, 0xc00c, 2) % 4096 + 2, 2);
    idx++;
    memcpy(ring + 16 * fake_in(rig->fe, 0xc00c, 2) % 4096 + 2, &idx, 2);
    fake_out(rig->fe, 0xc010, 2, rng_below(rng, 3));
}

static void event_virtio_net(struct rig *rig, struct rng *rng)
{
    uint8_t frame[256];
    size_t len = rng_below(rng, sizeof(frame));

    memset(frame, (int)len, sizeof(frame));
    if (rng_below(rng, 2))
        event_virtio(rig, rng);
    else
        fake_net_feed(rig->extra[EXTRA_FIRST], frame, len);
}

static void event_virtio_blk(struct rig *rig, struct rng *rng)
{
    if (rng_below(rng, 2))
        event_virtio(rig, rng);
    else
        fake_block_complete(rig->extra[EXTRA_FIRST]);
}

/* The monitor's side: a size, how often to look, and time in which that happens. */
static void event_virtio_balloon(struct rig *rig, struct rng *rng)
{
    unsigned what = rng_below(rng, 4);

    if (what > 1) {
        event_virtio(rig, rng);
        return;
    }
    device_enter(rig->dev);
    if (what)
        virtio_balloon_set_target(rig->dev, BALLOON_PAGES);
    else
        virtio_balloon_set_poll(rig->dev, rng_below(rng, 3));
    device_leave(rig->dev);
}

/* Peers that come, go, read, stop reading and send. */
static void event_virtio_serial(struct rig *rig, struct rng *rng)
{
    struct chardev *chr = rig->extra[rng_below(rng, 2) ? EXTRA_CONSOLE : EXTRA_CHANNEL];

    fake_chardev_clear(chr);
    switch (rng_below(rng, 8)) {
    case 0: fake_chardev_event(chr, CHARDEV_OPENED); break;
    case 1: fake_chardev_event(chr, CHARDEV_CLOSED); break;
    case 2: fake_chardev_feed(chr, "0123456789", rng_below(rng, 10)); break;
    case 3: fake_chardev_set_room(chr, rng_below(rng, 2000)); break;
    default: event_virtio(rig, rng);
    }
}

static void settle_serial(struct rig *rig)
{
    fake_chardev_set_room(rig->extra[EXTRA_CONSOLE], FAKE_CHARDEV_BYTES);
    fake_chardev_set_room(rig->extra[EXTRA_CHANNEL], FAKE_CHARDEV_BYTES);
}

static const struct conform_row rows[] = {
    {.name = "virtio-balloon-pci", .make = make_virtio_balloon, .prepare = prepare_virtio, .unmake = rig_unmake_pci,
     .event = event_virtio_balloon, .copy_outside = rig_copy_bridge},
    {.name = "virtio-rng-pci", .make = make_virtio_rng, .prepare = prepare_virtio, .unmake = rig_unmake_pci,
     .event = event_virtio, .copy_outside = rig_copy_bridge},
    {.name = "virtio-serial-pci", .make = make_virtio_serial, .prepare = prepare_virtio,
     .unmake = unmake_virtio_serial, .event = event_virtio_serial, .settle = settle_serial,
     .copy_outside = rig_copy_bridge},
    {.name = "virtio-blk-pci", .make = make_virtio_blk, .prepare = prepare_virtio, .unmake = unmake_virtio_blk,
     .event = event_virtio_blk, .settle = settle_disk, .copy_outside = copy_disk},
    {.name = "virtio-net-pci", .make = make_virtio_net, .prepare = prepare_virtio, .unmake = unmake_virtio_net,
     .event = event_virtio_net, .copy_outside = rig_copy_bridge},
};

int main(void)
{
    return conform_run(rows, sizeof(rows) / sizeof(rows[0]));
}
