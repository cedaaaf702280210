/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's serial output made safe for the user's terminal: it is hostile, and a terminal obeys
 * what it is sent (ECMA-48). Escape and control sequences are swallowed, only printable characters
 * and line editing (newline, return, backspace, tab) come through, as lines of bounded length.
 */
#ifndef UI_SANITIZE_H
#define UI_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_CHARS 512 /* a longer line is broken */

enum sanitize_state { SAN_GROUND, SAN_ESCAPE, SAN_CSI, SAN_STRING, SAN_STRING_ESCAPE };

struct line_filter { /* all zero at first, but for done and opaque */
    enum sanitize_state state;
    uint32_t rune, rune_min; /* a UTF-8 sequence under way */
    unsigned rune_left;
    unsigned string_bytes; /* of a control string; a broken one must not swallow everything */
    uint32_t text[LINE_MAX_CHARS]; /* the current line */
    unsigned length, column;
    void (*done)(void *opaque, const struct line_filter *f); /* the line is complete */
    void *opaque;
};

void line_filter_feed(struct line_filter *f, const uint8_t *buf, size_t len);

/* True for what may be shown: no control, no bidirectional override, nothing invisible. */
bool rune_is_safe(uint32_t rune);

#endif
