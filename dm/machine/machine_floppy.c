/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floppy controller and its drives: -drive if=floppy (-fda, -fdb), and -device floppy. */
#include <string.h>

#include "block/block.h"
#include "block/open.h"
#include "dm/backends.h"
#include "dm/irq.h"
#include "dm/machine/machine_int.h"
#include "hw/floppy/fdc.h"

#define FDC_PORT 0x3f0
#define FDC_IRQ 6
#define FDC_DMA 2

struct floppies {
    struct fdc_drive_config drive[FDC_DRIVES]; /* type NONE: free */
    int bootindex[FDC_DRIVES];                 /* -1: none */
};

/* A -global property of the driver, which need not be a -device. */
static enum fdc_drive_type global_type(const struct machine *m, const char *driver,
                                       const char *name, enum fdc_drive_type otherwise)
{
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    const struct device_config d = {.driver = (char *)driver, .props = none};
    const char *word = device_prop(m, &d, name);

    if (word)
        fdc_drive_type_parse(word, &otherwise);
    return otherwise;
}

static enum fdc_drive_type fallback(const struct machine *m)
{
    return global_type(m, "isa-fdc", "fallback", FDC_DRIVE_288);
}

static void put_config_drives(struct machine *m, struct floppies *f)
{
    static const char *const names[FDC_DRIVES] = {"fdtypeA", "fdtypeB"};
    GPtrArray *drives = m->parts.config->drives;
    enum fdc_drive_type type = global_type(m, "floppy", "drive-type", FDC_DRIVE_AUTO);

    for (guint i = 0; i < drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(drives, i);

        if (d->interface != DRIVE_IF_FLOPPY || d->unit < 0 || d->unit >= FDC_DRIVES)
            continue;
        f->drive[d->unit] = (struct fdc_drive_config){
            .type = global_type(m, "isa-fdc", names[d->unit], type),
            .fallback = fallback(m),
            .blk = backends_drive(m->parts.backends, d->id),
        };
    }
}

static bool read_bootindex(struct machine *m, const struct device_config *d, int *bootindex,
                           GError **error)
{
    *bootindex = (int)g_ascii_strtoll(device_prop(m, d, "bootindex") ?: "-1", NULL, 0);
    return *bootindex < 0 || m->pci ||
           device_error(d, error, "bootindex: SeaBIOS orders drives on PCI only; use -boot order=a");
}

static bool put_device(struct machine *m, struct floppies *f, const struct device_config *d,
                       GError **error)
{
    uint64_t unit = device_number(m, d, "unit", f->drive[0].type == FDC_DRIVE_NONE ? 0 : 1);
    const char *drive = device_prop(m, d, "drive");
    struct fdc_drive_config c = {.type = FDC_DRIVE_AUTO, .fallback = fallback(m)};

    if (unit >= FDC_DRIVES || f->drive[unit].type != FDC_DRIVE_NONE)
        return device_error(d, error, "no free place: there are units 0 (A) and 1 (B)%s",
                            device_prop(m, d, "unit") ? ", each once" : "");
    fdc_drive_type_parse(device_prop(m, d, "drive-type") ?: "auto", &c.type);
    c.blk = backends_drive(m->parts.backends, drive);
    if (!c.blk)
        return device_error(d, error, "no -drive has the id '%s'", drive ? drive : "");
    machine_name_disk(m, d, c.blk);
    f->drive[unit] = c;
    return read_bootindex(m, d, &f->bootindex[unit], error);
}

static bool put_devices(struct machine *m, struct floppies *f, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (!strcmp(d->driver, "floppy") && !put_device(m, f, d, error))
            return false;
    }
    return true;
}

static bool tell_firmware(struct machine *m, const struct device *fdc, const struct floppies *f,
                          GError **error)
{
    for (unsigned unit = 0; unit < FDC_DRIVES; unit++) {
        g_autofree char *path = g_strdup_printf("/pci@i0cf8/isa@1/fdc@%04x/floppy@%u", FDC_PORT,
                                                unit);

        m->firmware.floppy_types[unit] = fdc_cmos_type(isa_fdc_drive_type(fdc, unit));
        if (f->bootindex[unit] >= 0 &&
            !firmware_add_boot(&m->firmware, path, f->bootindex[unit], error))
            return false;
    }
    return true;
}

bool machine_add_floppies(struct machine *m, GError **error)
{
    struct floppies f = {.bootindex = {-1, -1}};
    struct fdc_config c = {
        .iobase = FDC_PORT,
        .irq = irq_fabric_pin(m->parts.irq, FDC_IRQ),
        .dma = {m->dma, FDC_DMA},
        .immediate = vclock_is_stepped(m->parts.env->clock),
    };
    struct device *fdc;

    put_config_drives(m, &f);
    if (!put_devices(m, &f, error))
        return false;
    memcpy(c.drive, f.drive, sizeof(c.drive));
    fdc = isa_fdc_new(m->parts.env, "fdc", &c, WHY);
    return machine_keep_irq(m, fdc, FDC_IRQ) && tell_firmware(m, fdc, &f, error);
}
