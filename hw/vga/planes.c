/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/planes.h"

#include <string.h>

/* How the registers lead host addresses to planes, decoded once for an access. */
struct addressing {
    uint32_t base, bytes; /* the window, from VGA_WINDOW_BASE */
    uint32_t bank;        /* added to the address inside it */
    uint32_t dword_mask;  /* wraps the IBM part at 64 Ki doublewords */
    uint8_t map_mask;
    bool chain4, odd_even_read, odd_even_write, enabled;
    bool plain; /* bytes as they are: latch, modes, masks and colour compare are out of the way */
};

static struct addressing decode(const struct vga_mem *m)
{
    static const struct {
        uint32_t base, bytes;
    } windows[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    const struct vga_regs *r = m->regs;
    unsigned window = r->gr[GR_MISC] >> 2 & 3;
    struct addressing a = {
        .base = windows[window].base,
        .bytes = windows[window].bytes,
        .dword_mask = VGA_LEGACY_BYTES / 4 - 1,
        .map_mask = r->seq[SEQ_MAP_MASK] & 0x0f,
        .chain4 = r->seq[SEQ_MEMORY] & SR4_CHAIN4,
        .odd_even_read = r->gr[GR_MODE] & GR5_ODD_EVEN,
        .odd_even_write = !(r->seq[SEQ_MEMORY] & SR4_NO_ODD_EVEN),
        .enabled = r->misc & MISC_RAM_ENABLE,
    };

    if (vbe_enabled(m->vbe)) {
        a.base = 0;
        a.bytes = 0x10000;
        a.bank = (uint32_t)m->vbe->reg[VBE_BANK] << 16;
        a.dword_mask = UINT32_MAX;
        a.enabled = true;
        a.odd_even_read = a.odd_even_write = false;
        a.chain4 = a.plain = m->vbe->reg[VBE_BPP] != 4;
        if (a.plain)
            a.map_mask = 0x0f;
    }
    return a;
}

/* One byte's way: which doubleword, and which planes may answer. */
struct place {
    uint32_t dword;
    uint8_t planes; /* mask; for a read exactly one bit */
};

static struct place place_of(const struct vga_mem *m, const struct addressing *a, uint32_t addr,
                             bool write)
{
    unsigned read_map = m->regs->gr[GR_READ_MAP];
    struct place p;

    if (a->chain4) {
        p.dword = addr >> 2;
        p.planes = 1 << (addr & 3);
    } else if (write ? a->odd_even_write : a->odd_even_read) {
        p.dword = addr >> 1;
        p.planes = write ? (addr & 1 ? 0x0a : 0x05) : 1 << ((read_map & 2) | (addr & 1));
    } else {
        p.dword = addr;
        p.planes = write ? 0x0f : 1 << (read_map & 3);
    }
    p.dword &= a->dword_mask;
    if (write)
        p.planes &= a->map_mask;
    return p;
}

/* The only way to a doubleword of video memory: NULL beyond its end. */
static uint8_t *dword_at(const struct vga_mem *m, uint32_t dword)
{
    return dword < m->vram_bytes / 4 ? m->vram + (size_t)dword * 4 : NULL;
}

static uint32_t load(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_dword(uint8_t *p, uint32_t value)
{
    p[0] = value;
    p[1] = value >> 8;
    p[2] = value >> 16;
    p[3] = value >> 24;
}

/* Each bit of a plane mask as a byte of ones: bit p goes to bit 8p, without a carry between. */
static uint32_t spread(unsigned planes)
{
    return ((planes & 0x0f) * 0x00204081u & 0x01010101u) * 0xffu;
}

static uint32_t all_planes(uint8_t byte)
{
    return byte * 0x01010101u;
}

static uint8_t rotate_right(uint8_t value, unsigned count)
{
    return value >> count | value << ((8 - count) & 7);
}

/* Read mode 1: a bit for each pixel of the latched octet that equals the compare colour. */
static uint8_t colour_compare(const struct vga_mem *m)
{
    uint32_t differ = (m->latch ^ spread(m->regs->gr[GR_COMPARE])) &
                      spread(m->regs->gr[GR_DONT_CARE]);

    return ~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

static uint8_t read_byte(struct vga_mem *m, const struct addressing *a, uint32_t addr)
{
    struct place p = place_of(m, a, addr, false);
    const uint8_t *at = dword_at(m, p.dword);
    unsigned plane = __builtin_ctz(p.planes);

    if (!at)
        return 0xff;
    m->latch = load(at);
    if (!a->plain && m->regs->gr[GR_MODE] & GR5_READ_MODE1)
        return colour_compare(m);
    return at[plane];
}

/* The logical unit (GR3 bits 4-3) between data and latch, then the bit mask chooses per pixel. */
static uint32_t combine(const struct vga_mem *m, uint32_t data, uint8_t bit_mask)
{
    uint32_t mask = all_planes(bit_mask);

    switch (m->regs->gr[GR_ROTATE] >> 3 & 3) {
    case 1:
        data &= m->latch;
        break;
    case 2:
        data |= m->latch;
        break;
    case 3:
        data ^= m->latch;
        break;
    default:
        break;
    }
    return (data & mask) | (m->latch & ~mask);
}

/* What the four planes would take for a host byte, by write mode. */
static uint32_t write_data(const struct vga_mem *m, uint8_t value)
{
    const uint8_t *gr = m->regs->gr;
    uint8_t rotated = rotate_right(value, gr[GR_ROTATE] & 7);
    uint32_t set = spread(gr[GR_SET_RESET]), enable = spread(gr[GR_ENABLE_SR]);

    switch (gr[GR_MODE] & 3) {
    case 0:
        return combine(m, (all_planes(rotated) & ~enable) | (set & enable), gr[GR_BIT_MASK]);
    case 1:
        return m->latch;
    case 2:
        return combine(m, spread(value & 0x0f), gr[GR_BIT_MASK]);
    default:
        return combine(m, set, gr[GR_BIT_MASK] & rotated);
    }
}

static void touched(struct vga_mem *m, uint32_t at, uint32_t bytes, unsigned planes)
{
    if (!m->watch)
        return;
    vga_watch_touch(m->watch, at, bytes);
    if (planes & 4)
        m->watch->font = m->watch->now;
}

static void write_byte(struct vga_mem *m, const struct addressing *a, uint32_t addr, uint8_t value)
{
    struct place p = place_of(m, a, addr, true);
    uint8_t *at = dword_at(m, p.dword);
    uint32_t data, mask;

    if (!at || !p.planes)
        return;
    data = a->plain ? all_planes(value) : write_data(m, value);
    mask = spread(p.planes);
    store_dword(at, (load(at) & ~mask) | (data & mask));
    touched(m, p.dword * 4, 4, p.planes);
}

/* Bytes are stored as they come, and read as they are, but for the planes that the addressing chooses. */
static bool stores_bytes(const uint8_t *gr)
{
    return !(gr[GR_MODE] & 3) && !gr[GR_ROTATE] && !gr[GR_ENABLE_SR] && gr[GR_BIT_MASK] == 0xff;
}

/* Chain-4 with nothing in the way is plain memory: [addr, addr + size) in one piece. */
static uint8_t *linear(const struct vga_mem *m, const struct addressing *a, uint32_t off,
                       unsigned size, bool write)
{
    const uint8_t *gr = m->regs->gr;
    uint64_t addr = (uint64_t)off - a->base + a->bank;

    if (!a->enabled || !a->chain4 || off < a->base || off - a->base + size > a->bytes ||
        addr + size > m->vram_bytes || addr / 4 + size > a->dword_mask)
        return NULL;
    if (a->plain)
        return m->vram + addr;
    if (write && (a->map_mask != 0x0f || !stores_bytes(gr)))
        return NULL;
    if (!write && gr[GR_MODE] & GR5_READ_MODE1)
        return NULL;
    return m->vram + addr;
}

/* The address inside the window, with bank; false if the byte at `off` is not in it. */
static bool window_addr(const struct addressing *a, uint32_t off, uint32_t *addr)
{
    if (!a->enabled || off < a->base || off - a->base >= a->bytes)
        return false;
    *addr = off - a->base + a->bank;
    return true;
}

uint64_t vga_mem_read(struct vga_mem *m, uint32_t off, unsigned size)
{
    struct addressing a = decode(m);
    const uint8_t *at = linear(m, &a, off, size, false);
    uint64_t value = 0;
    uint32_t addr;
    unsigned i;

    if (at) {
        m->latch = load(m->vram + ((at - m->vram + size - 1) & ~3u));
        for (i = 0; i < size; i++)
            value |= (uint64_t)at[i] << (i * 8);
        return value;
    }
    for (i = 0; i < size; i++) {
        uint8_t byte = window_addr(&a, off + i, &addr) ? read_byte(m, &a, addr) : 0xff;

        value |= (uint64_t)byte << (i * 8);
    }
    return value;
}

void vga_mem_write(struct vga_mem *m, uint32_t off, unsigned size, uint64_t value)
{
    struct addressing a = decode(m);
    uint8_t *at = linear(m, &a, off, size, true);
    uint32_t addr;
    unsigned i;

    for (i = 0; i < size; i++) {
        uint8_t byte = value >> (i * 8);

        if (at)
            at[i] = byte;
        else if (window_addr(&a, off + i, &addr))
            write_byte(m, &a, addr, byte);
    }
    if (at)
        touched(m, at - m->vram, size, 0x0f);
}

struct vga_view vga_mem_view(const struct vga_mem *m)
{
    const uint8_t *gr = m->regs->gr;
    struct addressing a = decode(m);
    struct vga_view view = {.base = a.base, .bytes = a.bytes, .at = a.bank};

    if (!a.enabled)
        return (struct vga_view){VGA_VIEW_NONE};
    if (a.plain)
        view.kind = VGA_VIEW_LINEAR;
    else if (!stores_bytes(gr) || gr[GR_MODE] & GR5_READ_MODE1)
        return (struct vga_view){VGA_VIEW_NONE};
    else if (a.chain4 && a.map_mask == 0x0f)
        view.kind = VGA_VIEW_LINEAR;
    else if (!a.chain4 && a.odd_even_read && a.odd_even_write && a.map_mask == 3 && !(gr[GR_READ_MAP] & 2) &&
             a.bytes == VGA_TEXT_BYTES)
        view.kind = VGA_VIEW_TEXT;
    return view.kind == VGA_VIEW_NONE ? (struct vga_view){VGA_VIEW_NONE} : view;
}
