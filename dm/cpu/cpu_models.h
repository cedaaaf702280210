/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors that -cpu knows by name. */
#ifndef DM_CPU_MODELS_H
#define DM_CPU_MODELS_H

#include "dm/cpu/cpu_features.h"

struct cpu_model {
    const char *name;
    const char *versioned; /* a second name, "qemu64-v1"; NULL: none */
    const char *parent;    /* a row above, whose features this one starts from */
    const char *vendor;    /* the 12 letters of leaf 0; a guest on KVM gets the host's unless vendor= is given */
    unsigned level, family, model, stepping;
    uint32_t xlevel;       /* 0: no extended leaves */
    const char *model_id;  /* up to 48 characters; of max, host, base: what they are */
    const char *features;  /* names with blanks between them */
};

const struct cpu_model *cpu_models(unsigned *count);
const struct cpu_model *cpu_model_find(const char *name); /* by either name; NULL: unknown */
bool cpu_model_is_host(const struct cpu_model *model);    /* host or max: features come from KVM */
void cpu_model_words(const struct cpu_model *model, uint32_t words[CPU_WORDS]);

#endif
