/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The register table at work: decoding, reading, writing. */
#include "hw/net/e1000_int.h"

static E1000_GET(none_read)
{
    (void)c, (void)place;
    return 0;
}

static E1000_GET(stored_read)
{
    return c->reg[place];
}

static E1000_SET(none_write)
{
    (void)c, (void)row, (void)place, (void)value;
}

static E1000_SET(stored_write)
{
    e1000_store(c, row, place, value);
}

/* Of the flexible filters every other word is there. */
static E1000_SET(set_even)
{
    if (!((place - row->place) & 1))
        e1000_store(c, row, place, value);
}

#define READ_none         e1000_none_read
#define READ_stored       e1000_stored_read
#define READ_counter      e1000_counter
#define READ_counter_pair e1000_counter_pair
#define READ_get_status   e1000_get_status
#define READ_get_eecd     e1000_get_eecd
#define READ_get_icr      e1000_get_icr

#define WRITE_none         e1000_none_write
#define WRITE_stored       e1000_stored_write
#define WRITE_set_even     e1000_set_even
#define WRITE_set_ctrl     e1000_set_ctrl
#define WRITE_set_ctrl_ext e1000_set_ctrl_ext
#define WRITE_set_eecd     e1000_set_eecd
#define WRITE_set_eerd     e1000_set_eerd
#define WRITE_set_mdic     e1000_set_mdic
#define WRITE_set_pba      e1000_set_pba
#define WRITE_set_icr      e1000_set_icr
#define WRITE_set_itr      e1000_set_itr
#define WRITE_set_ics      e1000_set_ics
#define WRITE_set_ims      e1000_set_ims
#define WRITE_set_imc      e1000_set_imc
#define WRITE_set_rdtr     e1000_set_rdtr
#define WRITE_set_tidv     e1000_set_tidv
#define WRITE_set_tctl     e1000_set_tctl
#define WRITE_set_tdt      e1000_set_tdt
#define WRITE_set_rctl     e1000_set_rctl
#define WRITE_set_rx_ring  e1000_set_rx_ring
#define WRITE_set_rdt      e1000_set_rdt
#define WRITE_set_ra       e1000_set_ra
#define WRITE_set_filter   e1000_set_filter

static const struct e1000_row rows[] = {
#define ROW(name, off, words, reset, writable, read, write)                                        \
    {#name, off, words, E1000_##name, reset, writable, READ_##read, WRITE_##write},
    E1000_REGISTERS(ROW)
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct e1000_row *e1000_rows(unsigned *count)
{
    *count = ROWS;
    return rows;
}

/*
 * Registers whose write has no effect until a later one to another: the transmit ring's place, which TDT or TCTL
 * sets to work, and those that only ever hold a value. A doorbell is not among them, and RDT neither: a frame may
 * be waiting for it while the guest sleeps.
 */
const struct io_span e1000_posted[E1000_POSTED] = {
    {0x0170, 4}, /* FCTTV */
    {0x0410, 4}, /* TIPG */
    {0x0e00, 4}, /* LEDCTL */
    {0x3800, 12}, /* TDBAL, TDBAH, TDLEN */
};

/* 13.3: where drivers of the 82542 look for the same registers. */
static const struct {
    uint16_t off, words, stands_for;
} aliases[] = {
    {0x0004, 1, 0x0000},  {0x0040, 32, 0x5400}, {0x0108, 1, 0x2820},   {0x0110, 3, 0x2800}, {0x0120, 1, 0x2810},
    {0x0128, 1, 0x2818},  {0x0160, 1, 0x2168},  {0x0168, 1, 0x2160},   {0x0200, 128, 0x5200},
    {0x0420, 3, 0x3800},  {0x0430, 1, 0x3810},  {0x0438, 1, 0x3818},   {0x0440, 1, 0x3820}, {0x0600, 128, 0x5600},
};

static uint32_t canonical(uint32_t off)
{
    for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (off >= aliases[i].off && off - aliases[i].off < aliases[i].words * 4u)
            return off - aliases[i].off + aliases[i].stands_for;
    }
    return off;
}

void e1000_init_decode(struct e1000 *c)
{
    for (unsigned n = 0; n < ROWS; n++) {
        for (uint32_t i = 0; i < rows[n].words; i++)
            c->row_at[rows[n].off / 4 + i] = (uint8_t)(n + 1);
    }
    for (uint32_t off = 0; off < E1000_DECODE_BYTES; off += 4) {
        if (canonical(off) != off)
            c->row_at[off / 4] = c->row_at[canonical(off) / 4];
    }
}

/* NULL: there is no register. An alias decodes to the row of what it stands for. */
static const struct e1000_row *decode(const struct e1000 *c, uint32_t off, unsigned *place)
{
    const struct e1000_row *row;

    if (off >= E1000_DECODE_BYTES || !c->row_at[off / 4])
        return NULL;
    row = &rows[c->row_at[off / 4] - 1];
    if (off - row->off >= row->words * 4)
        off = canonical(off);
    *place = row->place + (off - row->off) / 4;
    return row;
}

uint32_t e1000_reg_read(struct e1000 *c, uint32_t off)
{
    unsigned place;
    const struct e1000_row *row = decode(c, off, &place);

    if (row)
        return row->read(c, place);
    device_guest_error(&c->pci.dev, "read of register 0x%05x, which is not there", off);
    return 0;
}

void e1000_reg_write(struct e1000 *c, uint32_t off, uint32_t value)
{
    unsigned place;
    const struct e1000_row *row = decode(c, off, &place);

    if (row)
        row->write(c, row, place, value);
    else
        device_guest_error(&c->pci.dev, "write of 0x%x to register 0x%05x, which is not there", value, off);
}
