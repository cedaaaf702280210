/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_virtio.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                                                              \
    do {                                                                                                         \
        if (!(what))                                                                                             \
            abort();                                                                                             \
    } while (0)

void fvd_init(struct fake_virtio *f)
{
    struct irq_pin intx[4];

    memset(f, 0, sizeof(*f));
    f->fe = fake_env_new(FVD_RAM);
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(f->fe, 32 + i);
    f->bus = pci_bus_new(&f->fe->env, intx);
}

void fvd_free(struct fake_virtio *f)
{
    device_free(f->dev);
    CHECK(f->fe->maps_open == 0);
    pci_bus_free(f->bus);
    fake_env_free(f->fe);
}

uint32_t fvd_config(struct fake_virtio *f, unsigned off, unsigned size)
{
    return pci_config_read(f->bus, FVD_DEVFN, off, size);
}

void fvd_set_config(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value)
{
    pci_config_write(f->bus, FVD_DEVFN, off, size, value);
}

void fvd_open(struct fake_virtio *f)
{
    fvd_set_config(f, 0x10, 4, FVD_IO);
    fvd_set_config(f, 0x14, 4, FVD_MSIX);
    fvd_set_config(f, 0x20, 4, FVD_MODERN);
    fvd_set_config(f, 0x24, 4, 0);
    fvd_set_config(f, 0x04, 2, 7);
}

unsigned fvd_cap(struct fake_virtio *f, uint8_t id, uint8_t type)
{
    unsigned at = fvd_config(f, 0x34, 1), steps = 0;

    while (at && steps++ < 48) {
        if (fvd_config(f, at, 1) == id && (!type || fvd_config(f, at + 3, 1) == type))
            return at;
        at = fvd_config(f, at + 1, 1);
    }
    return 0;
}

uint32_t fvd_common(struct fake_virtio *f, unsigned off, unsigned size)
{
    return (uint32_t)fake_readmem(f->fe, FVD_MODERN + off, size);
}

void fvd_set_common(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value)
{
    fake_writemem(f->fe, FVD_MODERN + off, size, value);
}

uint8_t fvd_status(struct fake_virtio *f)
{
    return f->modern ? (uint8_t)fvd_common(f, 0x14, 1) : (uint8_t)fake_in(f->fe, FVD_IO + 0x12, 1);
}

void fvd_set_status(struct fake_virtio *f, uint8_t status)
{
    if (f->modern)
        fvd_set_common(f, 0x14, 1, status);
    else
        fake_out(f->fe, FVD_IO + 0x12, 1, status);
}

uint8_t fvd_isr(struct fake_virtio *f)
{
    return f->modern ? (uint8_t)fvd_common(f, VIRTIO_ISR_AT, 1) : (uint8_t)fake_in(f->fe, FVD_IO + 0x13, 1);
}

uint32_t fvd_device_config(struct fake_virtio *f, unsigned off, unsigned size)
{
    return f->modern ? fvd_common(f, VIRTIO_CONFIG_AT + off, size)
                     : (uint32_t)fake_in(f->fe, (uint16_t)(FVD_IO + 0x14 + off), size);
}

void fvd_set_device_config(struct fake_virtio *f, unsigned off, unsigned size, uint32_t value)
{
    if (f->modern)
        fvd_set_common(f, VIRTIO_CONFIG_AT + off, size, value);
    else
        fake_out(f->fe, (uint16_t)(FVD_IO + 0x14 + off), size, value);
}

uint64_t fvd_offered(struct fake_virtio *f)
{
    uint64_t features;

    if (!f->modern)
        return (uint32_t)fake_in(f->fe, FVD_IO, 4);
    fvd_set_common(f, 0, 4, 0);
    features = fvd_common(f, 4, 4);
    fvd_set_common(f, 0, 4, 1);
    return features | (uint64_t)fvd_common(f, 4, 4) << 32;
}

static void start_modern_queue(struct fake_virtio *f, unsigned n, uint16_t size)
{
    struct fake_virtq *q = &f->q[n];

    fvd_set_common(f, 0x16, 2, n);
    fvd_set_common(f, 0x18, 2, size);
    CHECK(fvd_common(f, 0x18, 2) == size);
    fv_init(q, f->fe, FVD_RING(n), size);
    fvd_set_common(f, 0x20, 4, (uint32_t)q->desc);
    fvd_set_common(f, 0x24, 4, 0);
    fvd_set_common(f, 0x28, 4, (uint32_t)q->avail);
    fvd_set_common(f, 0x30, 4, (uint32_t)q->used);
    fvd_set_common(f, 0x1c, 2, 1);
    CHECK(fvd_common(f, 0x1c, 2) == 1);
}

static void start_legacy_queue(struct fake_virtio *f, unsigned n)
{
    fake_out(f->fe, FVD_IO + 0x0e, 2, n);
    fv_init(&f->q[n], f->fe, FVD_RING(n), (uint16_t)fake_in(f->fe, FVD_IO + 0x0c, 2));
    fake_out(f->fe, FVD_IO + 0x08, 4, FVD_RING(n) >> 12);
}

void fvd_start(struct fake_virtio *f, bool modern, uint64_t features, unsigned queues, uint16_t size)
{
    f->modern = modern;
    fvd_set_status(f, 0);
    fvd_set_status(f, VIRTIO_ACKNOWLEDGE);
    fvd_set_status(f, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    if (modern) {
        features |= VIRTIO_F_VERSION_1;
        for (unsigned i = 0; i < 2; i++) {
            fvd_set_common(f, 8, 4, i);
            fvd_set_common(f, 12, 4, (uint32_t)(features >> 32 * i));
        }
        fvd_set_status(f, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
        CHECK(fvd_status(f) & VIRTIO_FEATURES_OK);
    } else {
        fake_out(f->fe, FVD_IO + 4, 4, (uint32_t)features);
    }
    for (unsigned n = 0; n < queues; n++) {
        if (modern)
            start_modern_queue(f, n, size);
        else
            start_legacy_queue(f, n);
    }
    fvd_set_status(f, (uint8_t)(fvd_status(f) | VIRTIO_DRIVER_OK));
}

void fvd_kick(struct fake_virtio *f, unsigned n)
{
    if (f->modern)
        fvd_set_common(f, VIRTIO_NOTIFY_AT + VIRTIO_NOTIFY_STEP * n, 2, n);
    else
        fake_out(f->fe, FVD_IO + 0x10, 2, n);
}

bool fvd_line(const struct fake_virtio *f)
{
    return f->fe->irq_level[FVD_LINE];
}
