/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/sanitize.h"

#include <glib.h>

#define ESC 0x1b
#define STRING_MAX_BYTES 4096
#define REPLACEMENT '?'

bool rune_is_safe(uint32_t rune)
{
    if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune > 0x10ffff)
        return false;
    return rune < 0x80 || g_unichar_isprint(rune);
}

static void end_line(struct line_filter *f)
{
    f->done(f->opaque, f);
    f->length = f->column = 0;
}

static void put(struct line_filter *f, uint32_t rune)
{
    if (f->column == LINE_MAX_CHARS)
        end_line(f);
    f->text[f->column++] = rune_is_safe(rune) ? rune : REPLACEMENT;
    if (f->column > f->length)
        f->length = f->column;
}

static void control(struct line_filter *f, uint8_t byte)
{
    switch (byte) {
    case '\n':
        end_line(f);
        break;
    case '\r':
        f->column = 0;
        break;
    case '\b':
        if (f->column)
            f->column--;
        break;
    case '\t':
        do {
            put(f, ' ');
        } while (f->column % 8);
        break;
    case ESC:
        f->state = SAN_ESCAPE;
        break;
    default:
        break;
    }
}

/* A byte above 0x7f: UTF-8, or something else. */
static void high_byte(struct line_filter *f, uint8_t byte)
{
    if (f->rune_left && (byte & 0xc0) == 0x80) {
        f->rune = f->rune << 6 | (byte & 0x3f);
        if (--f->rune_left == 0)
            put(f, f->rune >= f->rune_min ? f->rune : REPLACEMENT);
        return;
    }
    if (f->rune_left)
        put(f, REPLACEMENT);
    f->rune_left = byte >= 0xc2 && byte < 0xe0   ? 1
                   : byte >= 0xe0 && byte < 0xf0 ? 2
                   : byte >= 0xf0 && byte < 0xf5 ? 3
                                                 : 0;
    if (!f->rune_left) {
        put(f, REPLACEMENT);
        return;
    }
    f->rune = byte & (0x3f >> f->rune_left);
    f->rune_min = f->rune_left == 1 ? 0x80 : f->rune_left == 2 ? 0x800 : 0x10000;
}

static void ground(struct line_filter *f, uint8_t byte)
{
    if (byte >= 0x80) {
        high_byte(f, byte);
        return;
    }
    if (f->rune_left) {
        f->rune_left = 0;
        put(f, REPLACEMENT);
    }
    if (byte < 0x20 || byte == 0x7f)
        control(f, byte);
    else
        put(f, byte);
}

static void escape(struct line_filter *f, uint8_t byte)
{
    if (byte == '[') {
        f->state = SAN_CSI;
    } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
        f->state = SAN_STRING;
        f->string_bytes = 0;
    } else if (byte >= 0x30 || byte < 0x20) {
        f->state = SAN_GROUND; /* 0x20-0x2f are intermediates: one more follows */
        if (byte < 0x20)
            control(f, byte);
    }
}

static void control_string(struct line_filter *f, uint8_t byte)
{
    bool after_escape = f->state == SAN_STRING_ESCAPE;

    f->state = byte == ESC ? SAN_STRING_ESCAPE : SAN_STRING;
    if (byte == 0x07 || (after_escape && byte == '\\') || ++f->string_bytes > STRING_MAX_BYTES)
        f->state = SAN_GROUND;
}

void line_filter_feed(struct line_filter *f, const uint8_t *buf, size_t len)
{
    for (; len; len--, buf++) {
        switch (f->state) {
        case SAN_ESCAPE:
            escape(f, *buf);
            break;
        case SAN_CSI:
            if (*buf >= 0x40 || *buf == '\n')
                f->state = SAN_GROUND;
            break;
        case SAN_STRING:
        case SAN_STRING_ESCAPE:
            control_string(f, *buf);
            break;
        case SAN_GROUND:
            ground(f, *buf);
            break;
        }
    }
}
