/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/edid.h"

#include <string.h>

#define DPI 96

/* CVT reduced blanking: fixed horizontal blank, vertical blank of at least 460 us. */
enum { H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_SYNC = 6, REFRESH_HZ = 60 };

static unsigned mm(unsigned pixels) { return pixels * 254 / (DPI * 10); }

/* Section 3.10.2: a detailed timing, of 18 bytes. */
static void detailed_timing(uint8_t *d, unsigned width, unsigned height)
{
    unsigned v_blank = height * 28 / 1000 + 1 + V_FRONT;
    unsigned clock_10khz = (width + H_BLANK) * (height + v_blank) * REFRESH_HZ / 10000;

    d[0] = clock_10khz;
    d[1] = clock_10khz >> 8;
    d[2] = width;
    d[3] = H_BLANK;
    d[4] = (width >> 8) << 4;
    d[5] = height;
    d[6] = v_blank;
    d[7] = (height >> 8) << 4;
    d[8] = H_FRONT;
    d[9] = H_SYNC;
    d[10] = V_FRONT << 4 | V_SYNC;
    d[12] = mm(width);
    d[13] = mm(height);
    d[14] = (mm(width) >> 8) << 4 | mm(height) >> 8;
    d[17] = 0x1a; /* digital separate sync, + horizontal, - vertical */
}

/* Section 3.10.3: a descriptor with text of up to 13 characters. */
static void text_descriptor(uint8_t *d, uint8_t tag, const char *text)
{
    size_t n = strlen(text);

    d[3] = tag;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, text, n);
    d[5 + n] = '\n';
}

void edid_make(uint8_t edid[EDID_BYTES], unsigned width, unsigned height)
{
    static const uint8_t header[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    /* Red, green, blue and white of sRGB. */
    static const uint8_t chromaticity[10] = {0xee, 0x91, 0xa3, 0x54, 0x4c,
                                             0x99, 0x26, 0x0f, 0x50, 0x54};
    /* 1024x768, 1280x1024, 1600x1200, 1920x1080 at 60 Hz, then unused. */
    static const uint8_t standard[16] = {0x61, 0x40, 0x81, 0x80, 0xa9, 0x40, 0xd1, 0xc0,
                                         0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01};
    uint8_t sum = 0;
    unsigned i;

    memset(edid, 0, EDID_BYTES);
    memcpy(edid, header, sizeof(header));
    edid[8] = 0x2e; /* manufacturer "KVM", five bits a letter */
    edid[9] = 0xcd;
    edid[10] = 0x11; /* product 1111 */
    edid[11] = 0x11;
    edid[17] = 2024 - 1990;
    edid[18] = 1; /* version 1.4 */
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    edid[21] = (mm(width) + 5) / 10;
    edid[22] = (mm(height) + 5) / 10;
    edid[23] = 120; /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB, first timing is native */
    memcpy(edid + 25, chromaticity, sizeof(chromaticity));
    edid[35] = 0x21; /* 640x480 and 800x600 at 60 Hz */
    edid[36] = 0x08; /* 1024x768 at 60 Hz */
    memcpy(edid + 38, standard, sizeof(standard));
    detailed_timing(edid + 54, width, height);
    text_descriptor(edid + 72, 0xfc, "kvm-dm");
    text_descriptor(edid + 90, 0xff, "1");
    edid[108 + 3] = 0x10; /* an unused descriptor */
    for (i = 0; i < EDID_BYTES - 1; i++)
        sum += edid[i];
    edid[EDID_BYTES - 1] = -sum;
}
