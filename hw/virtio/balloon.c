/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/balloon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pci_regs.h"
#include "hw/virtio/virtio.h"

/* Feature bits, 5.5.3; not offered: hints for a migration (3), of which there is none. */
#define BALLOON_F_STATS (1ull << 1)
#define BALLOON_F_DEFLATE_ON_OOM (1ull << 2)
#define BALLOON_F_PAGE_POISON (1ull << 4)
#define BALLOON_F_REPORTING (1ull << 5)

enum { INFLATE, DEFLATE, STATS, REPORTING };
/* Device configuration, 5.5.4. */
enum { NUM_PAGES = 0, ACTUAL = 4, POISON = 12, SHORT_CONFIG = 8, LONG_CONFIG = 16 };

#define QUEUE_SIZE 128
#define REPORTING_QUEUE_SIZE 32
#define PAGE_SHIFT 12
#define PAGE_BYTES (1u << PAGE_SHIFT)
#define STAT_BYTES 10 /* a tag of 16 bits, a value of 64 */
#define MOST_STATS 64 /* of one report */
#define SECOND_NS 1000000000ll
/*
 * What one kick may give back, and one request: each page can be a system call. Drivers ask for 256 pages at a time,
 * reports are of up to 32 blocks of 4 MiB.
 */
#define KICK_PAGES 16384u
#define REPORT_BYTES (256ull << 20)
#define PFN_CHUNK 512u

struct virtio_balloon {
    struct virtio v;
    struct balloon_port port;
    uint32_t target, poll_seconds;
    struct virtio_balloon_stats stats;
    struct vtimer poll;
    uint32_t told_pages; /* by port.changed() */
    struct virtq_chain chain;
};

static const struct dev_field fields[] = {
    VIRTIO_FIELDS(struct virtio_balloon, v),
    DEV_FIELD_KEEP(struct virtio_balloon, U32, target, 0),
    DEV_FIELD_KEEP(struct virtio_balloon, U32, poll_seconds, 0),
    DEV_FIELD_ARRAY(struct virtio_balloon, U64, stats.value, BALLOON_UNKNOWN, 0),
    DEV_FIELD(struct virtio_balloon, I64, stats.updated_s, 0, 0),
};

/* ---- pages ---- */

/* Pages next to each other, which go back together. */
struct run {
    uint64_t gpa, bytes;
};

static void end_run(struct virtio_balloon *b, struct run *run)
{
    if (run->bytes && !dma_discard(&b->v.pci.dma, run->gpa, run->bytes))
        device_guest_error(&b->v.pci.dev, "0x%llx bytes at 0x%llx are not RAM, and stay",
                           (unsigned long long)run->bytes, (unsigned long long)run->gpa);
    run->bytes = 0;
}

/* Guests' allocators give pages upwards or downwards. */
static void add_page(struct virtio_balloon *b, struct run *run, uint64_t gpa)
{
    if (run->bytes && gpa == run->gpa + run->bytes) {
        run->bytes += PAGE_BYTES;
    } else if (run->bytes && gpa + PAGE_BYTES == run->gpa) {
        run->gpa = gpa;
        run->bytes += PAGE_BYTES;
    } else {
        end_run(b, run);
        *run = (struct run){gpa, PAGE_BYTES};
    }
}

/* A request is an array of page numbers, 5.5.6; how many there were. */
static uint32_t inflate(struct virtio_balloon *b)
{
    uint64_t asked = b->chain.out_bytes / 4;
    uint32_t count = asked > KICK_PAGES ? KICK_PAGES : (uint32_t)asked;
    struct run run = {0};

    if (asked > count)
        device_guest_error(&b->v.pci.dev, "a request of %llu pages: the first %u go into the balloon",
                           (unsigned long long)asked, count);
    for (uint32_t done = 0; done < count; done += PFN_CHUNK) {
        uint32_t pfn[PFN_CHUNK], n = count - done < PFN_CHUNK ? count - done : PFN_CHUNK;

        if (!virtq_read(&b->v.q[INFLATE], &b->chain, 4ull * done, pfn, 4ull * n)) {
            device_guest_error(&b->v.pci.dev, "page numbers are not in memory");
            break;
        }
        for (uint32_t i = 0; i < n; i++)
            add_page(b, &run, (uint64_t)pfn[i] << PAGE_SHIFT);
    }
    end_run(b, &run);
    return count;
}

/* The driver takes pages back by using them; nothing has to be done, 5.5.6. */
static uint32_t deflate(struct virtio_balloon *b)
{
    (void)b;
    return 1;
}

/* What has to contain a certain value cannot be given back: it would read as zero, 5.5.6.6. */
static bool poisoned(const struct virtio_balloon *b)
{
    return virtio_has(&b->v, BALLOON_F_PAGE_POISON) && pci_get_long(b->v.config + POISON);
}

/* Buffers that the device "writes" are the free memory itself, 5.5.6.7: whole pages of it go back. */
static uint32_t report(struct virtio_balloon *b)
{
    uint64_t left = poisoned(b) ? 0 : REPORT_BYTES;

    for (unsigned i = b->chain.out; i < b->chain.out + b->chain.in && left; i++) {
        const struct virtq_seg *seg = &b->chain.seg[i];
        uint64_t skip = -seg->gpa & (PAGE_BYTES - 1);
        struct run run = {seg->gpa + skip, 0};

        if (seg->bytes > skip)
            run.bytes = (seg->bytes - skip) & ~(uint64_t)(PAGE_BYTES - 1);
        if (run.bytes > left)
            run.bytes = left;
        left -= run.bytes;
        end_run(b, &run);
    }
    return KICK_PAGES / 16; /* as much as the time that it may take */
}

static void take_pages(struct virtio_balloon *b, unsigned n, uint32_t (*take)(struct virtio_balloon *b))
{
    uint32_t pages = 0;

    for (unsigned i = 0; i < b->v.q[n].size && pages < KICK_PAGES; i++) {
        if (virtq_pop(&b->v.q[n], &b->chain) != VIRTQ_GOT)
            return;
        pages += take(b);
        virtio_complete(&b->v, n, b->chain.head, 0);
    }
    virtio_kick_later(&b->v, n);
}

/* ---- statistics ---- */

static void forget_stats(struct virtio_balloon *b)
{
    for (unsigned i = 0; i < BALLOON_STATS; i++)
        b->stats.value[i] = BALLOON_UNKNOWN;
    b->stats.updated_s = 0;
}

/* Tags that are not known may be there, and some of ours missing. */
static void read_stats(struct virtio_balloon *b)
{
    uint64_t asked = b->chain.out_bytes / STAT_BYTES;
    unsigned count = asked > MOST_STATS ? MOST_STATS : (unsigned)asked;
    uint8_t entries[MOST_STATS * STAT_BYTES];

    if (!virtq_read(&b->v.q[STATS], &b->chain, 0, entries, count * STAT_BYTES)) {
        device_guest_error(&b->v.pci.dev, "statistics are not in memory");
        return;
    }
    forget_stats(b);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *at = entries + i * STAT_BYTES;

        if (pci_get_word(at) < BALLOON_STATS)
            memcpy(&b->stats.value[pci_get_word(at)], at + 2, 8);
    }
    b->stats.updated_s = b->port.wall_seconds(b->port.opaque);
}

/*
 * The driver's one buffer is full when it comes, and is given back when new values are wanted, 5.5.6.3: until then it
 * is left in the ring.
 */
static void look_at_stats(struct virtio_balloon *b)
{
    if (virtq_pop(&b->v.q[STATS], &b->chain) != VIRTQ_GOT)
        return;
    read_stats(b);
    virtq_unpop(&b->v.q[STATS], 1);
}

static void arm_poll(struct virtio_balloon *b)
{
    if (b->poll_seconds)
        vtimer_arm(&b->poll, vclock_now_ns(b->v.pci.dev.env->clock) + b->poll_seconds * SECOND_NS);
    else
        vtimer_cancel(&b->poll);
}

static void poll_stats(void *opaque)
{
    struct virtio_balloon *b = opaque;
    struct virtq *q = &b->v.q[STATS];

    arm_poll(b);
    if (!virtio_running(&b->v) || !virtio_has(&b->v, BALLOON_F_STATS) || q->state != VIRTQ_READY)
        return;
    if (virtq_pop(q, &b->chain) == VIRTQ_GOT) {
        virtio_complete(&b->v, STATS, b->chain.head, 0);
        look_at_stats(b); /* there is no second one: so the driver is asked to kick */
    }
    virtio_look_for_faults(&b->v);
}

/* ---- the device ---- */

static void kick(struct virtio *v, unsigned n)
{
    static uint32_t (*const takers[])(struct virtio_balloon *b) = {
        [INFLATE] = inflate, [DEFLATE] = deflate, [REPORTING] = report};
    struct virtio_balloon *b = (struct virtio_balloon *)v;

    if (n == STATS)
        look_at_stats(b);
    else
        take_pages(b, n, takers[n]);
}

static void tell_pages(struct virtio_balloon *b)
{
    uint32_t pages = virtio_balloon_pages(&b->v.pci.dev);

    if (pages == b->told_pages)
        return;
    b->told_pages = pages;
    b->port.changed(b->port.opaque);
}

static bool config_writable(const struct virtio *v, unsigned off)
{
    return (off >= ACTUAL && off < ACTUAL + 4) || (off >= POISON && virtio_has(v, BALLOON_F_PAGE_POISON));
}

static void config_written(struct virtio *v, unsigned off, unsigned size)
{
    (void)off, (void)size;
    tell_pages((struct virtio_balloon *)v);
}

/* A driver that starts anew has all of its memory. What the host wants stays. */
static void reset_balloon(struct virtio *v)
{
    struct virtio_balloon *b = (struct virtio_balloon *)v;

    memset(v->config, 0, sizeof(v->config));
    pci_set_long(v->config + NUM_PAGES, b->target);
    forget_stats(b);
    tell_pages(b);
}

static const struct virtio_ops ops = {
    .kick = kick, .reset = reset_balloon, .config_writable = config_writable, .config_written = config_written};

void virtio_balloon_set_target(struct device *dev, uint32_t pages)
{
    struct virtio_balloon *b = (struct virtio_balloon *)dev;

    b->target = pages;
    pci_set_long(b->v.config + NUM_PAGES, pages);
    virtio_config_changed(&b->v);
}

uint32_t virtio_balloon_pages(const struct device *dev)
{
    return pci_get_long(((const struct virtio_balloon *)dev)->v.config + ACTUAL);
}

void virtio_balloon_set_poll(struct device *dev, uint32_t seconds)
{
    struct virtio_balloon *b = (struct virtio_balloon *)dev;

    b->poll_seconds = seconds;
    arm_poll(b);
}

uint32_t virtio_balloon_poll(const struct device *dev)
{
    return ((const struct virtio_balloon *)dev)->poll_seconds;
}

void virtio_balloon_get_stats(const struct device *dev, struct virtio_balloon_stats *stats)
{
    *stats = ((const struct virtio_balloon *)dev)->stats;
}

static void reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

static const char *post_load(struct device *dev)
{
    struct virtio_balloon *b = (struct virtio_balloon *)dev;
    const char *fault = NULL;
    bool as_before = b->v.load_refused;

    if (pci_get_long(b->v.config + NUM_PAGES) != b->target)
        fault = "the balloon's size is not the one that is asked for";
    fault = virtio_post_load(&b->v, fault);
    if (!fault && !as_before) {
        arm_poll(b);
        tell_pages(b);
    }
    return fault;
}

static void balloon_free(struct device *dev)
{
    struct virtio_balloon *b = (struct virtio_balloon *)dev;

    device_enter(dev);
    vtimer_cancel(&b->poll);
    device_leave(dev);
    virtio_fini(&b->v);
    free(b);
}

static const struct device_class balloon_class = {
    .name = "virtio-balloon-pci",
    .title = "memory that the guest lends to the host",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = balloon_free,
};

struct device *virtio_balloon_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                                  const struct virtio_balloon_config *cfg, char *why, size_t why_size)
{
    const struct virtio_config common = {
        .type = 5,
        .legacy_id = 0x1002,
        .class_code = 0x00ff00, /* unclassified */
        .offered = BALLOON_F_STATS | (cfg->deflate_on_oom ? BALLOON_F_DEFLATE_ON_OOM : 0) |
                   (cfg->page_poison ? BALLOON_F_PAGE_POISON : 0) |
                   (cfg->free_page_reporting ? BALLOON_F_REPORTING : 0),
        .queues = cfg->free_page_reporting ? REPORTING + 1 : REPORTING,
        .queue_size = QUEUE_SIZE,
        .config_bytes = cfg->page_poison ? LONG_CONFIG : SHORT_CONFIG,
        .options = cfg->options,
    };
    struct virtio_balloon *b = calloc(1, sizeof(*b));

    if (!b) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    b->port = cfg->port;
    b->poll_seconds = cfg->poll_seconds;
    vtimer_init(&b->poll, env->clock, NULL, poll_stats, b);
    if (virtio_init(&b->v, &balloon_class, &ops, env, id, &common, why, why_size)) {
        virtio_set_queue_size(&b->v, REPORTING, REPORTING_QUEUE_SIZE);
        b->poll.lock = b->v.pci.dev.lock;
        arm_poll(b);
        if (virtio_attach(&b->v, bus, devfn, why, why_size))
            return &b->v.pci.dev;
    }
    balloon_free(&b->v.pci.dev);
    return NULL;
}
