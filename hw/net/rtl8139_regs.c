/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers, as one table: both windows show it. DS "Register descriptions". Each has one width here; the
 * dispatcher makes the others of it, and drops writes that are narrower than a register.
 */
#include <string.h>

#include "hw/net/rtl8139_int.h"

enum {
    REG_LOCKED = 1, /* writable only while 9346CR says so */
    REG_FILTER = 2, /* may change what is received */
    REG_CPLUS = 4,  /* not there in an RTL8139C */
};

/* A register, or `count` in a row that are alike. */
struct rtl8139_reg {
    const char *name;
    uint8_t at, bytes, count, flags;
    uint16_t member;   /* where its value is kept ... */
    uint32_t writable; /* ... and what of it a write changes */
    uint32_t (*read)(struct rtl8139 *r, unsigned n);
    void (*write)(struct rtl8139 *r, unsigned n, uint32_t value);
};

/* ---- what needs more than a place ---- */

static uint32_t read_tsd(struct rtl8139 *r, unsigned n)
{
    if (r->cpcr & CPCR_TX && n < 2)
        return r->dtccr[n];
    return r->tsd[n];
}

/* In C+ mode the first two are the address of the counters' dump, with its command. */
static void write_tsd(struct rtl8139 *r, unsigned n, uint32_t v)
{
    if (!(r->cpcr & CPCR_TX))
        rtl8139_write_tsd(r, n, v);
    else if (n == 1)
        r->dtccr[1] = v;
    else if (n == 0)
        rtl8139_write_dtccr(r, v);
}

/* TNPDS and THPDS are two each. A ring that moves is used from its start. */
static void write_tsad(struct rtl8139 *r, unsigned n, uint32_t v)
{
    if (r->tsad[n] != v)
        r->tx_index[n / 2] = 0;
    r->tsad[n] = v;
}

static void write_rdsar(struct rtl8139 *r, unsigned n, uint32_t v)
{
    if (r->rdsar[n] != v)
        r->rx_index = 0;
    r->rdsar[n] = v;
}

static uint32_t read_cr(struct rtl8139 *r, unsigned n)
{
    (void)n;
    return r->cr | (rtl8139_buffer_empty(r) ? CR_BUFE : 0u);
}

static void write_cr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    if (v & CR_RST) {
        rtl8139_soft_reset(r);
        return;
    }
    r->cr = v & (CR_TE | CR_RE);
    rtl8139_tx_enable(r, v & CR_TE);
    rtl8139_rx_enable(r, v & CR_RE);
    rtl8139_tx_run(r);
}

static void write_capr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    rtl8139_write_capr(r, v);
}

static void write_imr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    r->imr = v & INT_ALL;
    rtl8139_pin_update(r);
}

static void write_isr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    rtl8139_acknowledge(r, v);
}

static uint32_t read_tcr(struct rtl8139 *r, unsigned n)
{
    (void)n;
    return r->tcr | (r->c_only ? TCR_VERSION_C : TCR_VERSION_CPLUS);
}

/* "This register can only be changed after having set TE." CLRABT has nothing to send again. */
static void write_tcr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    if (r->cr & CR_TE)
        r->tcr = v & TCR_WRITABLE;
}

static uint32_t read_tctr(struct rtl8139 *r, unsigned n)
{
    (void)n;
    return rtl8139_tctr(r);
}

static void write_tctr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n, (void)v;
    r->tctr_zero_ns = vclock_now_ns(r->pci.dev.env->clock);
    rtl8139_timer_update(r);
}

static void write_timerint(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    r->timerint = v;
    rtl8139_timer_update(r);
}

static void write_mpc(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n, (void)v;
    r->mpc = 0;
}

static void write_ersr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    r->ersr &= (uint8_t)~v;
}

static uint32_t read_9346cr(struct rtl8139 *r, unsigned n)
{
    (void)n;
    return rtl8139_read_9346cr(r);
}

static void write_9346cr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    rtl8139_write_9346cr(r, v);
}

static uint32_t read_config0(struct rtl8139 *r, unsigned n)
{
    (void)r, (void)n;
    return CONFIG0_RESET;
}

static void write_config1(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    r->config1 = (uint8_t)((v & 0xf3) | (r->config1 & 0x0c));
    rtl8139_show_capability(r);
}

static void write_hltclk(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    if (v != 'H' && v != 'R')
        return;
    r->clock_halted = v == 'H';
    rtl8139_tx_run(r);
}

static uint32_t read_revision(struct rtl8139 *r, unsigned n)
{
    (void)n;
    return r->c_only ? RTL_REVISION_C : RTL_REVISION_CPLUS;
}

#define PHY_READ(name)                                                                              \
    static uint32_t read_##name(struct rtl8139 *r, unsigned n)                                      \
    {                                                                                               \
        (void)n;                                                                                    \
        return rtl8139_##name(r);                                                                   \
    }
PHY_READ(msr)
PHY_READ(bmsr)
PHY_READ(anlpar)
PHY_READ(aner)
PHY_READ(cscr)
PHY_READ(tsad_summary)

static void write_bmcr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    rtl8139_write_bmcr(r, v);
}

static void write_tppoll(struct rtl8139 *r, unsigned n, uint32_t v)
{
    (void)n;
    rtl8139_write_tppoll(r, v);
}

/* Each direction starts at its ring's first descriptor when its mode is chosen. */
static void write_cpcr(struct rtl8139 *r, unsigned n, uint32_t v)
{
    uint16_t changed = r->cpcr ^ (uint16_t)v;

    (void)n;
    r->cpcr = v & CPCR_WRITABLE;
    if (changed & CPCR_TX) {
        r->tx_index[RTL_NORMAL] = r->tx_index[RTL_HIGH] = 0;
        r->tx_poll = 0;
    }
    if (changed & CPCR_RX)
        r->rx_index = 0;
}

/* ---- the table ---- */

#define PLACE(m) offsetof(struct rtl8139, m)
static const struct rtl8139_reg table[] = {
    { "reserved", 0x00, 1, 0, 0, 0, 0, NULL, NULL }, /* whatever no other row names: 0 */
    { "IDR", 0x00, 1, 6, REG_FILTER, PLACE(idr), 0xff, NULL, NULL },
    { "MAR", 0x08, 1, 8, REG_FILTER, PLACE(mar), 0xff, NULL, NULL },
    { "TSD", 0x10, 4, 4, 0, 0, 0, read_tsd, write_tsd },
    { "TSAD", 0x20, 4, 4, 0, PLACE(tsad), 0, NULL, write_tsad },
    { "RBSTART", 0x30, 4, 1, 0, PLACE(rbstart), UINT32_MAX, NULL, NULL },
    { "ERBCR", 0x34, 2, 1, 0, PLACE(erbcr), 0, NULL, NULL },
    { "ERSR", 0x36, 1, 1, 0, PLACE(ersr), 0, NULL, write_ersr },
    { "CR", 0x37, 1, 1, REG_FILTER, 0, 0, read_cr, write_cr },
    { "CAPR", 0x38, 2, 1, 0, PLACE(capr), 0, NULL, write_capr },
    { "CBR", 0x3a, 2, 1, 0, PLACE(cbr), 0, NULL, NULL },
    { "IMR", 0x3c, 2, 1, 0, PLACE(imr), 0, NULL, write_imr },
    { "ISR", 0x3e, 2, 1, 0, PLACE(isr), 0, NULL, write_isr },
    { "TCR", 0x40, 4, 1, 0, 0, 0, read_tcr, write_tcr },
    { "RCR", 0x44, 4, 1, REG_FILTER, PLACE(rcr), RCR_WRITABLE, NULL, NULL },
    { "TCTR", 0x48, 4, 1, 0, 0, 0, read_tctr, write_tctr },
    { "MPC", 0x4c, 4, 1, 0, PLACE(mpc), 0, NULL, write_mpc },
    { "9346CR", 0x50, 1, 1, REG_FILTER, 0, 0, read_9346cr, write_9346cr },
    { "CONFIG0", 0x51, 1, 1, 0, 0, 0, read_config0, NULL },
    { "CONFIG1", 0x52, 1, 1, REG_LOCKED, PLACE(config1), 0, NULL, write_config1 },
    { "TimerInt", 0x54, 4, 1, 0, PLACE(timerint), 0, NULL, write_timerint },
    { "MSR", 0x58, 1, 1, 0, 0, 0, read_msr, NULL },
    { "CONFIG3", 0x59, 1, 1, REG_LOCKED, PLACE(config3), 0x70, NULL, NULL },
    { "CONFIG4", 0x5a, 1, 1, REG_LOCKED, PLACE(config4), 0xf5, NULL, NULL },
    { "HLTCLK", 0x5b, 1, 1, 0, 0, 0, NULL, write_hltclk },
    { "MULINT", 0x5c, 2, 1, 0, PLACE(multint), 0x0fff, NULL, NULL },
    { "RERID", 0x5e, 1, 1, 0, 0, 0, read_revision, NULL },
    { "TSAD summary", 0x60, 2, 1, 0, 0, 0, read_tsad_summary, NULL },
    { "BMCR", 0x62, 2, 1, 0, PLACE(bmcr), 0, NULL, write_bmcr },
    { "BMSR", 0x64, 2, 1, 0, 0, 0, read_bmsr, NULL },
    { "ANAR", 0x66, 2, 1, 0, PLACE(anar), 0x2de0, NULL, NULL },
    { "ANLPAR", 0x68, 2, 1, 0, 0, 0, read_anlpar, NULL },
    { "ANER", 0x6a, 2, 1, 0, 0, 0, read_aner, NULL },
    { "DIS, FCSC", 0x6c, 2, 2, 0, 0, 0, NULL, NULL }, /* counters of what does not happen */
    { "NWAYTR", 0x70, 2, 1, 0, PLACE(nwaytr), 0x0080, NULL, NULL },
    { "REC", 0x72, 2, 1, 0, 0, 0, NULL, NULL },
    { "CSCR", 0x74, 2, 1, 0, PLACE(cscr), CSCR_WRITABLE, read_cscr, NULL },
    { "PHY1_PARM", 0x78, 4, 1, 0, PLACE(phy1_parm), UINT32_MAX, NULL, NULL },
    { "TW_PARM", 0x7c, 4, 1, 0, PLACE(tw_parm), UINT32_MAX, NULL, NULL },
    { "PHY2_PARM", 0x80, 1, 1, 0, PLACE(phy2_parm), 0xff, NULL, NULL },
    { "CRC", 0x84, 1, 8, 0, PLACE(wake_crc), 0xff, NULL, NULL },
    { "Wakeup", 0x8c, 1, 64, 0, PLACE(wake_mask), 0xff, NULL, NULL },
    { "LSBCRC", 0xcc, 1, 8, 0, PLACE(wake_lsb), 0xff, NULL, NULL },
    { "CONFIG5", 0xd8, 1, 1, 0, PLACE(config5), 0x7f, NULL, NULL },
    { "TPPoll", 0xd9, 1, 1, REG_CPLUS, 0, 0, NULL, write_tppoll },
    { "CPCR", 0xe0, 2, 1, REG_CPLUS, PLACE(cpcr), 0, NULL, write_cpcr },
    { "RDSAR", 0xe4, 4, 2, REG_CPLUS, PLACE(rdsar), 0, NULL, write_rdsar },
    { "ETThR", 0xec, 1, 1, REG_CPLUS, PLACE(etthr), 0x3f, NULL, NULL },
};
#define ROWS (sizeof(table) / sizeof(table[0]))

/* ---- access ---- */

static void *place(struct rtl8139 *r, const struct rtl8139_reg *reg, unsigned n)
{
    return (uint8_t *)r + reg->member + n * reg->bytes;
}

static uint32_t kept(struct rtl8139 *r, const struct rtl8139_reg *reg, unsigned n)
{
    switch (reg->member ? reg->bytes : 0) {
    case 1: return *(const uint8_t *)place(r, reg, n);
    case 2: return *(const uint16_t *)place(r, reg, n);
    case 4: return *(const uint32_t *)place(r, reg, n);
    default: return 0;
    }
}

static void keep(struct rtl8139 *r, const struct rtl8139_reg *reg, unsigned n, uint32_t value)
{
    uint32_t v = (kept(r, reg, n) & ~reg->writable) | (value & reg->writable);

    switch (reg->member && reg->writable ? reg->bytes : 0) {
    case 1: *(uint8_t *)place(r, reg, n) = (uint8_t)v; break;
    case 2: *(uint16_t *)place(r, reg, n) = (uint16_t)v; break;
    case 4: *(uint32_t *)place(r, reg, n) = v; break;
    default: break;
    }
}

static const struct rtl8139_reg *reg_at(const struct rtl8139 *r, uint64_t off)
{
    const struct rtl8139_reg *reg = &table[r->reg_at[off]];

    return r->c_only && reg->flags & REG_CPLUS ? &table[0] : reg;
}

static uint64_t reg_read(void *chip, uint64_t off, unsigned size)
{
    struct rtl8139 *r = chip;
    const struct rtl8139_reg *reg = reg_at(r, off);
    unsigned n = reg->count ? (unsigned)(off - reg->at) / reg->bytes : 0;

    (void)size;
    return reg->read ? reg->read(r, n) : kept(r, reg, n);
}

static void reg_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct rtl8139 *r = chip;
    const struct rtl8139_reg *reg = reg_at(r, off);
    unsigned n = reg->count ? (unsigned)(off - reg->at) / reg->bytes : 0;

    (void)size;
    if (reg->flags & REG_LOCKED && !rtl8139_unlocked(r))
        device_guest_error(&r->pci.dev, "%s is written without 9346CR's leave", reg->name);
    else if (reg->write)
        reg->write(r, n, (uint32_t)value);
    else
        keep(r, reg, n, (uint32_t)value);
    if (reg->flags & REG_FILTER && r->port)
        net_rx_filter_changed(r->port);
    rtl8139_rx_look(r);
}

/* Used only when TSD or TPPoll asks for it, which no driver forgets. */
static const struct io_span posted[] = { { 0x20, 16 } };

void rtl8139_regs_init(struct rtl8139 *r)
{
    memset(r->widths, IO_W1, sizeof(r->widths));
    memset(r->reg_at, 0, sizeof(r->reg_at));
    for (unsigned i = 1; i < ROWS; i++) {
        for (unsigned b = 0; b < table[i].bytes * table[i].count; b++) {
            r->reg_at[table[i].at + b] = (uint8_t)i;
            r->widths[table[i].at + b] = table[i].bytes;
        }
    }
    r->ops = (struct io_ops){ .read = reg_read, .write = reg_write, .widths_at = r->widths,
                              .posted = posted, .posted_count = 1 };
}
