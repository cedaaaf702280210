/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pci/msix.h"

#include <assert.h>
#include <string.h>

#include "hw/pci/pci_regs.h"

enum { CAP_ID = 0x11 };
enum { CONTROL = 2, TABLE = 4, PENDING = 8 }; /* from the capability's start */
enum { ENABLE = 0x8000, MASK_ALL = 0x4000 };  /* of message control */
enum { ADDRESS, UPPER, DATA, VECTOR_CONTROL, WORDS };
#define VECTOR_MASKED 1u
#define PENDING_AT 0x800

static uint16_t control(const struct msix *x)
{
    return pci_get_word(x->pci->config + x->cap + CONTROL);
}

bool msix_enabled(const struct msix *x)
{
    return x->count && control(x) & ENABLE;
}

static bool masked(const struct msix *x, unsigned vector)
{
    return control(x) & MASK_ALL || x->table[vector * WORDS + VECTOR_CONTROL] & VECTOR_MASKED;
}

/* A message is a memory write, which a function that is no bus master cannot do: it is lost. */
static void send(struct msix *x, unsigned vector)
{
    const uint32_t *entry = x->table + vector * WORDS;

    if (x->pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER)
        msi_send(&x->pci->dev.env->msi, entry[ADDRESS] | (uint64_t)entry[UPPER] << 32, entry[DATA]);
}

void msix_notify(struct msix *x, unsigned vector)
{
    if (vector >= x->count || !msix_enabled(x))
        return;
    if (masked(x, vector))
        x->pending |= 1u << vector;
    else
        send(x, vector);
}

static void send_pending(struct msix *x)
{
    if (!msix_enabled(x))
        return;
    for (unsigned i = 0; i < x->count; i++) {
        if (!(x->pending & 1u << i) || masked(x, i))
            continue;
        x->pending &= ~(1u << i);
        send(x, i);
    }
}

void msix_config_written(struct msix *x, unsigned off, unsigned size)
{
    if (x->count && off < x->cap + TABLE && x->cap + CONTROL < off + size)
        send_pending(x);
}

/* ---- the BAR ---- */

static uint64_t bar_read(void *chip, uint64_t off, unsigned size)
{
    const struct msix *x = chip;

    (void)size;
    if (off / 4 < x->count * WORDS)
        return x->table[off / 4];
    return off == PENDING_AT ? x->pending : 0;
}

static void bar_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct msix *x = chip;
    unsigned word = (unsigned)off / 4;

    (void)size;
    if (word >= x->count * WORDS)
        return; /* pending bits are read-only */
    if (word % WORDS == VECTOR_CONTROL)
        value &= VECTOR_MASKED;
    if (word % WORDS == ADDRESS)
        value &= ~3ull;
    x->table[word] = (uint32_t)value;
    send_pending(x);
}

static const struct io_ops bar_ops = {.read = bar_read, .write = bar_write, .widths = IO_W4};

/* ---- life ---- */

void msix_init(struct msix *x, struct pci_device *pci, unsigned cap, unsigned bar, unsigned count,
               const char *region_name)
{
    uint8_t *c = pci->config + cap;

    assert(count && count <= MSIX_MAX && cap + MSIX_CAP_BYTES <= PCI_CONFIG_BYTES);
    x->pci = pci;
    x->cap = cap;
    x->count = count;
    c[0] = CAP_ID;
    pci_set_word(c + CONTROL, (uint16_t)(count - 1));
    pci_set_word(pci->wmask + cap + CONTROL, ENABLE | MASK_ALL);
    pci_set_long(c + TABLE, bar);
    pci_set_long(c + PENDING, PENDING_AT | bar);
    x->region = (struct io_region){.name = region_name,
                                   .space = IO_MEM,
                                   .size = MSIX_BAR_BYTES,
                                   .ops = &bar_ops,
                                   .chip = x,
                                   .lock = pci->dev.lock};
    pci_add_mem(pci, bar, &x->region, false);
    msix_reset(x);
}

void msix_reset(struct msix *x)
{
    memset(x->table, 0, sizeof(x->table));
    for (unsigned i = 0; i < x->count; i++)
        x->table[i * WORDS + VECTOR_CONTROL] = VECTOR_MASKED;
    x->pending = 0;
}

const char *msix_check(const struct msix *x)
{
    if (x->pending >> x->count)
        return "a vector is pending that is not there";
    for (unsigned i = 0; i < MSIX_MAX * WORDS; i++) {
        uint32_t bad = i / WORDS >= x->count             ? UINT32_MAX
                       : i % WORDS == VECTOR_CONTROL     ? ~VECTOR_MASKED
                       : i % WORDS == ADDRESS            ? 3
                                                         : 0;

        if (x->table[i] & bad)
            return "the table of vectors has bits that cannot be";
    }
    return NULL;
}
