/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/cpu/cpu_features.h"

#include <glib.h>
#include <string.h>

static const struct cpu_word_place places[CPU_WORDS] = {
    [CPU_1_EDX] = {1, 0, CPU_EDX,
                   {"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge",
                    "mca", "cmov", "pat", "pse36", "pn", "clflush", NULL, "ds", "acpi", "mmx", "fxsr", "sse", "sse2",
                    "ss", "ht", "tm", "ia64", "pbe"}},
    [CPU_1_ECX] = {1, 0, CPU_ECX,
                   {"pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid",
                    NULL, "fma", "cx16", "xtpr", "pdcm", NULL, "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe",
                    "popcnt", "tsc-deadline", "aes", "xsave", NULL /* OSXSAVE: the guest's */, "avx", "f16c",
                    "rdrand", "hypervisor"}},
    [CPU_6_EAX] = {6, 0, CPU_EAX, {[2] = "arat"}},
    [CPU_7_EBX] = {7, 0, CPU_EBX,
                   {"fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid",
                    "rtm", NULL, NULL, "mpx", NULL, "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma",
                    "pcommit", "clflushopt", "clwb", "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni",
                    "avx512bw", "avx512vl"}},
    [CPU_7_ECX] = {7, 0, CPU_ECX,
                   {[1] = "avx512vbmi", "umip", "pku", NULL /* OSPKE */, "waitpkg", "avx512vbmi2", NULL, "gfni",
                    "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg", NULL, "avx512-vpopcntdq", [16] = "la57",
                    [22] = "rdpid", [24] = "bus-lock-detect", "cldemote", NULL, "movdiri", "movdir64b", NULL,
                    "sgxlc", "pks"}},
    [CPU_7_EDX] = {7, 0, CPU_EDX,
                   {[2] = "avx512-4vnniw", "avx512-4fmaps", "fsrm", [8] = "avx512-vp2intersect", [10] = "md-clear",
                    [14] = "serialize", [16] = "tsx-ldtrk", [19] = "arch-lbr", [22] = "amx-bf16", "avx512-fp16",
                    "amx-tile", "amx-int8", "spec-ctrl", "stibp", [29] = "arch-capabilities", "core-capability",
                    "ssbd"}},
    [CPU_7_1_EAX] = {7, 1, CPU_EAX, {[4] = "avx-vnni", "avx512-bf16"}},
    [CPU_XSAVE_EAX] = {0xd, 1, CPU_EAX, {"xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"}},
    [CPU_AMD_1_EDX] = {0x80000001, 0, CPU_EDX,
                       {[11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt", "pdpe1gb", "rdtscp",
                        [29] = "lm", "3dnowext", "3dnow"}},
    [CPU_AMD_1_ECX] = {0x80000001, 0, CPU_ECX,
                       {"lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse",
                        "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce", NULL,
                        "nodeid-msr", NULL, "tbm", "topoext", "perfctr-core", "perfctr-nb"}},
    [CPU_AMD_7_EDX] = {0x80000007, 0, CPU_EDX, {[8] = "invtsc"}},
    [CPU_AMD_8_EBX] = {0x80000008, 0, CPU_EBX,
                       {"clzero", NULL, "xsaveerptr", [9] = "wbnoinvd", [12] = "ibpb", [14] = "ibrs", "amd-stibp",
                        [24] = "amd-ssbd", "virt-ssbd", "amd-no-ssb"}},
    [CPU_SVM_EDX] = {0x8000000a, 0, CPU_EDX,
                     {"npt", "lbrv", "svm-lock", "nrip-save", "tsc-scale", "vmcb-clean", "flushbyasid",
                      "decodeassists", NULL, NULL, "pause-filter", NULL, "pfthreshold", "avic", NULL,
                      "v-vmsave-vmload", "vgif", [28] = "svme-addr-chk"}},
    [CPU_KVM_EAX] = {KVM_CPUID_FEATURES, 0, CPU_EAX,
                     {"kvmclock", "kvm-nopiodelay", "kvm-mmu", "kvmclock", "kvm-asyncpf", "kvm-steal-time",
                      "kvm-pv-eoi", "kvm-pv-unhalt", NULL, "kvm-pv-tlb-flush", NULL, "kvm-pv-ipi",
                      "kvm-poll-control", "kvm-pv-sched-yield", "kvm-asyncpf-int", "kvm-msi-ext-dest-id",
                      [24] = "kvmclock-stable-bit"}},
    [CPU_KVM_EDX] = {KVM_CPUID_FEATURES, 0, CPU_EDX, {"kvm-hint-dedicated"}},
};

const struct cpu_word_place *cpu_word_place(enum cpu_word word)
{
    return &places[word];
}

/* Second names, after '_' has become '-'. */
static const char *const aliases[][2] = {
    {"sse3", "pni"}, {"sse4-1", "sse4.1"}, {"sse4-2", "sse4.2"}, {"pclmuldq", "pclmulqdq"}, {"i64", "lm"},
    {"xd", "nx"},    {"ffxsr", "fxsr-opt"},
};

static bool find_canonical(const char *name, enum cpu_word *word, unsigned *bit)
{
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (places[w].bits[b] && !strcmp(places[w].bits[b], name)) {
                *word = (enum cpu_word)w;
                *bit = b;
                return true;
            }
        }
    }
    return false;
}

bool cpu_feature_find(const char *name, enum cpu_word *word, unsigned *bit)
{
    g_autofree char *dashed = g_strdelimit(g_strdup(name), "_", '-');

    for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (!strcmp(aliases[i][0], dashed))
            return find_canonical(aliases[i][1], word, bit);
    }
    return find_canonical(dashed, word, bit);
}

uint32_t *cpu_entry_register(struct kvm_cpuid_entry2 *e, enum cpu_register reg)
{
    switch (reg) {
    case CPU_EAX:
        return &e->eax;
    case CPU_EBX:
        return &e->ebx;
    case CPU_ECX:
        return &e->ecx;
    default:
        return &e->edx;
    }
}

struct kvm_cpuid_entry2 *cpu_entry_find(const struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < list->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &list->entries[i];

        if (e->function == leaf && e->index == subleaf)
            return (struct kvm_cpuid_entry2 *)e;
    }
    return NULL;
}

void cpu_words_read(const struct kvm_cpuid2 *list, uint32_t words[CPU_WORDS])
{
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        struct kvm_cpuid_entry2 *e = cpu_entry_find(list, places[w].leaf, places[w].subleaf);

        words[w] = e ? *cpu_entry_register(e, places[w].reg) : 0;
    }
}
