/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices there are and what -device and -global may say of them: one table for all users. */
#ifndef DM_DEVPROPS_H
#define DM_DEVPROPS_H

#include "dm/config/optlist.h"

struct device_desc {
    const char *name, *parent, *bus, *help;
    bool user_creatable;            /* by -device; the others are part of a machine */
    const struct opt_desc *props;   /* without "id" */
};

const struct device_desc *device_descs(unsigned *count);
const struct device_desc *device_desc_find(const char *name); /* NULL: unknown */

/* Why a driver of QEMU's is not here, or what to use: "network cards come later"; never NULL. */
const char *device_refusal(const char *driver);

#endif
