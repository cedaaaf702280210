/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/keysym.h"

#define XT_SPACE 0x39
#define UNICODE  0x01000000u

static const struct {
    uint16_t keysym;
    uint8_t xt;
} functions[] = {
    {0xff08, 0x0e}, {0xff09, 0x0f}, {0xfe20, 0x0f}, /* backspace, tab, tab with shift */
    {0xff0a, 0x1c}, {0xff0d, 0x1c}, {0xff1b, 0x01}, /* line feed, return, escape */
    {0xff13, 0xc6}, {0xff14, 0x46}, {0xff15, 0x54}, {0xff61, 0xb7}, /* pause, scroll, sysrq, print */
    {0xff6b, 0xc6},                                                 /* break */
    {0xff50, 0xc7}, {0xff51, 0xcb}, {0xff52, 0xc8}, {0xff53, 0xcd}, /* home, left, up, right */
    {0xff54, 0xd0}, {0xff55, 0xc9}, {0xff56, 0xd1}, {0xff57, 0xcf}, /* down, page up, down, end */
    {0xff63, 0xd2}, {0xffff, 0xd3}, {0xff67, 0xdd}, {0xff7f, 0x45}, /* insert, delete, menu, num */
    {0xff8d, 0x9c}, {0xff89, 0x0f}, {0xff80, 0x39}, {0xffbd, 0x0d}, /* keypad: enter, tab, space, = */
    {0xffaa, 0x37}, {0xffab, 0x4e}, {0xffac, 0x53}, {0xffad, 0x4a}, /* * + , - */
    {0xffae, 0x53}, {0xffaf, 0xb5},                                 /* . / */
    {0xffb0, 0x52}, {0xffb1, 0x4f}, {0xffb2, 0x50}, {0xffb3, 0x51}, {0xffb4, 0x4b},
    {0xffb5, 0x4c}, {0xffb6, 0x4d}, {0xffb7, 0x47}, {0xffb8, 0x48}, {0xffb9, 0x49},
    {0xff95, 0x47}, {0xff96, 0x4b}, {0xff97, 0x48}, {0xff98, 0x4d}, {0xff99, 0x50},
    {0xff9a, 0x49}, {0xff9b, 0x51}, {0xff9c, 0x4f}, {0xff9d, 0x4c}, {0xff9e, 0x52},
    {0xff9f, 0x53},
    {0xffbe, 0x3b}, {0xffbf, 0x3c}, {0xffc0, 0x3d}, {0xffc1, 0x3e}, {0xffc2, 0x3f}, /* F1 .. F5 */
    {0xffc3, 0x40}, {0xffc4, 0x41}, {0xffc5, 0x42}, {0xffc6, 0x43}, {0xffc7, 0x44}, /* .. F10 */
    {0xffc8, 0x57}, {0xffc9, 0x58},
    {0xffe1, 0x2a}, {0xffe2, 0x36}, {0xffe3, 0x1d}, {0xffe4, 0x9d}, {0xffe5, 0x3a}, /* shift, ctrl */
    {0xffe6, 0x3a}, {0xffe7, 0x38}, {0xffe8, 0xb8}, {0xffe9, 0x38}, {0xffea, 0xb8}, /* meta, alt */
    {0xffeb, 0xdb}, {0xffec, 0xdc}, {0xfe03, 0xb8}, {0xff7e, 0xb8}, /* super, AltGr, mode switch */
};

/* Dead keys: the combining character, and the accent by itself. */
static const struct {
    uint16_t keysym, mark, spacing;
} dead_keys[] = {
    {0xfe50, 0x300, '`'}, {0xfe51, 0x301, 0xb4}, {0xfe52, 0x302, '^'},
    {0xfe53, 0x303, '~'}, {0xfe57, 0x308, 0xa8},
};

static struct keysym_key plain_key(uint8_t xt)
{
    return (struct keysym_key){.strokes = {{xt, 0}}, .count = 1};
}

/* Latin-1 has its own numbers, the rest of Unicode an offset. 0: it is no character. */
static gunichar character_of(uint32_t keysym)
{
    if ((keysym > ' ' && keysym < 0x7f) || (keysym > 0xa0 && keysym < 0x100))
        return keysym;
    if (keysym == 0x20ac)
        return keysym;
    return keysym > UNICODE && keysym <= UNICODE + 0x10ffff ? keysym - UNICODE : 0;
}

static struct keysym_key character(const struct layout *layout, gunichar c)
{
    struct keysym_key key = {.character = true};

    key.count = (uint8_t)layout_find(layout, c, key.strokes);
    key.letter = key.count == 1 && !(key.strokes[0].modifiers & LAYOUT_ALTGR) &&
                 g_unichar_tolower(c) != g_unichar_toupper(c);
    return key;
}

static struct keysym_key dead_key(const struct layout *layout, gunichar mark, gunichar spacing)
{
    struct keysym_key key = {.character = true, .count = 1};

    return layout_find_dead(layout, mark, &key.strokes[0]) ? key : character(layout, spacing);
}

struct keysym_key keysym_to_key(const struct layout *layout, uint32_t keysym)
{
    gunichar c = character_of(keysym);

    if (keysym == ' ' || keysym == 0xa0)
        return plain_key(XT_SPACE);
    if (c)
        return character(layout, c);
    for (size_t i = 0; i < G_N_ELEMENTS(dead_keys); i++) {
        if (dead_keys[i].keysym == keysym)
            return dead_key(layout, dead_keys[i].mark, dead_keys[i].spacing);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        if (functions[i].keysym == keysym)
            return plain_key(functions[i].xt);
    }
    return (struct keysym_key){0};
}
