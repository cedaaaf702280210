/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/sgr.h"

#include "ui/sanitize.h"

/* VGA's blue-green-red bit order is the other way round in SGR numbers. */
static unsigned colour(unsigned vga)
{
    return (vga & 1) << 2 | (vga & 2) | (vga >> 2 & 1);
}

void sgr_append(GString *out, uint8_t attr, bool blink)
{
    bool bright = attr & 0x80 && !blink;

    g_string_append_printf(out, "\033[0;%u;%u%sm", (attr & 8 ? 90 : 30) + colour(attr & 7),
                           (bright ? 100 : 40) + colour(attr >> 4 & 7), attr & 0x80 && blink ? ";5" : "");
}

gunichar sgr_rune(gunichar rune)
{
    if (rune < 0x20)
        return ' ';
    return rune_is_safe(rune) && !g_unichar_iswide(rune) && !g_unichar_iszerowidth(rune) ? rune : '?';
}
