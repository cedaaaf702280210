/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pci/pci.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pci_regs.h"

#define PCI_FUNCTIONS 256
#define PCI_LINES 4
#define ALL_ONES(size) ((size) >= 4 ? UINT32_MAX : (1u << (size) * 8) - 1)

struct pci_bus {
    const struct dev_env *env;
    struct pci_device *functions[PCI_FUNCTIONS];
    struct iolock *window_lock;
    struct iolock *intx_lock;
    struct irq_pin intx[PCI_LINES];
    unsigned intx_count[PCI_LINES]; /* functions that assert the line now */
};

/* ---- windows: where the registers want them ---- */

static unsigned bar_offset(unsigned slot)
{
    return slot == PCI_ROM_SLOT ? PCI_ROM : PCI_BAR0 + 4 * slot;
}

static bool decoding_enabled(const struct pci_device *pci, unsigned slot)
{
    uint16_t command = pci_get_word(pci->config + PCI_COMMAND);

    if (pci->windows[slot].io)
        return command & PCI_COMMAND_IO;
    if (slot == PCI_ROM_SLOT && !(pci->config[PCI_ROM] & PCI_ROM_ENABLE))
        return false;
    return command & PCI_COMMAND_MEMORY;
}

static uint64_t bar_address(const struct pci_device *pci, unsigned slot)
{
    const struct pci_window *w = &pci->windows[slot];
    unsigned off = bar_offset(slot);
    uint64_t at = pci_get_long(pci->config + off);

    if (w->is_64)
        at |= (uint64_t)pci_get_long(pci->config + off + 4) << 32;
    return at & ~(w->size - 1);
}

/* Not 0, not wrapping, not the pattern of BAR sizing; see pci.h. */
static bool place_is_sane(const struct pci_window *w, uint64_t at)
{
    uint64_t top = w->io ? 0xffff : w->is_64 ? UINT64_MAX : UINT32_MAX;

    /* A 64-bit BAR whose upper half is 0 may still be half-way through sizing. */
    if (w->is_64 && at <= UINT32_MAX && at + (w->size - 1) == UINT32_MAX)
        return false;
    return at && at < top && w->size - 1 < top - at;
}

/* ---- windows: mapping, all under the bus's window lock ---- */

static void window_unmap(struct pci_bus *bus, struct pci_window *w)
{
    if (!w->mapped)
        return;
    if (w->region)
        iomap_remove(bus->env->iomap, w->region);
    else
        w->ram->map(w->ram, RAM_UNMAPPED);
    w->mapped = false;
}

static bool overlap(const struct pci_window *a, const struct pci_window *b)
{
    return a->io == b->io && a->wanted_at <= b->mapped_at + (b->size - 1) &&
           b->mapped_at <= a->wanted_at + (a->size - 1);
}

/* Whose mapped window is in the way, among all of the bus; NULL if none. The dispatch tables know
 * nothing of windows that are RAM, so this is asked here. */
static const struct pci_device *who_is_there(struct pci_bus *bus, const struct pci_window *w)
{
    for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
        const struct pci_device *pci = bus->functions[f];

        for (unsigned i = 0; pci && i < PCI_WINDOWS; i++) {
            if (pci->windows[i].mapped && overlap(w, &pci->windows[i]))
                return pci;
        }
    }
    return NULL;
}

/* Maps a wanted window if its place is free; else why[] says what is there. */
static bool window_map(struct pci_bus *bus, struct pci_window *w, char *why, size_t why_size)
{
    const struct pci_device *there = who_is_there(bus, w);

    if (there) {
        snprintf(why, why_size, "taken by %s", there->dev.id);
        return false;
    }
    if (w->region) {
        w->region->base = w->wanted_at;
        w->mapped = iomap_add(bus->env->iomap, w->region, why, why_size);
    } else {
        w->mapped = w->ram->map(w->ram, w->wanted_at);
        snprintf(why, why_size, "no place for memory");
    }
    if (w->mapped)
        w->mapped_at = w->wanted_at;
    return w->mapped;
}

/* Notes a window's wish; what is no longer wanted where it is goes away. True: a new wish. */
static bool window_want(struct pci_bus *bus, struct pci_window *w, bool wanted, uint64_t at)
{
    bool is_new = wanted && (!w->wanted || w->wanted_at != at);

    if (w->mapped && (!wanted || w->mapped_at != at))
        window_unmap(bus, w);
    w->wanted = wanted;
    w->wanted_at = wanted ? at : 0;
    return is_new;
}

/* Every window on the bus that waits for its place is tried, without complaint. */
static void retry_windows(struct pci_bus *bus)
{
    char why[160];

    for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
        struct pci_device *pci = bus->functions[f];

        for (unsigned i = 0; pci && i < PCI_WINDOWS; i++) {
            struct pci_window *w = &pci->windows[i];

            if (w->wanted && !w->mapped)
                window_map(bus, w, why, sizeof(why));
        }
    }
}

/*
 * Maps what this function wants, then what others wait for; new_wishes (a bit per window) says
 * which failures are the guest's latest mistake. The mapped ones that moved are gone already, so
 * that one pass is enough: mapping frees no place.
 */
static void settle_windows(struct pci_device *pci, unsigned new_wishes)
{
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        struct pci_window *w = &pci->windows[i];
        char why[160];

        if (!w->wanted || w->mapped || window_map(pci->bus, w, why, sizeof(why)))
            continue;
        if (new_wishes & 1u << i)
            device_guest_error(&pci->dev, "window %u cannot be at 0x%llx: %s", i,
                               (unsigned long long)w->wanted_at, why);
    }
    retry_windows(pci->bus);
}

static void windows_begin(struct pci_bus *bus)
{
    iolock_enter(bus->window_lock);
    iomap_begin(bus->env->iomap);
}

static void windows_commit(struct pci_bus *bus)
{
    iomap_commit(bus->env->iomap);
    iolock_leave(bus->window_lock);
}

void pci_update_windows(struct pci_device *pci)
{
    unsigned new_wishes = 0;

    if (!pci->bus)
        return;
    windows_begin(pci->bus);
    for (unsigned i = 0; i < PCI_FIXED_SLOT; i++) {
        struct pci_window *w = &pci->windows[i];
        uint64_t at;
        bool wanted;

        if (!w->size)
            continue;
        at = bar_address(pci, i);
        wanted = decoding_enabled(pci, i) && place_is_sane(w, at);
        new_wishes |= (unsigned)window_want(pci->bus, w, wanted, at) << i;
    }
    settle_windows(pci, new_wishes);
    windows_commit(pci->bus);
}

void pci_place_fixed(struct pci_device *pci, unsigned n, bool wanted, uint64_t at)
{
    unsigned slot = PCI_FIXED_SLOT + n;
    struct pci_window *w = &pci->windows[slot];
    bool is_new;

    assert(n < PCI_FIXED && w->size);
    if (!pci->bus)
        return;
    windows_begin(pci->bus);
    is_new = window_want(pci->bus, w, wanted && place_is_sane(w, at), at);
    settle_windows(pci, (unsigned)is_new << slot);
    windows_commit(pci->bus);
}

static void unmap_all(struct pci_device *pci)
{
    windows_begin(pci->bus);
    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        window_want(pci->bus, &pci->windows[i], false, 0);
    retry_windows(pci->bus);
    windows_commit(pci->bus);
}

/* ---- windows: wiring ---- */

static struct pci_window *add_window(struct pci_device *pci, unsigned slot, uint64_t size,
                                     uint64_t least)
{
    struct pci_window *w;

    assert(slot < PCI_WINDOWS && !pci->windows[slot].size && size && size <= 1ull << 40);
    w = &pci->windows[slot];
    w->size = least;
    while (w->size < size)
        w->size <<= 1;
    return w;
}

/* The register that shows the window: type bits fixed, address bits writable. */
static void set_bar(struct pci_device *pci, unsigned slot, uint32_t type, uint32_t extra_writable)
{
    const struct pci_window *w = &pci->windows[slot];
    unsigned off = bar_offset(slot);

    assert(w->size <= 1ull << 31);
    pci_set_long(pci->config + off, type);
    pci_set_long(pci->wmask + off, (uint32_t)~(w->size - 1) | extra_writable);
}

void pci_add_io(struct pci_device *pci, unsigned bar, struct io_region *region)
{
    struct pci_window *w = add_window(pci, bar, region->size, 4);

    assert(bar < PCI_BARS);
    w->io = true;
    w->region = region;
    set_bar(pci, bar, PCI_BAR_IO, 0);
}

void pci_add_mem(struct pci_device *pci, unsigned bar, struct io_region *region, bool prefetch)
{
    struct pci_window *w = add_window(pci, bar, region->size, 16);

    assert(bar < PCI_BARS);
    w->prefetch = prefetch;
    w->region = region;
    set_bar(pci, bar, prefetch ? PCI_BAR_PREFETCH : 0, 0);
}

void pci_make_64(struct pci_device *pci, unsigned bar)
{
    struct pci_window *w = &pci->windows[bar];

    assert(bar + 1 < PCI_BARS && w->size && !w->io && !pci->windows[bar + 1].size);
    w->is_64 = true;
    pci->config[bar_offset(bar)] |= PCI_BAR_64;
    pci_set_long(pci->wmask + bar_offset(bar + 1), UINT32_MAX);
}

void pci_add_ram(struct pci_device *pci, unsigned bar, struct ram_block *ram, bool prefetch)
{
    struct pci_window *w = add_window(pci, bar, ram->size, 4096);

    assert(bar < PCI_BARS);
    w->prefetch = prefetch;
    w->ram = ram;
    set_bar(pci, bar, prefetch ? PCI_BAR_PREFETCH : 0, 0);
}

void pci_add_rom(struct pci_device *pci, struct ram_block *rom)
{
    struct pci_window *w = add_window(pci, PCI_ROM_SLOT, rom->size, 4096);

    w->ram = rom;
    set_bar(pci, PCI_ROM_SLOT, 0, PCI_ROM_ENABLE);
}

void pci_add_fixed(struct pci_device *pci, unsigned n, struct io_region *region)
{
    struct pci_window *w = add_window(pci, PCI_FIXED_SLOT + n, region->size, 4);

    w->io = region->space == IO_PORT;
    w->region = region;
}

/* ---- INTx ---- */

static unsigned intx_line(const struct pci_device *pci)
{
    return ((pci->devfn >> 3) - 1u + pci->config[PCI_INTERRUPT_PIN] - 1u) % PCI_LINES;
}

/* Under the lock to the end, so that two changes reach the fabric in the order of the counts. */
static void intx_count(struct pci_device *pci, bool asserted)
{
    struct pci_bus *bus = pci->bus;
    unsigned line = intx_line(pci);

    iolock_enter(bus->intx_lock);
    if (pci->intx_counted != asserted) {
        pci->intx_counted = asserted;
        bus->intx_count[line] += asserted ? 1u : -1u;
        irq_pin_set(&bus->intx[line], bus->intx_count[line] != 0);
    }
    iolock_leave(bus->intx_lock);
}

/* The one place where status bit and pin follow the level and the disable bit. */
static void derive_intx(struct pci_device *pci)
{
    uint16_t command = pci_get_word(pci->config + PCI_COMMAND);
    bool asserted = pci->intx_level && !(command & PCI_COMMAND_INTX_DISABLE);

    pci->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
    if (pci->intx_level)
        pci->config[PCI_STATUS] |= PCI_STATUS_INTX;
    if (pci->bus && pci->config[PCI_INTERRUPT_PIN] && pci->intx_counted != asserted)
        intx_count(pci, asserted);
}

void pci_set_intx(struct pci_device *pci, bool level)
{
    if (pci->intx_level == level)
        return;
    pci->intx_level = level;
    derive_intx(pci);
}

/* ---- bus mastering ---- */

static const struct dma_port *mastering(void *opaque)
{
    static const struct dma_port off;
    const struct pci_device *pci = opaque;

    return pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER ? &pci->dev.env->dma : &off;
}

static bool gated_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    memset(buf, 0, len);
    return dma_read(mastering(opaque), gpa, buf, len);
}

static bool gated_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    return dma_write(mastering(opaque), gpa, buf, len);
}

static void *gated_map(void *opaque, uint64_t gpa, size_t *len, bool for_write)
{
    return dma_map(mastering(opaque), gpa, len, for_write);
}

/* What was mapped while mastering was on is given back whatever the bit says now. */
static void gated_unmap(void *opaque, uint64_t gpa, void *host, size_t written)
{
    const struct pci_device *pci = opaque;

    dma_unmap(&pci->dev.env->dma, gpa, host, written);
}

static bool gated_discard(void *opaque, uint64_t gpa, size_t len)
{
    return dma_discard(mastering(opaque), gpa, len);
}

static const struct dma_ops gated_dma = {gated_read, gated_write, gated_map, gated_unmap, gated_discard};

/* ---- configuration space ---- */

static bool access_is_sane(unsigned off, unsigned size)
{
    return (size == 1 || size == 2 || size == 4) && off <= PCI_CONFIG_BYTES - size;
}

static bool touches(unsigned off, unsigned size, unsigned first, unsigned bytes)
{
    return off < first + bytes && first < off + size;
}

uint32_t pci_function_read(struct pci_device *pci, unsigned off, unsigned size)
{
    uint32_t v = 0;

    if (!access_is_sane(off, size))
        return ALL_ONES(size);
    if (pci->config_reading)
        pci->config_reading(pci, off, size);
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)pci->config[off + i] << i * 8;
    return v;
}

void pci_function_write(struct pci_device *pci, unsigned off, unsigned size, uint32_t value)
{
    if (!access_is_sane(off, size))
        return;
    for (unsigned i = 0; i < size; i++) {
        uint8_t *reg = &pci->config[off + i], v = (uint8_t)(value >> i * 8);

        *reg = (uint8_t)((*reg & ~pci->wmask[off + i]) | (v & pci->wmask[off + i]));
        *reg &= (uint8_t)~(v & pci->w1cmask[off + i]);
    }
    if (touches(off, size, PCI_COMMAND, 2))
        derive_intx(pci);
    if (touches(off, size, PCI_COMMAND, 2) || touches(off, size, PCI_BAR0, 4 * PCI_BARS) ||
        touches(off, size, PCI_ROM, 4))
        pci_update_windows(pci);
    if (pci->config_written)
        pci->config_written(pci, off, size);
}

/* ---- life ---- */

static void set_header(struct pci_device *pci, const struct pci_ids *ids)
{
    uint8_t *c = pci->config;

    pci_set_word(c + PCI_VENDOR_ID, ids->vendor);
    pci_set_word(c + PCI_DEVICE_ID, ids->device);
    c[PCI_REVISION] = ids->revision;
    c[PCI_CLASS] = (uint8_t)ids->class_code;
    pci_set_word(c + PCI_CLASS + 1, (uint16_t)(ids->class_code >> 8));
    c[PCI_HEADER_TYPE] = ids->multifunction ? PCI_HEADER_MULTIFUNCTION : 0;
    pci_set_word(c + PCI_SUBSYSTEM_VENDOR, ids->subsystem_vendor);
    pci_set_word(c + PCI_SUBSYSTEM, ids->subsystem);
    c[PCI_INTERRUPT_PIN] = ids->interrupt_pin;
}

static void set_header_masks(struct pci_device *pci)
{
    pci_set_word(pci->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
                                               PCI_COMMAND_MASTER | PCI_COMMAND_SERR |
                                               PCI_COMMAND_INTX_DISABLE);
    pci_set_word(pci->w1cmask + PCI_STATUS, PCI_STATUS_W1C);
    pci->wmask[PCI_CACHE_LINE] = 0xff;
    pci->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_device_init(struct pci_device *pci, const struct device_class *cls,
                     const struct dev_env *env, const char *id, const struct pci_ids *ids)
{
    assert(ids->interrupt_pin <= PCI_LINES);
    device_init(&pci->dev, cls, env, id);
    pci->bus = NULL;
    pci->devfn = 0;
    memset(pci->config, 0, sizeof(pci->config));
    memset(pci->wmask, 0, sizeof(pci->wmask));
    memset(pci->w1cmask, 0, sizeof(pci->w1cmask));
    memset(pci->windows, 0, sizeof(pci->windows));
    pci->intx_level = pci->intx_counted = false;
    pci->dma = (struct dma_port){&gated_dma, pci};
    pci->config_written = NULL;
    pci->config_reading = NULL;
    set_header(pci, ids);
    set_header_masks(pci);
    memcpy(pci->config_reset, pci->config, sizeof(pci->config));
}

void pci_device_fini(struct pci_device *pci)
{
    if (pci->bus) {
        unmap_all(pci);
        intx_count(pci, false);
        pci->bus->functions[pci->devfn] = NULL;
        pci->bus = NULL;
    }
    device_fini(&pci->dev);
}

void pci_device_reset(struct pci_device *pci)
{
    memcpy(pci->config, pci->config_reset, sizeof(pci->config));
    pci->intx_level = false;
    derive_intx(pci);
    if (pci->bus)
        unmap_all(pci);
}

const char *pci_device_post_load(struct pci_device *pci)
{
    const uint8_t *now = pci->config, *own = pci->config_reset;

    if (memcmp(now, own, 4) || memcmp(now + PCI_REVISION, own + PCI_REVISION, 4) ||
        now[PCI_HEADER_TYPE] != own[PCI_HEADER_TYPE] ||
        now[PCI_INTERRUPT_PIN] != own[PCI_INTERRUPT_PIN])
        return "saved configuration space is that of another PCI function";
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if ((now[PCI_BAR0 + 4 * i] ^ own[PCI_BAR0 + 4 * i]) & 0xf &
            ~pci->wmask[PCI_BAR0 + 4 * i])
            return "saved base address register is of another kind";
    }
    derive_intx(pci);
    pci_update_windows(pci);
    return NULL;
}

/* ---- the bus ---- */

struct pci_bus *pci_bus_new(const struct dev_env *env, struct irq_pin intx[PCI_LINES])
{
    struct pci_bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        abort();
    bus->env = env;
    bus->window_lock = iolock_new();
    bus->intx_lock = iolock_new();
    memcpy(bus->intx, intx, sizeof(bus->intx));
    return bus;
}

void pci_bus_free(struct pci_bus *bus)
{
    if (!bus)
        return;
    for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
        assert(!bus->functions[f]);
    iolock_free(bus->window_lock);
    iolock_free(bus->intx_lock);
    free(bus);
}

static bool slot_is_empty(const struct pci_bus *bus, unsigned slot)
{
    for (unsigned function = 0; function < 8; function++) {
        if (bus->functions[PCI_DEVFN(slot, function)])
            return false;
    }
    return true;
}

static int first_free(const struct pci_bus *bus)
{
    for (unsigned slot = 2; slot < 32; slot++) {
        if (slot_is_empty(bus, slot))
            return PCI_DEVFN(slot, 0);
    }
    return -1;
}

bool pci_bus_add(struct pci_bus *bus, struct pci_device *pci, int devfn, char *why, size_t why_size)
{
    if (devfn < 0)
        devfn = first_free(bus);
    if (devfn < 0) {
        snprintf(why, why_size, "%s: no free slot on the PCI bus", pci->dev.id);
        return false;
    }
    if (devfn >= PCI_FUNCTIONS) {
        snprintf(why, why_size, "%s: no such PCI address", pci->dev.id);
        return false;
    }
    if (bus->functions[devfn]) {
        snprintf(why, why_size, "%s: PCI address %02x.%x is taken by %s", pci->dev.id,
                 (unsigned)devfn >> 3, (unsigned)devfn & 7, bus->functions[devfn]->dev.id);
        return false;
    }
    memcpy(pci->config_reset, pci->config, sizeof(pci->config));
    pci->bus = bus;
    pci->devfn = (uint8_t)devfn;
    bus->functions[devfn] = pci;
    return true;
}

struct pci_device *pci_bus_get(struct pci_bus *bus, uint8_t devfn)
{
    return bus->functions[devfn];
}

uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size)
{
    struct pci_device *pci = bus->functions[devfn];
    uint32_t v;

    if (!pci)
        return ALL_ONES(size);
    device_enter(&pci->dev);
    v = pci_function_read(pci, off, size);
    device_leave(&pci->dev);
    return v;
}

void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size,
                      uint32_t value)
{
    struct pci_device *pci = bus->functions[devfn];

    if (!pci)
        return;
    device_enter(&pci->dev);
    pci_function_write(pci, off, size, value);
    device_leave(&pci->dev);
}

void pci_bus_foreach(struct pci_bus *bus, void (*fn)(void *opaque, struct pci_device *pci),
                     void *opaque)
{
    for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
        if (bus->functions[f])
            fn(opaque, bus->functions[f]);
    }
}
