/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest text protocol: a client makes accesses, steps the clock and watches interrupt lines, in
 * place of a vCPU. One command a line, one answer a line ("OK ..." or "FAIL ..."); "IRQ raise N" and
 * "IRQ lower N" (N: GSI) come before the OK of the command that caused them. docs/qtest.md lists it.
 */
#ifndef DM_QTEST_H
#define DM_QTEST_H

#include <glib.h>
#include <stdbool.h>

#include "hw/env.h"
#include "ioreq/iomap.h"

struct chardev;
struct irq_fabric;
struct qtest;

struct qtest_machine {
    struct iomap *iomap;
    struct vclock *clock; /* stepped */
    struct dma_port dma;
    struct irq_fabric *irq; /* NULL: no lines to set */
    void (*closed)(void *opaque); /* the client went away */
    void *opaque;
};

/* Serves the protocol on chr (attaches to it). log_path may be NULL; error if it cannot be written. */
struct qtest *qtest_new(struct chardev *chr, const struct qtest_machine *machine,
                        const char *log_path, GError **error);
void qtest_free(struct qtest *qtest);

/* The interrupt fabric's output, with a struct qtest as opaque. */
void qtest_irq(void *qtest, unsigned gsi, bool level);

#endif
