/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rows of the conformance suite share: a PCI bus behind a host bridge, and the run over all of them. */
#ifndef TESTS_FAKES_CONFORM_RIG_H
#define TESTS_FAKES_CONFORM_RIG_H

#include "hw/pci/pci.h"
#include "tests/fakes/conformance.h"

/* Places in rig->extra. The makers' own begin with EXTRA_FIRST. */
enum { EXTRA_BUS, EXTRA_BRIDGE, EXTRA_FIRST };

extern char rig_why[200]; /* where a maker may have its device's refusal */

struct device *rig_make_i440fx(struct rig *rig); /* makes the bus, too */
/* For a function on the bus it returns; the bridge stands beside it. */
struct pci_bus *rig_make_bridge(struct rig *rig);
void rig_unmake_pci(struct rig *rig); /* nothing if there is no bus */
/* What stands beside the row's device, both of one class. */
void rig_copy_device(struct device *to, struct device *from);
/* The bridge's state goes along (if there is one): it holds the address of the next configuration access. */
void rig_copy_bridge(struct rig *to, struct rig *from);

/* A driver's configuration write. */
void rig_config_write(struct rig *rig, unsigned devfn, unsigned off, uint32_t value);
/* As firmware leaves the row's function: each window at a place of its own, decoded; it may be a master. */
void rig_open_windows(struct rig *rig);
/* A configuration write as a driver or an enemy makes it; nothing if there is no bus. */
void rig_event_pci(struct rig *rig, struct rng *rng);

struct conform_check {
    const char *name;
    const char *(*run)(const struct conform_row *row);
};

#define CONFORM_CHECKS 6
extern const struct conform_check conform_checks[CONFORM_CHECKS];

/* Every check over every row, each a test of cmocka's; how many failed. */
int conform_run(const struct conform_row *rows, unsigned count);

#endif
