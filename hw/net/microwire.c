/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/microwire.h"

#define COMMAND_BITS 8 /* opcode of two bits, address of six, behind the start bit */
#define WORD_BITS    16

enum { OP_EXTENDED, OP_WRITE, OP_READ, OP_ERASE };
enum { EXTENDED_EWDS, EXTENDED_WRAL, EXTENDED_ERAL, EXTENDED_EWEN }; /* the address's two high bits */

const char *const microwire_states[5] = {"standby", "command", "reading", "data", "done"};

static unsigned opcode(const struct microwire *m) { return m->command >> 6; }
static unsigned address(const struct microwire *m) { return m->command & (MICROWIRE_WORDS - 1); }
static unsigned extended(const struct microwire *m) { return m->command >> 4 & 3; }

static void enter(struct microwire *m, enum microwire_state state)
{
    m->state = (uint8_t)state;
    m->bits = 0;
    m->out = true;
}

static void fill(struct microwire *m, uint16_t value)
{
    for (unsigned i = 0; m->write_enabled && i < MICROWIRE_WORDS; i++)
        m->word[i] = value;
}

static void set(struct microwire *m, uint16_t value)
{
    if (m->write_enabled)
        m->word[address(m)] = value;
}

static void run_extended(struct microwire *m)
{
    switch (extended(m)) {
    case EXTENDED_EWEN: m->write_enabled = true; break;
    case EXTENDED_EWDS: m->write_enabled = false; break;
    case EXTENDED_ERAL: fill(m, 0xffff); break;
    case EXTENDED_WRAL: enter(m, MICROWIRE_DATA); return;
    }
    enter(m, MICROWIRE_DONE);
}

static void run_command(struct microwire *m)
{
    switch (opcode(m)) {
    case OP_READ:
        enter(m, MICROWIRE_READING);
        m->shift = m->word[address(m)];
        m->out = false; /* the dummy bit in front of the word */
        break;
    case OP_WRITE: enter(m, MICROWIRE_DATA); break;
    case OP_ERASE:
        set(m, 0xffff);
        enter(m, MICROWIRE_DONE);
        break;
    case OP_EXTENDED: run_extended(m); break;
    }
}

/* After a word comes the next one, for as long as the clock runs. */
static void shift_out(struct microwire *m)
{
    if (m->bits == WORD_BITS) {
        m->command = (uint8_t)(OP_READ << 6 | ((address(m) + 1) & (MICROWIRE_WORDS - 1)));
        m->shift = m->word[address(m)];
        m->bits = 0;
    }
    m->out = m->shift >> (WORD_BITS - 1);
    m->shift = (uint16_t)(m->shift << 1);
    m->bits++;
}

static void shift_data(struct microwire *m, bool in)
{
    m->shift = (uint16_t)(m->shift << 1 | in);
    if (++m->bits < WORD_BITS)
        return;
    if (opcode(m) == OP_WRITE)
        set(m, m->shift);
    else
        fill(m, m->shift);
    enter(m, MICROWIRE_DONE);
}

static void rising_edge(struct microwire *m, bool in)
{
    switch ((enum microwire_state)m->state) {
    case MICROWIRE_STANDBY:
    case MICROWIRE_DONE: /* a start bit begins the next command */
        if (in)
            enter(m, MICROWIRE_COMMAND);
        break;
    case MICROWIRE_COMMAND:
        m->command = (uint8_t)(m->command << 1 | in);
        if (++m->bits == COMMAND_BITS)
            run_command(m);
        break;
    case MICROWIRE_READING: shift_out(m); break;
    case MICROWIRE_DATA: shift_data(m, in); break;
    }
}

void microwire_lines(struct microwire *m, bool selected, bool clock, bool in)
{
    if (!selected && m->state != MICROWIRE_STANDBY)
        enter(m, MICROWIRE_STANDBY);
    if (selected && m->selected && clock && !m->clock)
        rising_edge(m, in);
    m->selected = selected;
    m->clock = clock;
}
