/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/keys.h"

#include <string.h>

#define ESC    0x1b
#define CTRL_A 0x01
#define XT_ESC 0x01
#define XT_F1  0x3b
#define XT_DELETE 0xd3

/* Rows of a US keyboard: characters without and with shift, in order of their scan codes. */
static const struct {
    uint8_t first;
    const char *plain, *shifted;
} key_rows[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {0x39, " ", " "},
};

/* Final bytes of ESC [ and ESC O. */
static const struct {
    char final;
    uint8_t code;
} final_keys[] = {
    {'A', 0xc8}, {'B', 0xd0}, {'C', 0xcd}, {'D', 0xcb}, {'H', 0xc7}, {'F', 0xcf},
    {'P', 0x3b}, {'Q', 0x3c}, {'R', 0x3d}, {'S', 0x3e}, {'E', 0x4c}, {'M', 0x9c},
};

/* ESC [ number ~ */
static const struct {
    uint8_t number, code, modifiers;
} tilde_keys[] = {
    {1, 0xc7, 0},  {2, 0xd2, 0},  {3, 0xd3, 0},  {4, 0xcf, 0},  {5, 0xc9, 0},  {6, 0xd1, 0},  {7, 0xc7, 0},
    {8, 0xcf, 0},  {11, 0x3b, 0}, {12, 0x3c, 0}, {13, 0x3d, 0}, {14, 0x3e, 0}, {15, 0x3f, 0}, {17, 0x40, 0},
    {18, 0x41, 0}, {19, 0x42, 0}, {20, 0x43, 0}, {21, 0x44, 0}, {23, 0x57, 0}, {24, 0x58, 0},
    /* What the Linux console sends for Shift-F1 to Shift-F8. */
    {25, 0x3b, KEYS_SHIFT}, {26, 0x3c, KEYS_SHIFT}, {28, 0x3d, KEYS_SHIFT}, {29, 0x3e, KEYS_SHIFT},
    {31, 0x3f, KEYS_SHIFT}, {32, 0x40, KEYS_SHIFT}, {33, 0x41, KEYS_SHIFT}, {34, 0x42, KEYS_SHIFT},
};

static enum key_result stroke_of(struct key_stroke *stroke, uint8_t code, uint8_t modifiers)
{
    if (!code)
        return KEYS_NOTHING;
    *stroke = (struct key_stroke){code, modifiers};
    return KEYS_STROKE;
}

static enum key_result printable(uint8_t byte, uint8_t modifiers, struct key_stroke *stroke)
{
    for (unsigned i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
        const char *at = strchr(key_rows[i].plain, byte);

        if (at)
            return stroke_of(stroke, key_rows[i].first + (at - key_rows[i].plain), modifiers);
        at = strchr(key_rows[i].shifted, byte);
        if (at)
            return stroke_of(stroke, key_rows[i].first + (at - key_rows[i].shifted),
                             modifiers | KEYS_SHIFT);
    }
    return KEYS_NOTHING;
}

static enum key_result character(uint8_t byte, uint8_t modifiers, struct key_stroke *stroke)
{
    switch (byte) {
    case 0x00:
        return stroke_of(stroke, 0x39, modifiers | KEYS_CTRL); /* Ctrl-space */
    case '\b':
    case 0x7f:
        return stroke_of(stroke, 0x0e, modifiers);
    case '\t':
        return stroke_of(stroke, 0x0f, modifiers);
    case '\r':
    case '\n':
        return stroke_of(stroke, 0x1c, modifiers);
    default:
        break;
    }
    if (byte >= 0x80)
        return KEYS_NOTHING; /* not on a US keyboard */
    if (byte >= ' ')
        return printable(byte, modifiers, stroke);
    if (byte <= 0x1a)
        return printable(byte + 0x60, modifiers | KEYS_CTRL, stroke);
    return printable(byte + 0x40, modifiers | KEYS_CTRL, stroke) == KEYS_STROKE
               ? stroke_of(stroke, stroke->code, (stroke->modifiers & ~KEYS_SHIFT) | KEYS_CTRL)
               : KEYS_NOTHING;
}

static uint8_t final_code(uint8_t byte)
{
    for (unsigned i = 0; i < sizeof(final_keys) / sizeof(final_keys[0]); i++) {
        if (final_keys[i].final == byte)
            return final_keys[i].code;
    }
    return 0;
}

static enum key_result tilde_key(unsigned number, uint8_t modifiers, struct key_stroke *stroke)
{
    for (unsigned i = 0; i < sizeof(tilde_keys) / sizeof(tilde_keys[0]); i++) {
        if (tilde_keys[i].number == number)
            return stroke_of(stroke, tilde_keys[i].code, modifiers | tilde_keys[i].modifiers);
    }
    return KEYS_NOTHING;
}

/* Inside ESC [: numbers, then a final byte; the second number less one is a set of modifiers. */
static enum key_result control_sequence(struct key_parser *p, uint8_t byte,
                                        struct key_stroke *stroke)
{
    uint8_t modifiers;

    if (byte >= '0' && byte <= '9') {
        if (p->params[p->count] < 1000)
            p->params[p->count] = p->params[p->count] * 10 + (byte - '0');
        return KEYS_NOTHING;
    }
    if (byte == ';') {
        p->count = 1;
        p->params[1] = 0;
        return KEYS_NOTHING;
    }
    if (byte == '[' && p->count == 0 && p->params[0] == 0) {
        p->state = KEY_CONSOLE;
        return KEYS_NOTHING;
    }
    if (byte >= 0x20 && byte < 0x40)
        return KEYS_NOTHING; /* private markers and intermediates */
    p->state = KEY_GROUND;
    modifiers = p->count && p->params[1] ? (p->params[1] - 1) & 7 : 0;
    if (byte == '~')
        return tilde_key(p->params[0], modifiers, stroke);
    if (byte == 'Z')
        return stroke_of(stroke, 0x0f, KEYS_SHIFT);
    return stroke_of(stroke, final_code(byte), modifiers);
}

static enum key_result after_escape(struct key_parser *p, uint8_t byte, struct key_stroke *stroke)
{
    switch (byte) {
    case '[':
        *p = (struct key_parser){.state = KEY_CSI};
        return KEYS_NOTHING;
    case 'O':
        p->state = KEY_SS3;
        return KEYS_NOTHING;
    case ESC:
        return stroke_of(stroke, XT_ESC, 0); /* and this one begins anew */
    default:
        p->state = KEY_GROUND;
        return character(byte, KEYS_ALT, stroke);
    }
}

/* Keys that a terminal does not let through, too. */
static enum key_result after_prefix(uint8_t byte, struct key_stroke *stroke)
{
    if (byte >= '0' && byte <= '9')
        return stroke_of(stroke, XT_F1 + (byte == '0' ? 9 : byte - '1'), KEYS_CTRL | KEYS_ALT);
    switch (byte) {
    case 'x':
    case 'X':
        return KEYS_QUIT;
    case 'h':
    case 'H':
    case '?':
        return KEYS_HELP;
    case 'l':
    case 'L':
        return KEYS_REDRAW;
    case 'd':
    case 'D':
        return stroke_of(stroke, XT_DELETE, KEYS_CTRL | KEYS_ALT);
    case 'a':
    case CTRL_A:
        return character(CTRL_A, 0, stroke);
    default:
        return KEYS_NOTHING;
    }
}

static enum key_result ground(struct key_parser *p, uint8_t byte, struct key_stroke *stroke)
{
    if (byte == ESC) {
        p->state = KEY_ESCAPE;
        return KEYS_NOTHING;
    }
    if (byte == CTRL_A) {
        p->state = KEY_PREFIX;
        return KEYS_NOTHING;
    }
    return character(byte, 0, stroke);
}

enum key_result keys_feed(struct key_parser *p, uint8_t byte, struct key_stroke *stroke)
{
    switch (p->state) {
    case KEY_ESCAPE:
        return after_escape(p, byte, stroke);
    case KEY_CSI:
        return control_sequence(p, byte, stroke);
    case KEY_SS3:
        p->state = KEY_GROUND;
        return stroke_of(stroke, final_code(byte), 0);
    case KEY_CONSOLE:
        p->state = KEY_GROUND;
        return stroke_of(stroke, byte >= 'A' && byte <= 'E' ? 0x3b + (byte - 'A') : 0, 0);
    case KEY_PREFIX:
        p->state = KEY_GROUND;
        return after_prefix(byte, stroke);
    case KEY_GROUND:
        break;
    }
    return ground(p, byte, stroke);
}

enum key_result keys_idle(struct key_parser *p, struct key_stroke *stroke)
{
    enum key_state was = p->state;

    if (was == KEY_PREFIX)
        return KEYS_NOTHING; /* the user may think about what to type */
    p->state = KEY_GROUND;
    return was == KEY_ESCAPE ? stroke_of(stroke, XT_ESC, 0) : KEYS_NOTHING;
}
