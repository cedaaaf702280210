/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a display adapter needs under test: surfaces (surface_resize() and surface_free() of
 * ui/surface.h) and blocks of RAM.
 */
#ifndef TESTS_FAKES_FAKE_SURFACE_H
#define TESTS_FAKES_FAKE_SURFACE_H

#include "hw/env.h"
#include "ui/surface.h"

/* A block of zeroed memory of its own allocation, so that a sanitizer sees every overrun. */
struct ram_block *fake_ram_block_new(const char *name, uint64_t size, bool readonly);
void fake_ram_block_free(struct ram_block *ram);
/* Where its view is, set by map_view(); size 0: nowhere. How often it was put somewhere; refuse: it never is. */
struct fake_view {
    uint64_t gpa, off, size;
    unsigned mapped;
    bool refuse;
};
struct fake_view *fake_ram_block_view(struct ram_block *ram);
/* As if the guest wrote through the mapping: the page's dirty bit is set. */
void fake_ram_block_write(struct ram_block *ram, uint64_t off, uint8_t value);

#endif
