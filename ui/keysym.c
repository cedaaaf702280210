/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/keysym.h"

#include <stddef.h>
#include <string.h>

/* Characters in the order of the keys: three rows of runs of adjacent scan codes. */
static const struct {
    uint8_t first; /* scan code of the first character */
    const char *plain, *shifted;
} runs[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {0x39, " ", ""},
};

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

static struct keysym_key character(uint32_t c)
{
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        const char *plain = strchr(runs[i].plain, (int)c), *shifted = strchr(runs[i].shifted, (int)c);
        uint8_t letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (plain && c == ' ')
            return (struct keysym_key){runs[i].first, KEYSYM_ANY, 0};
        if (plain)
            return (struct keysym_key){(uint8_t)(runs[i].first + (plain - runs[i].plain)),
                                       KEYSYM_PLAIN, letter};
        if (shifted)
            return (struct keysym_key){(uint8_t)(runs[i].first + (shifted - runs[i].shifted)),
                                       KEYSYM_SHIFTED, letter};
    }
    return (struct keysym_key){0};
}

struct keysym_key keysym_to_key(uint32_t keysym)
{
    if (keysym >= 0x20 && keysym < 0x7f)
        return character(keysym);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (functions[i].keysym == keysym)
            return (struct keysym_key){functions[i].xt, KEYSYM_ANY, 0};
    }
    return (struct keysym_key){0};
}
