/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/floppy/fdc_geometry.h"

#include <string.h>

#define D(type) (1u << FDC_DRIVE_##type)
#define R(rate) (1u << FDC_RATE_##rate)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
    DD525 = D(360) | D(120) | D(144) | D(288),
    DD35 = D(144) | D(288) | D(120),
    HD525 = D(120) | D(144) | D(288),
    HD35 = D(144) | D(288),
};

/*
 * The first drive of a mask in the order 360, 120, 144, 288 is AUTO's choice, but for 3.5-inch
 * double density, which is far more usual than its twin on 5.25 inch.
 */
static const struct {
    struct fdc_format f;
    enum fdc_drive_type usual;
} formats[] = {
    {{40, 1, 8, DD525, 0, false}, FDC_DRIVE_360},  /* 160 KB */
    {{40, 1, 9, DD525, 0, false}, FDC_DRIVE_360},  /* 180 KB */
    {{40, 2, 8, DD525, 0, false}, FDC_DRIVE_360},  /* 320 KB */
    {{40, 2, 9, DD525, 0, false}, FDC_DRIVE_360},  /* 360 KB */
    {{80, 2, 9, DD35, R(250K), false}, FDC_DRIVE_144},  /* 720 KB */
    {{80, 2, 10, DD35, R(250K), false}, FDC_DRIVE_144}, /* 800 KB */
    {{82, 2, 10, DD35, R(250K), false}, FDC_DRIVE_144},
    {{83, 2, 10, DD35, R(250K), false}, FDC_DRIVE_144},
    {{80, 2, 13, HD35, R(250K), false}, FDC_DRIVE_144},
    {{80, 2, 14, HD35, R(250K), false}, FDC_DRIVE_144},
    {{80, 2, 15, HD525, R(500K), false}, FDC_DRIVE_120}, /* 1.2 MB */
    {{80, 2, 18, HD525, R(500K), false}, FDC_DRIVE_144}, /* 1.44 MB */
    {{82, 2, 18, HD525, R(500K), false}, FDC_DRIVE_144},
    {{83, 2, 18, HD525, R(500K), false}, FDC_DRIVE_144},
    {{80, 2, 20, HD525, R(500K), false}, FDC_DRIVE_144}, /* 1.6 MB */
    {{80, 2, 21, HD35, R(500K), false}, FDC_DRIVE_144},  /* 1.68 MB, DMF */
    {{82, 2, 21, HD35, R(500K), false}, FDC_DRIVE_144},  /* 1.72 MB */
    {{83, 2, 21, HD35, R(500K), false}, FDC_DRIVE_144},
    {{80, 2, 22, HD35, R(500K), false}, FDC_DRIVE_144},
    {{80, 2, 23, HD35, R(500K), false}, FDC_DRIVE_144},
    {{80, 2, 24, HD35, R(500K), false}, FDC_DRIVE_144},
    {{80, 2, 36, D(288), R(1M), false}, FDC_DRIVE_288}, /* 2.88 MB */
    {{80, 2, 39, D(288), R(1M), false}, FDC_DRIVE_288},
    {{80, 2, 40, D(288), R(1M), false}, FDC_DRIVE_288},
    {{80, 2, 44, D(288), R(1M), false}, FDC_DRIVE_288},
    {{80, 2, 48, D(288), R(1M), false}, FDC_DRIVE_288},
};

/* What an image of no known size is taken for, smallest first. */
static const struct {
    enum fdc_drive_type type;
    uint16_t sectors;
} standard[] = {
    {FDC_DRIVE_360, 720},   {FDC_DRIVE_120, 2400},  {FDC_DRIVE_144, 2880},
    {FDC_DRIVE_288, 2880},  {FDC_DRIVE_288, 5760},  {FDC_DRIVE_AUTO, 2880},
    {FDC_DRIVE_AUTO, 5760},
};

static unsigned size_of(const struct fdc_format *f)
{
    return (unsigned)f->cylinders * f->heads * f->sectors;
}

/*
 * Disks of 5.25 inch turn faster in a 1.2 MB drive than in their own, which makes 300 of 250 kbit/s.
 * SeaBIOS asks a 360 KB drive for 300 too, which only we can tell from 250: taken.
 */
static void settle_rates(struct fdc_format *f, enum fdc_drive_type drive)
{
    if (f->cylinders == 40)
        f->rates = drive == FDC_DRIVE_120 ? R(300K) : R(250K) | R(300K);
    else if (f->rates == R(250K) && drive == FDC_DRIVE_120)
        f->rates = R(300K);
    f->double_step = f->cylinders == 40 && drive == FDC_DRIVE_120;
}

static bool pick_exact(enum fdc_drive_type type, uint64_t sectors, struct fdc_format *format,
                       enum fdc_drive_type *drive)
{
    for (unsigned i = 0; i < COUNT(formats); i++) {
        enum fdc_drive_type in = type == FDC_DRIVE_AUTO ? formats[i].usual : type;

        if (size_of(&formats[i].f) != sectors || !(formats[i].f.drives >> in & 1))
            continue;
        *format = formats[i].f;
        *drive = in;
        settle_rates(format, in);
        return true;
    }
    return false;
}

static bool known_size(uint64_t sectors)
{
    for (unsigned i = 0; i < COUNT(formats); i++) {
        if (size_of(&formats[i].f) == sectors)
            return true;
    }
    return false;
}

bool fdc_pick_format(enum fdc_drive_type type, uint64_t sectors, struct fdc_format *format,
                     enum fdc_drive_type *drive)
{
    if (pick_exact(type, sectors, format, drive))
        return true;
    for (unsigned i = 0; !known_size(sectors) && i < COUNT(standard); i++) {
        if (standard[i].type == type && sectors <= standard[i].sectors)
            return pick_exact(type, standard[i].sectors, format, drive);
    }
    return false;
}

static const struct {
    const char *name;
    uint8_t cmos;
} types[FDC_DRIVE_TYPES] = {
    [FDC_DRIVE_NONE] = {"none", 0}, [FDC_DRIVE_AUTO] = {"auto", 0}, [FDC_DRIVE_360] = {"360", 1},
    [FDC_DRIVE_120] = {"120", 2},   [FDC_DRIVE_144] = {"144", 4},   [FDC_DRIVE_288] = {"288", 5},
};

unsigned fdc_cmos_type(enum fdc_drive_type type)
{
    return types[type].cmos;
}

const char *fdc_drive_type_name(enum fdc_drive_type type)
{
    return types[type].name;
}

bool fdc_drive_type_parse(const char *word, enum fdc_drive_type *type)
{
    for (unsigned i = 0; i < FDC_DRIVE_TYPES; i++) {
        if (!strcmp(types[i].name, word)) {
            *type = (enum fdc_drive_type)i;
            return true;
        }
    }
    return false;
}
