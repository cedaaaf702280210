/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/fw_cfg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SELECTOR = 0, DATA = 1, DMA_HIGH = 0, DMA_LOW = 4 };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };

enum { /* the DMA structure's control word; its upper half is the key to select */
    DMA_ERROR = 0x01,
    DMA_READ = 0x02,
    DMA_SKIP = 0x04,
    DMA_SELECT = 0x08,
    DMA_WRITE = 0x10,
};

struct item {
    uint16_t key; /* not for files: theirs is by position */
    const uint8_t *data;
    size_t size;
    uint8_t *owned; /* == data if it is ours to free */
};

struct file {
    char name[FW_CFG_FILE_NAME_BYTES];
    struct item item;
};

/* An entry of the directory, big endian. */
struct dir_entry {
    uint8_t size[4], key[2], reserved[2];
    char name[FW_CFG_FILE_NAME_BYTES];
};

struct fw_cfg {
    struct device dev;
    uint16_t key;      /* the selected item ... */
    uint64_t offset;   /* ... and how far it was read; at most its size */
    uint32_t dma_high; /* upper half of the structure's address; 0 again after each transfer */
    struct item *items;
    unsigned item_count;
    struct file *files; /* by name */
    unsigned file_count;
    struct io_region ports, dma;
};

/* ---- items ---- */

static void *must_realloc(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (!p)
        abort();
    return p;
}

static struct item *find_item(const struct fw_cfg *f, uint16_t key)
{
    if (key >= FW_CFG_FILE_FIRST && key - FW_CFG_FILE_FIRST < (int)f->file_count)
        return &f->files[key - FW_CFG_FILE_FIRST].item;
    for (unsigned i = 0; i < f->item_count; i++) {
        if (f->items[i].key == key)
            return &f->items[i];
    }
    return NULL;
}

static void item_set(struct item *item, const void *data, size_t size, bool copy)
{
    uint8_t *old = item->owned;

    item->owned = NULL;
    item->data = data;
    item->size = size;
    if (copy) {
        item->owned = must_realloc(NULL, size ? size : 1);
        if (size)
            memcpy(item->owned, data, size);
        item->data = item->owned;
    }
    free(old);
}

static void set_key(struct fw_cfg *f, uint16_t key, const void *data, size_t size, bool copy)
{
    struct item *item = find_item(f, key);

    if (!item) {
        f->items = must_realloc(f->items, (f->item_count + 1) * sizeof(*f->items));
        item = &f->items[f->item_count++];
        *item = (struct item){.key = key};
    }
    item_set(item, data, size, copy);
}

static void add(struct device *dev, uint16_t key, const void *data, size_t size, bool copy)
{
    assert(key < FW_CFG_FILE_FIRST || key >= 0x8000);
    device_enter(dev);
    set_key((struct fw_cfg *)dev, key, data, size, copy);
    device_leave(dev);
}

void fw_cfg_add_bytes(struct device *dev, uint16_t key, const void *data, size_t size)
{
    add(dev, key, data, size, true);
}

void fw_cfg_borrow(struct device *dev, uint16_t key, const void *data, size_t size)
{
    add(dev, key, data, size, false);
}

static void add_number(struct device *dev, uint16_t key, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> i * 8);
    add(dev, key, bytes, size, true);
}

void fw_cfg_add_u16(struct device *dev, uint16_t key, uint16_t value)
{
    add_number(dev, key, value, 2);
}

void fw_cfg_add_u32(struct device *dev, uint16_t key, uint32_t value)
{
    add_number(dev, key, value, 4);
}

void fw_cfg_add_u64(struct device *dev, uint16_t key, uint64_t value)
{
    add_number(dev, key, value, 8);
}

/* ---- files ---- */

static void put_be(uint8_t *p, uint64_t value, unsigned size)
{
    while (size--) {
        p[size] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_be(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    while (size--)
        v = v << 8 | *p++;
    return v;
}

static void rebuild_directory(struct fw_cfg *f)
{
    size_t size = 4 + f->file_count * sizeof(struct dir_entry);
    uint8_t *dir = must_realloc(NULL, size);

    put_be(dir, f->file_count, 4);
    for (unsigned i = 0; i < f->file_count; i++) {
        struct dir_entry e = {.reserved = {0, 0}};

        put_be(e.size, f->files[i].item.size, 4);
        put_be(e.key, FW_CFG_FILE_FIRST + i, 2);
        memcpy(e.name, f->files[i].name, sizeof(e.name));
        memcpy(dir + 4 + i * sizeof(e), &e, sizeof(e));
    }
    set_key(f, FW_CFG_FILE_DIR, dir, size, true);
    free(dir);
}

/* The file of that name, made in its place if there is none; NULL: no room. */
static struct file *get_file(struct fw_cfg *f, const char *name)
{
    unsigned at = 0;

    while (at < f->file_count && strcmp(f->files[at].name, name) < 0)
        at++;
    if (at < f->file_count && !strcmp(f->files[at].name, name))
        return &f->files[at];
    if (f->file_count == FW_CFG_FILES_MAX)
        return NULL;
    f->files = must_realloc(f->files, (f->file_count + 1) * sizeof(*f->files));
    memmove(&f->files[at + 1], &f->files[at], (f->file_count - at) * sizeof(*f->files));
    f->file_count++;
    memset(&f->files[at], 0, sizeof(f->files[at]));
    memcpy(f->files[at].name, name, strlen(name));
    return &f->files[at];
}

bool fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t size)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;
    struct file *file;

    if (!name[0] || strlen(name) >= FW_CFG_FILE_NAME_BYTES || size > UINT32_MAX)
        return false;
    device_enter(dev);
    file = get_file(f, name);
    if (file) {
        item_set(&file->item, data, size, true);
        rebuild_directory(f);
    }
    device_leave(dev);
    return file;
}

/* ---- the ports ---- */

static void select_key(struct fw_cfg *f, uint16_t key)
{
    f->key = key;
    f->offset = 0;
}

/* What is left of the selected item, at *data. */
static size_t remaining(const struct fw_cfg *f, const uint8_t **data)
{
    const struct item *item = find_item(f, f->key);

    if (!item || f->offset >= item->size)
        return 0;
    *data = item->data + f->offset;
    return item->size - (size_t)f->offset;
}

static uint32_t read_bytes(struct fw_cfg *f, uint8_t *buf, uint32_t count)
{
    const uint8_t *data = NULL;
    size_t left = remaining(f, &data);
    uint32_t n = count < left ? count : (uint32_t)left;

    if (n)
        memcpy(buf, data, n);
    memset(buf + n, 0, count - n);
    f->offset += n;
    return count;
}

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    uint8_t v;

    if (off != DATA || size != 1)
        return UINT64_MAX; /* the selector cannot be read */
    read_bytes(chip, &v, 1);
    return v;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    if (off == SELECTOR && size == 2)
        select_key(chip, (uint16_t)value);
}

static uint32_t port_read_string(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count)
{
    return off == DATA && size == 1 ? read_bytes(chip, buf, count) : 0;
}

static const uint8_t port_widths[] = {IO_W2, IO_W1};

static const struct io_ops port_ops = {
    .read = port_read,
    .write = port_write,
    .read_string = port_read_string,
    .widths_at = port_widths,
};

/* ---- DMA ---- */

/* True if all went well. `length` is the guest's: only the item bounds the work. */
static bool dma_read_item(struct fw_cfg *f, uint64_t gpa, uint32_t length)
{
    static const uint8_t zeros[FW_CFG_ZERO_BYTES];
    const struct dma_port *dma = &f->dev.env->dma;
    const uint8_t *data = NULL;
    size_t left = remaining(f, &data);
    size_t n = length < left ? length : left, rest = length - n;

    if (n && !dma_write(dma, gpa, data, n))
        return false;
    f->offset += n;
    if (rest > sizeof(zeros))
        return false;
    return !rest || dma_write(dma, gpa + n, zeros, rest);
}

static void dma_skip(struct fw_cfg *f, uint32_t length)
{
    const uint8_t *data;
    size_t left = remaining(f, &data);

    f->offset += length < left ? length : left;
}

static bool dma_carry_out(struct fw_cfg *f, uint32_t control, uint32_t length, uint64_t gpa)
{
    if (control & DMA_SELECT)
        select_key(f, (uint16_t)(control >> 16));
    if (control & DMA_READ)
        return dma_read_item(f, gpa, length);
    if (control & DMA_WRITE)
        return false; /* no item is writable */
    if (control & DMA_SKIP)
        dma_skip(f, length);
    return true;
}

/* The structure is read once; what the transfer may write over it no longer matters. */
static void dma_start(struct fw_cfg *f, uint64_t gpa)
{
    const struct dma_port *dma = &f->dev.env->dma;
    uint8_t raw[16], result[4];
    bool ok = dma_read(dma, gpa, raw, sizeof(raw));

    if (ok)
        ok = dma_carry_out(f, (uint32_t)get_be(raw, 4), (uint32_t)get_be(raw + 4, 4),
                           get_be(raw + 8, 8));
    if (!ok)
        device_guest_error(&f->dev, "DMA by the structure at 0x%llx failed",
                           (unsigned long long)gpa);
    put_be(result, ok ? 0 : DMA_ERROR, sizeof(result));
    dma_write(dma, gpa, result, sizeof(result));
}

static uint64_t dma_port_read(void *chip, uint64_t off, unsigned size)
{
    static const uint8_t signature[8] = "QEMU CFG";
    uint32_t v;

    (void)chip;
    (void)size;
    memcpy(&v, signature + off, sizeof(v));
    return v;
}

static void dma_port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct fw_cfg *f = chip;
    uint32_t half = __builtin_bswap32((uint32_t)value);
    uint64_t gpa = (uint64_t)f->dma_high << 32 | half;

    (void)size;
    if (off == DMA_HIGH) {
        f->dma_high = half;
        return;
    }
    f->dma_high = 0;
    dma_start(f, gpa);
}

static const struct io_ops dma_ops = {
    .read = dma_port_read, .write = dma_port_write, .widths = IO_W4};

/* ---- life ---- */

static void fw_cfg_free(struct device *dev)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;

    iomap_remove(dev->env->iomap, &f->ports);
    iomap_remove(dev->env->iomap, &f->dma);
    for (unsigned i = 0; i < f->item_count; i++)
        free(f->items[i].owned);
    for (unsigned i = 0; i < f->file_count; i++)
        free(f->files[i].item.owned);
    free(f->items);
    free(f->files);
    device_fini(dev);
    free(f);
}

static const struct dev_field fields[] = {
    DEV_FIELD(struct fw_cfg, U16, key, 0, 0),
    DEV_FIELD(struct fw_cfg, U64, offset, 0, 1ull << 40),
    DEV_FIELD(struct fw_cfg, U32, dma_high, 0, 0),
};

static const struct device_class fw_cfg_class = {
    .name = "fw_cfg",
    .title = "firmware configuration",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = fw_cfg_free,
};

struct device *fw_cfg_new(const struct dev_env *env, const char *id,
                          const struct fw_cfg_config *cfg, char *why, size_t why_size)
{
    struct fw_cfg *f = calloc(1, sizeof(*f));

    if (!f)
        abort();
    device_init(&f->dev, &fw_cfg_class, env, id);
    f->ports = (struct io_region){.name = "fw_cfg", .space = IO_PORT, .base = cfg->port,
                                  .size = 2, .ops = &port_ops, .chip = f, .lock = f->dev.lock};
    f->dma = f->ports;
    f->dma.name = "fw_cfg.dma";
    f->dma.base = (uint64_t)cfg->port + 4;
    f->dma.size = 8;
    f->dma.ops = &dma_ops;
    if (!iomap_add(env->iomap, &f->ports, why, why_size) ||
        !iomap_add(env->iomap, &f->dma, why, why_size)) {
        device_free(&f->dev);
        return NULL;
    }
    fw_cfg_add_bytes(&f->dev, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(&f->dev, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
    device_enter(&f->dev);
    rebuild_directory(f);
    device_leave(&f->dev);
    device_reset(&f->dev);
    return &f->dev;
}
