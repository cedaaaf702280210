/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/dma/i8237.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 8, PER_CHIP = 4, CHIPS = 2, PAGES = 15 };

enum { /* registers of one chip */
    REG_COMMAND = 8, /* read: status */
    REG_REQUEST = 9,
    REG_MASK_ONE = 10,
    REG_MODE = 11,
    REG_CLEAR_FLIP_FLOP = 12,
    REG_MASTER_CLEAR = 13, /* read: temporary register */
    REG_CLEAR_MASK = 14,
    REG_MASK_ALL = 15,
};

enum {
    COMMAND_DISABLE = 0x04,
    SELECT_SET = 0x04, /* in the request and single mask registers */
    SELECT_CHANNEL = 0x03,
    MODE_TYPE = 0x0c,
    MODE_VERIFY = 0x00,
    MODE_WRITE = 0x04, /* device to memory */
    MODE_READ = 0x08,
    MODE_AUTOINIT = 0x10,
    MODE_DECREMENT = 0x20,
    MODE_CASCADE = 0xc0,
    MODE_BITS = 0xfc,
};

struct i8237 {
    struct device dev;
    uint16_t base_address[CHANNELS], address[CHANNELS];
    uint16_t base_count[CHANNELS], count[CHANNELS];
    uint8_t mode[CHANNELS];
    uint8_t page[PAGES];
    uint8_t command[CHIPS], request[CHIPS], mask[CHIPS];
    uint8_t terminal[CHIPS]; /* the status register's low half; a read clears it */
    bool flip_flop[CHIPS];   /* the next address or count byte is the high one */
    struct io_region bytes, words, pages;
};

/* ---- registers of one chip ---- */

static uint8_t take_byte(struct i8237 *d, unsigned chip, uint16_t value)
{
    bool high = d->flip_flop[chip];

    d->flip_flop[chip] = !high;
    return (uint8_t)(value >> (high ? 8 : 0));
}

static uint8_t chip_read(struct i8237 *d, unsigned chip, unsigned reg)
{
    unsigned channel = chip * PER_CHIP + reg / 2 % PER_CHIP;
    uint8_t v = 0;

    if (reg < REG_COMMAND)
        return take_byte(d, chip, reg & 1 ? d->count[channel] : d->address[channel]);
    switch (reg) {
    case REG_COMMAND:
        v = (uint8_t)(d->request[chip] << 4 | d->terminal[chip]);
        d->terminal[chip] = 0;
        break;
    case REG_MASK_ALL: v = d->mask[chip] | 0xf0; break;
    }
    return v;
}

/* Base and current registers are written together, a byte at a time. */
static void put_byte(struct i8237 *d, unsigned chip, uint16_t *base, uint16_t *current, uint8_t v)
{
    if (d->flip_flop[chip])
        *base = (uint16_t)((*base & 0x00ff) | v << 8);
    else
        *base = (uint16_t)((*base & 0xff00) | v);
    *current = *base;
    d->flip_flop[chip] = !d->flip_flop[chip];
}

static void select_bit(uint8_t *bits, uint8_t value)
{
    uint8_t bit = (uint8_t)(1u << (value & SELECT_CHANNEL));

    *bits = (uint8_t)((*bits & ~bit) | (value & SELECT_SET ? bit : 0));
}

static void master_clear(struct i8237 *d, unsigned chip)
{
    d->command[chip] = d->request[chip] = d->terminal[chip] = 0;
    d->flip_flop[chip] = false;
    d->mask[chip] = 0x0f;
}

static void control_write(struct i8237 *d, unsigned chip, unsigned reg, uint8_t v)
{
    switch (reg) {
    case REG_COMMAND: d->command[chip] = v; break;
    case REG_REQUEST: select_bit(&d->request[chip], v); break;
    case REG_MASK_ONE: select_bit(&d->mask[chip], v); break;
    case REG_MODE: d->mode[chip * PER_CHIP + (v & SELECT_CHANNEL)] = v & MODE_BITS; break;
    case REG_CLEAR_FLIP_FLOP: d->flip_flop[chip] = false; break;
    case REG_MASTER_CLEAR: master_clear(d, chip); break;
    case REG_CLEAR_MASK: d->mask[chip] = 0; break;
    case REG_MASK_ALL: d->mask[chip] = v & 0x0f; break;
    }
}

static void chip_write(struct i8237 *d, unsigned chip, unsigned reg, uint8_t v)
{
    unsigned channel = chip * PER_CHIP + reg / 2 % PER_CHIP;

    if (reg >= REG_COMMAND)
        control_write(d, chip, reg, v);
    else if (reg & 1)
        put_byte(d, chip, &d->base_count[channel], &d->count[channel], v);
    else
        put_byte(d, chip, &d->base_address[channel], &d->address[channel], v);
}

/* ---- ports ---- */

static uint64_t bytes_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return chip_read(chip, 0, (unsigned)off);
}

static void bytes_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    chip_write(chip, 0, (unsigned)off, (uint8_t)value);
}

static uint64_t words_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return chip_read(chip, 1, (unsigned)off / 2);
}

static void words_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    chip_write(chip, 1, (unsigned)off / 2, (uint8_t)value);
}

static uint64_t pages_read(void *chip, uint64_t off, unsigned size)
{
    const struct i8237 *d = chip;

    (void)size;
    return d->page[off];
}

static void pages_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct i8237 *d = chip;

    (void)size;
    d->page[off] = (uint8_t)value;
}

static const struct io_ops bytes_ops = {
    .read = bytes_read, .write = bytes_write, .widths = IO_W1};
static const struct io_ops words_ops = {
    .read = words_read, .write = words_write, .widths = IO_W1};
static const struct io_ops pages_ops = {
    .read = pages_read, .write = pages_write, .widths = IO_W1};

/* ---- transfers ---- */

/* Where each channel's page register is, from port 0x81 on (290550, "DMA Low Page Registers"). */
static const uint8_t page_of[CHANNELS] = {6, 2, 0, 1, 14, 10, 8, 9};

/* Bytes of one transfer on the channel. */
static unsigned unit_bytes(unsigned channel)
{
    return channel < PER_CHIP ? 1 : 2;
}

static uint64_t guest_address(const struct i8237 *d, unsigned channel)
{
    uint64_t page = d->page[page_of[channel]];

    if (channel < PER_CHIP)
        return page << 16 | d->address[channel];
    return (page & 0xfe) << 16 | (uint64_t)d->address[channel] << 1;
}

static bool may_transfer(struct i8237 *d, unsigned channel, bool to_memory)
{
    unsigned chip = channel / PER_CHIP, type = d->mode[channel] & MODE_TYPE;

    if (d->mask[chip] & 1u << channel % PER_CHIP || d->command[chip] & COMMAND_DISABLE ||
        (d->mode[channel] & MODE_CASCADE) == MODE_CASCADE)
        return false;
    if (type == MODE_VERIFY || type == (to_memory ? MODE_WRITE : MODE_READ))
        return true;
    device_guest_error(&d->dev, "channel %u: mode 0x%02x does not fit the transfer", channel,
                       d->mode[channel]);
    return false;
}

static void move(struct i8237 *d, unsigned channel, bool to_memory, uint8_t *buf, size_t len)
{
    const struct dma_port *dma = &d->dev.env->dma;

    if ((d->mode[channel] & MODE_TYPE) == MODE_VERIFY)
        return;
    if (to_memory)
        dma_write(dma, guest_address(d, channel), buf, len);
    else if (!dma_read(dma, guest_address(d, channel), buf, len))
        memset(buf, 0, len);
}

/* Units in one go: as far as the address runs on; downwards, each by itself. */
static unsigned run_units(const struct i8237 *d, unsigned channel, unsigned units)
{
    unsigned room = 0x10000u - d->address[channel];

    if (d->mode[channel] & MODE_DECREMENT)
        return 1;
    return units < room ? units : room;
}

static void step(struct i8237 *d, unsigned channel, unsigned units)
{
    if (d->mode[channel] & MODE_DECREMENT)
        d->address[channel] = (uint16_t)(d->address[channel] - units);
    else
        d->address[channel] = (uint16_t)(d->address[channel] + units);
    d->count[channel] = (uint16_t)(d->count[channel] - units);
}

static void reach_terminal_count(struct i8237 *d, unsigned channel)
{
    unsigned chip = channel / PER_CHIP;
    uint8_t bit = (uint8_t)(1u << channel % PER_CHIP);

    d->terminal[chip] |= bit;
    d->request[chip] &= (uint8_t)~bit;
    if (d->mode[channel] & MODE_AUTOINIT) {
        d->address[channel] = d->base_address[channel];
        d->count[channel] = d->base_count[channel];
    } else {
        d->mask[chip] |= bit;
    }
}

static size_t transfer(struct i8237 *d, unsigned channel, bool to_memory, uint8_t *buf, size_t len,
                       bool *terminal)
{
    unsigned unit = unit_bytes(channel);
    unsigned left = d->count[channel] + 1u; /* units in this round, at most 65536 */
    unsigned units = len / unit < left ? (unsigned)(len / unit) : left;

    if (!units || !may_transfer(d, channel, to_memory))
        return 0;
    *terminal = units == left;
    for (unsigned done = 0; done < units;) {
        unsigned n = run_units(d, channel, units - done);

        move(d, channel, to_memory, buf + (size_t)done * unit, (size_t)n * unit);
        step(d, channel, n);
        done += n;
    }
    if (*terminal)
        reach_terminal_count(d, channel);
    return (size_t)units * unit;
}

size_t dma8237_transfer(const struct dma8237_channel *ch, bool to_memory, void *buf, size_t len,
                        bool *terminal)
{
    size_t moved;

    *terminal = false;
    if (!ch->dma || ch->channel >= CHANNELS || ch->channel == PER_CHIP)
        return 0;
    device_enter(ch->dma);
    moved = transfer((struct i8237 *)ch->dma, ch->channel, to_memory, buf, len, terminal);
    device_leave(ch->dma);
    return moved;
}

/* ---- life ---- */

static void i8237_free(struct device *dev)
{
    struct i8237 *d = (struct i8237 *)dev;

    iomap_remove(dev->env->iomap, &d->bytes);
    iomap_remove(dev->env->iomap, &d->words);
    iomap_remove(dev->env->iomap, &d->pages);
    device_fini(dev);
    free(d);
}

static const struct dev_field fields[] = {
    DEV_FIELD_ARRAY(struct i8237, U16, base_address, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U16, address, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U16, base_count, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U16, count, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U8, mode, 0, MODE_BITS),
    DEV_FIELD_ARRAY(struct i8237, U8, page, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U8, command, 0, 0),
    DEV_FIELD_ARRAY(struct i8237, U8, request, 0, 0x0f),
    DEV_FIELD_ARRAY(struct i8237, U8, mask, 0x0f, 0x0f),
    DEV_FIELD_ARRAY(struct i8237, U8, terminal, 0, 0x0f),
    DEV_FIELD_ARRAY(struct i8237, BOOL, flip_flop, 0, 1),
};

static const struct device_class i8237_class = {
    .name = "i8237",
    .title = "two 8237A DMA controllers",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = i8237_free,
};

struct device *i8237_new(const struct dev_env *env, const char *id, const struct i8237_config *cfg,
                         char *why, size_t why_size)
{
    struct i8237 *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    device_init(&d->dev, &i8237_class, env, id);
    d->bytes = (struct io_region){.name = "dma.bytes", .space = IO_PORT, .base = cfg->port_bytes,
                                  .size = 16, .ops = &bytes_ops, .chip = d, .lock = d->dev.lock};
    d->words = d->pages = d->bytes;
    d->words.name = "dma.words";
    d->words.base = cfg->port_words;
    d->words.size = 32;
    d->words.ops = &words_ops;
    d->pages.name = "dma.pages";
    d->pages.base = cfg->port_pages;
    d->pages.size = PAGES;
    d->pages.ops = &pages_ops;
    if (!iomap_add(env->iomap, &d->bytes, why, why_size) ||
        !iomap_add(env->iomap, &d->words, why, why_size) ||
        !iomap_add(env->iomap, &d->pages, why, why_size)) {
        device_free(&d->dev);
        return NULL;
    }
    device_reset(&d->dev);
    return &d->dev;
}
