/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `-display text`: the guest's text screen in the user's terminal, with the first serial port's
 * output below it. Where the output is no terminal ("plain"), rows of the screen and lines of the
 * serial port are printed once each, as `vga| text` and `com1| text`.
 *
 * Never waits for a slow reader, and keeps a bounded amount for it. Everything on the main loop's
 * thread (default GLib context), but terminal_serial_output().
 */
#ifndef UI_TERMINAL_H
#define UI_TERMINAL_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct display_source;
struct glyph_book;
struct terminal;

struct terminal_hooks {
    int in_fd;  /* keyboard, if it is a terminal; -1: none */
    int out_fd; /* STDOUT_FILENO */
    /*
     * A key goes down or up. Set-1 scan codes, with bit 7 for those prefixed by 0xe0 (as QMP's
     * send-key "number"). Paced, so that the guest's keyboard queue can follow. May be NULL.
     */
    void (*key)(void *opaque, unsigned xt_scancode, bool down);
    void (*quit)(void *opaque); /* the user typed Ctrl-A x; may be NULL */
    /* What glyphs show, asked for once and kept by the caller; NULL: the font is code page 437's. */
    const struct glyph_book *(*glyphs)(void);
    void *opaque;
};

/*
 * Takes the terminal over: raw keyboard, alternate screen; both are given back by terminal_free(),
 * at exit, and by fatal signals. One per process can own a terminal. src may be NULL: serial only.
 * NULL with *error if the output cannot be used.
 */
struct terminal *terminal_new(struct display_source *src, const struct terminal_hooks *hooks,
                              GError **error);

/*
 * Prints the final screen, so that the user's scroll-back keeps it, and gives the terminal back.
 * To be called before the display's device is freed.
 */
void terminal_free(struct terminal *t);

/*
 * Output of serial port 0. Any thread; never blocks. At most 256 KiB wait to be shown; what is over
 * is dropped, and a line says how much.
 */
void terminal_serial_output(struct terminal *t, const uint8_t *buf, size_t len);

#endif
