/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A -cpu option as values: a model, what was added and taken away, and what of it this host's KVM can give. From it
 * come the CPUID leaves that a guest sees (cpu_leaves.c) and what QMP tells of processors.
 */
#ifndef DM_CPU_SPEC_H
#define DM_CPU_SPEC_H

#include <glib.h>

#include "dm/cpu/cpu_models.h"
#include "dm/config/optlist.h"

#define CPU_VENDOR_BYTES 12
#define CPU_MODEL_ID_BYTES 48

struct cpu_spec {
    const struct cpu_model *model;
    uint32_t words[CPU_WORDS];   /* the features that the guest gets */
    uint32_t missing[CPU_WORDS]; /* asked for, and not in this KVM */
    char vendor[CPU_VENDOR_BYTES + 1];
    char model_id[CPU_MODEL_ID_BYTES + 1];
    unsigned family, model_number, stepping;
    uint32_t level, xlevel;      /* highest basic and extended leaf; xlevel 0: no extended ones */
    unsigned phys_bits;          /* 0: the host's */
    bool check, enforce;
    bool kvm;                    /* KVM's own leaves are shown */
    bool pmu;                    /* leaf 0xa is the host's */
    bool migratable;             /* as given; nothing here follows from it */
};

/*
 * `features`: char *, as behind the model's name: "+x", "-x", "x", "x=on", "level=4"; those with a sign count last,
 * those with '-' behind those with '+'. `host`: what KVM offers; NULL: nobody knows, all is taken for possible.
 * `what` begins error texts: "-cpu". NULL with error: no such model, feature or value.
 */
struct cpu_spec *cpu_spec_new(const char *what, const char *model, const GPtrArray *features,
                              const struct kvm_cpuid2 *host, GError **error);
void cpu_spec_free(struct cpu_spec *spec);

/* check, enforce: warnings on stderr of what is missing; false with error if that must not be. */
bool cpu_spec_judge(const char *what, const struct cpu_spec *spec, GError **error);

bool cpu_spec_has(const struct cpu_spec *spec, const char *feature);

/* What can be given beside features: "vendor", "level" ... */
extern const struct opt_desc cpu_props[];

/* The leaves for a guest, with those of vCPU 0; g_free. cpu_set_cpuid() (dm/cpustate.h) adds the topology. */
struct kvm_cpuid2 *cpu_spec_leaves(const struct cpu_spec *spec, const struct kvm_cpuid2 *host);

/* KVM_GET_SUPPORTED_CPUID of an open /dev/kvm; NULL with errno: it fails. g_free. */
struct kvm_cpuid2 *cpu_ask_kvm(int kvm_fd);
/* The same of this host; NULL: there is no KVM to ask. */
struct kvm_cpuid2 *cpu_ask_host(void);

#endif
