/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio PCI function in a world of fakes, and a driver of it by either transport. */
#ifndef TESTS_FAKES_FAKE_VIRTIO_H
#define TESTS_FAKES_FAKE_VIRTIO_H

#include "hw/virtio/virtio.h"
#include "tests/fakes/fake_virtq.h"

#define FVD_DEVFN PCI_DEVFN(3, 0)
#define FVD_LINE 34 /* 32 + (slot - 1 + pin) & 3 */
#define FVD_IO 0xc000
#define FVD_MSIX 0xe0000000u
#define FVD_MODERN 0xe0010000u
#define FVD_RAM (4u << 20)
#define FVD_RING(n) (0x10000u * ((n) + 1)) /* where queue n's rings are */
#define FVD_DATA 0x100000u                 /* free for tests from here on */

struct fake_virtio {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct device *dev;
    bool modern;
    struct fake_virtq q[VIRTIO_QUEUES];
};

void fvd_init(struct fake_virtio *f); /* the world; then the test makes f->dev at FVD_DEVFN */
void fvd_open(struct fake_virtio *f); /* BARs where the names say, everything enabled */
void fvd_free(struct fake_virtio *f);

uint32_t fvd_config(struct fake_virtio *f, unsigned off, unsigned size); /* PCI configuration space */
void fvd_set_config(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value);
/* Offset in configuration space of the capability of that virtio type, or with type 0 of id `id`; 0: none. */
unsigned fvd_cap(struct fake_virtio *f, uint8_t id, uint8_t type);

uint32_t fvd_common(struct fake_virtio *f, unsigned off, unsigned size);
void fvd_set_common(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value);
uint8_t fvd_status(struct fake_virtio *f);
void fvd_set_status(struct fake_virtio *f, uint8_t status);
uint8_t fvd_isr(struct fake_virtio *f);
uint32_t fvd_device_config(struct fake_virtio *f, unsigned off, unsigned size);
void fvd_set_device_config(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value);
uint64_t fvd_offered(struct fake_virtio *f);

/* The whole initialization up to DRIVER_OK, with queues of that size (legacy: as offered). Fails the test if refused. */
void fvd_start(struct fake_virtio *f, bool modern, uint64_t features, unsigned queues, uint16_t size);
void fvd_kick(struct fake_virtio *f, unsigned n);
bool fvd_line(const struct fake_virtio *f);

#endif
