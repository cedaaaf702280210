/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fuzzer's bytes, taken as numbers. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *p;
    size_t left;
};

/* The next so many bytes (at most 4), the first is the highest; what is missing is not shifted in. */
static inline uint32_t take(struct input *in, unsigned bytes)
{
    uint32_t v = 0;

    for (; bytes && in->left; bytes--, in->left--)
        v = v << 8 | *in->p++;
    return v;
}

#endif
