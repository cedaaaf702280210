/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of CPUID's feature bits, as -cpu and QMP spell them (QEMU's names), and where they are. Sources: Intel SDM
 * volume 2, CPUID; AMD APM volume 3, appendix E; Linux Documentation/virt/kvm/x86/cpuid.rst for KVM's own leaves.
 */
#ifndef DM_CPU_FEATURES_H
#define DM_CPU_FEATURES_H

#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdbool.h>
#include <stdint.h>

/* The registers that hold features; a processor's features are an array of CPU_WORDS such registers. */
enum cpu_word {
    CPU_1_EDX, CPU_1_ECX, CPU_6_EAX, CPU_7_EBX, CPU_7_ECX, CPU_7_EDX, CPU_7_1_EAX, CPU_XSAVE_EAX, CPU_AMD_1_EDX,
    CPU_AMD_1_ECX, CPU_AMD_7_EDX, CPU_AMD_8_EBX, CPU_SVM_EDX, CPU_KVM_EAX, CPU_KVM_EDX, CPU_WORDS
};

enum cpu_register { CPU_EAX, CPU_EBX, CPU_ECX, CPU_EDX };

struct cpu_word_place {
    uint32_t leaf, subleaf;
    enum cpu_register reg;
    const char *bits[32]; /* NULL: no name, not for -cpu to set */
};

/* word < CPU_WORDS. */
const struct cpu_word_place *cpu_word_place(enum cpu_word word);

/* "sse4.2", also "sse4_2", "sse4-2" and the like; false: no such feature. */
bool cpu_feature_find(const char *name, enum cpu_word *word, unsigned *bit);

/* The word in a CPUID leaf's entry. */
uint32_t *cpu_entry_register(struct kvm_cpuid_entry2 *entry, enum cpu_register reg);

/* An entry of a list; NULL: it has none. A leaf without subleaves is found with subleaf 0. */
struct kvm_cpuid_entry2 *cpu_entry_find(const struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf);

/* All feature words of a list. */
void cpu_words_read(const struct kvm_cpuid2 *list, uint32_t words[CPU_WORDS]);

#endif
