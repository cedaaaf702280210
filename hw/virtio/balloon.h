/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traditional memory balloon. VIRTIO 1.2, section 5.5: pages that the guest puts into the balloon, or reports as
 * free, go back to the host (dma_discard()); the host asks for a size, the guest tells how far it has come and how it
 * uses its memory.
 *
 *   queue 0 inflate, 1 deflate, 2 statistics, and with free page reporting 3 reports
 *
 * The calls below hold the device's lock.
 */
#ifndef HW_VIRTIO_BALLOON_H
#define HW_VIRTIO_BALLOON_H

#include "hw/device.h"
#include "hw/virtio/options.h"

struct pci_bus;

/* Statistics, 5.5.6.3, by their tags. */
enum virtio_balloon_stat {
    BALLOON_SWAP_IN, BALLOON_SWAP_OUT, BALLOON_MAJOR_FAULTS, BALLOON_MINOR_FAULTS, BALLOON_FREE_MEMORY,
    BALLOON_TOTAL_MEMORY, BALLOON_AVAILABLE_MEMORY, BALLOON_DISK_CACHES, BALLOON_HTLB_PGALLOC,
    BALLOON_HTLB_PGFAIL, BALLOON_STATS
};
#define BALLOON_UNKNOWN UINT64_MAX /* of a statistic: the guest does not tell */

struct virtio_balloon_stats {
    uint64_t value[BALLOON_STATS]; /* memory in bytes; the others are counts */
    int64_t updated_s;             /* when, by wall_seconds(); 0: never */
};

struct balloon_port {
    /* What virtio_balloon_pages() gives is another. Any thread, lock held: to be passed on later. */
    void (*changed)(void *opaque);
    int64_t (*wall_seconds)(void *opaque); /* since 1970 */
    void *opaque;
};

struct virtio_balloon_config {
    struct balloon_port port;
    bool deflate_on_oom;      /* the guest may take pages back without asking */
    bool free_page_reporting; /* it tells which pages are free, balloon or not */
    bool page_poison;         /* it tells what free pages have to contain */
    uint32_t poll_seconds;    /* as virtio_balloon_set_poll() */
    struct virtio_options options;
};

/* NULL with why[]. devfn < 0: the first free slot. */
struct device *virtio_balloon_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                                  const struct virtio_balloon_config *cfg, char *why, size_t why_size);

/* How many pages of 4 KiB the balloon is to hold; a reset leaves it. */
void virtio_balloon_set_target(struct device *dev, uint32_t pages);
uint32_t virtio_balloon_pages(const struct device *dev); /* holds, as the guest says */

/* Statistics are asked for this often; 0: only when a driver starts. */
void virtio_balloon_set_poll(struct device *dev, uint32_t seconds);
uint32_t virtio_balloon_poll(const struct device *dev);
void virtio_balloon_get_stats(const struct device *dev, struct virtio_balloon_stats *stats);

#endif
