/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world for one device under test: tables, a stepped clock, RAM, and a record of what it did. */
#ifndef TESTS_FAKES_FAKE_ENV_H
#define TESTS_FAKES_FAKE_ENV_H

#include "hw/device.h"
#include "hw/env.h"

#define FAKE_LINES 64

struct fake_env {
    struct dev_env env;
    struct io_reader reader;
    uint8_t *ram; /* guest physical 0 .. ram_bytes */
    size_t ram_bytes;
    unsigned maps_open; /* dma_map without its unmap */
    unsigned discards;  /* calls of dma_discard */
    uint64_t discarded; /* bytes that it took; they read as zero */
    bool irq_level[FAKE_LINES];
    unsigned irq_raised[FAKE_LINES]; /* rising edges */
    unsigned msi_sent;
    uint64_t msi_address; /* of the last one */
    uint32_t msi_data;
    unsigned requests[MACHINE_REQUESTS];
    unsigned request_arg;
    bool has_cpu; /* accesses are a processor's, whose registers are these */
    struct cpu_regs regs;
    unsigned guest_errors;
    char last_guest_error[200];
};

struct fake_env *fake_env_new(size_t ram_bytes);
void fake_env_free(struct fake_env *fe);
struct irq_pin fake_irq(struct fake_env *fe, unsigned line);

/* Accesses through iomap_dispatch(), as a vCPU would make them. */
uint64_t fake_in(struct fake_env *fe, uint16_t port, unsigned size);
void fake_out(struct fake_env *fe, uint16_t port, unsigned size, uint64_t value);
void fake_ins(struct fake_env *fe, uint16_t port, unsigned size, void *buf, uint32_t count);
void fake_outs(struct fake_env *fe, uint16_t port, unsigned size, const void *buf, uint32_t count);
uint64_t fake_readmem(struct fake_env *fe, uint64_t addr, unsigned size);
void fake_writemem(struct fake_env *fe, uint64_t addr, unsigned size, uint64_t value);

void fake_step(struct fake_env *fe, int64_t delta_ns);

/* A field of the device's, by its name; ends the test if there is none. */
uint64_t fake_field(struct device *dev, const char *name);

#endif
