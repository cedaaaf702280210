/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's description of itself. VESA E-EDID Standard, Release A2, section 3. */
#ifndef HW_VGA_EDID_H
#define HW_VGA_EDID_H

#include <stdint.h>

#define EDID_BYTES 128

/* A base block of a 60 Hz monitor whose preferred mode is width x height (each below 4096). */
void edid_make(uint8_t edid[EDID_BYTES], unsigned width, unsigned height);

#endif
