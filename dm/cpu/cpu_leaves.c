/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUID leaves that a guest sees, from a cpu_spec and what KVM offers. Sources: as cpu_features.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dm/cpu/cpu_spec.h"

#define CLFLUSH_QUADWORDS 8 /* 64 bytes */
#define MWAIT_EXTENSIONS 3 /* enumerated; interrupts end MWAIT also while masked */
#define VIRTUAL_BITS_LONG 48
#define VIRTUAL_BITS_SHORT 32
#define XSAVE_LEGACY_BYTES 576 /* x87, SSE and the header */
#define XCR0_X87_SSE 0x3ull

/* ---- the host ---- */

struct kvm_cpuid2 *cpu_ask_kvm(int fd)
{
    struct kvm_cpuid2 *list = NULL;

    for (uint32_t n = 64; n <= 1024; n *= 2) {
        list = g_realloc(list, sizeof(*list) + n * sizeof(list->entries[0]));
        list->nent = n;
        if (!ioctl(fd, KVM_GET_SUPPORTED_CPUID, list))
            return list;
        if (errno != E2BIG)
            break;
    }
    g_free(list);
    return NULL;
}

struct kvm_cpuid2 *cpu_ask_host(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    struct kvm_cpuid2 *list = fd < 0 ? NULL : cpu_ask_kvm(fd);

    if (fd >= 0)
        close(fd);
    return list;
}

/* ---- a list of leaves ---- */

#define MAX_LEAVES 256

static struct kvm_cpuid_entry2 *push(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf, bool indexed)
{
    struct kvm_cpuid_entry2 *e = &list->entries[list->nent];

    if (list->nent == MAX_LEAVES)
        return &list->entries[MAX_LEAVES]; /* one more than there are: nobody reads it */
    list->nent++;
    *e = (struct kvm_cpuid_entry2){
        .function = leaf, .index = subleaf, .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0};
    return e;
}

static void push_host(struct kvm_cpuid2 *list, const struct kvm_cpuid2 *host, uint32_t leaf)
{
    for (uint32_t i = 0; i < host->nent; i++) {
        if (host->entries[i].function == leaf)
            *push(list, leaf, host->entries[i].index, false) = host->entries[i];
    }
}

/* Family and model above 4 bits go into fields of their own (SDM volume 2, CPUID, figure 3-6). */
static uint32_t signature(const struct cpu_spec *s)
{
    uint32_t family = MIN(s->family, 0xf), extended = s->family > 0xf ? s->family - 0xf : 0;

    return extended << 20 | (s->model_number & 0xf0) << 12 | family << 8 | (s->model_number & 0xf) << 4 | s->stepping;
}

static void set_vendor(struct kvm_cpuid_entry2 *e, const char *vendor)
{
    memcpy(&e->ebx, vendor, 4);
    memcpy(&e->edx, vendor + 4, 4);
    memcpy(&e->ecx, vendor + 8, 4);
}

/* ---- a named model ---- */

static void push_basic(struct kvm_cpuid2 *list, const struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    push(list, 0, 0, false);
    push(list, 1, 0, false)->ebx = CLFLUSH_QUADWORDS << 8;
    push_host(list, host, 2);
    push_host(list, host, 4);
    push(list, 5, 0, false)->ecx = MWAIT_EXTENSIONS;
    push(list, 6, 0, false);
    push(list, 7, 0, true)->eax = s->words[CPU_7_1_EAX] ? 1 : 0;
    if (s->words[CPU_7_1_EAX])
        push(list, 7, 1, true);
    if (s->pmu)
        push_host(list, host, 0xa);
    push(list, 0xb, 0, true);
    push(list, 0xb, 1, true)->ecx = 1;
    push_host(list, host, 0xd);
}

static void push_extended(struct kvm_cpuid2 *list, const struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    for (uint32_t leaf = 0x80000000; leaf <= 0x80000004; leaf++)
        push(list, leaf, 0, false);
    push_host(list, host, 0x80000005);
    push_host(list, host, 0x80000006);
    push(list, 0x80000007, 0, false);
    push(list, 0x80000008, 0, false);
    if (s->words[CPU_AMD_1_ECX] >> 2 & 1)
        push_host(list, host, 0x8000000a);
    if (s->words[CPU_AMD_1_ECX] >> 22 & 1) {
        push_host(list, host, 0x8000001d);
        push_host(list, host, 0x8000001e);
    }
}

static void push_model(struct kvm_cpuid2 *list, const struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    push_basic(list, s, host);
    push_host(list, host, KVM_CPUID_SIGNATURE);
    push_host(list, host, KVM_CPUID_FEATURES);
    push_extended(list, s, host);
}

/* ---- values, for named models and the host's ---- */

static void write_words(struct kvm_cpuid2 *list, const struct cpu_spec *s)
{
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        const struct cpu_word_place *place = cpu_word_place((enum cpu_word)w);
        struct kvm_cpuid_entry2 *e = cpu_entry_find(list, place->leaf, place->subleaf);

        if (e)
            *cpu_entry_register(e, place->reg) = s->words[w];
    }
}

/* AMD's extended leaf repeats bits of leaf 1 (APM volume 3, CPUID 8000_0001 EDX). */
static void repeat_amd_bits(struct kvm_cpuid2 *list, const struct cpu_spec *s)
{
    const uint32_t repeated = 0x0183f3ff;
    struct kvm_cpuid_entry2 *e = cpu_entry_find(list, 0x80000001, 0);

    if (!e)
        return;
    e->edx &= ~repeated;
    if (!strcmp(s->vendor, "AuthenticAMD") || !strcmp(s->vendor, "HygonGenuine"))
        e->edx |= s->words[CPU_1_EDX] & repeated;
}

static void write_names(struct kvm_cpuid2 *list, const struct cpu_spec *s)
{
    static const uint32_t with_vendor[] = {0, 0x80000000}, with_signature[] = {1, 0x80000001};

    for (unsigned i = 0; i < 2; i++) {
        struct kvm_cpuid_entry2 *e = cpu_entry_find(list, with_vendor[i], 0);

        if (e) {
            set_vendor(e, s->vendor);
            e->eax = i ? s->xlevel : s->level;
        }
        e = cpu_entry_find(list, with_signature[i], 0);
        /* Of a host's only where it has one: Intel's extended leaf has not. */
        if (e && (e->eax || !i || !cpu_model_is_host(s->model)))
            e->eax = signature(s);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct kvm_cpuid_entry2 *e = cpu_entry_find(list, 0x80000002 + i, 0);

        if (e)
            memcpy(&e->eax, s->model_id + 16 * i, 16);
    }
}

static void write_address_bits(struct kvm_cpuid2 *list, const struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    struct kvm_cpuid_entry2 *e = cpu_entry_find(list, 0x80000008, 0);
    const struct kvm_cpuid_entry2 *h = cpu_entry_find(host, 0x80000008, 0);
    unsigned host_bits = h ? h->eax & 0xff : 36, virtual_bits;

    if (!e || (cpu_model_is_host(s->model) && !s->phys_bits))
        return;
    virtual_bits = s->words[CPU_AMD_1_EDX] >> 29 & 1 ? VIRTUAL_BITS_LONG : VIRTUAL_BITS_SHORT;
    e->eax = virtual_bits << 8 | (s->phys_bits ? MIN(s->phys_bits, host_bits) : host_bits);
}

/* ---- leaf 0xd: sizes of what XSAVE stores ---- */

/* The parts of XCR0 whose features the guest has (SDM volume 1, 13.1). */
static uint64_t xsave_parts(const struct cpu_spec *s)
{
    uint64_t parts = XCR0_X87_SSE;

    if (s->words[CPU_1_ECX] >> 28 & 1)
        parts |= 1u << 2; /* AVX */
    if (s->words[CPU_7_EBX] >> 14 & 1)
        parts |= 3u << 3; /* MPX */
    if (s->words[CPU_7_EBX] >> 16 & 1)
        parts |= 7u << 5; /* AVX-512 */
    if (s->words[CPU_7_ECX] >> 3 & 1)
        parts |= 1u << 9; /* protection keys */
    if (s->words[CPU_7_EDX] >> 24 & 1)
        parts |= 3u << 17; /* AMX */
    return parts;
}

static bool has_xsave(const struct cpu_spec *s)
{
    return s->words[CPU_1_ECX] >> 26 & 1;
}

static bool keeps_part(const struct kvm_cpuid_entry2 *e, uint64_t parts)
{
    return (e->index < 64 && parts >> e->index & 1) || (e->ecx & 1); /* ECX bit 0: a supervisor's part */
}

static void fit_xsave(struct kvm_cpuid2 *list, const struct cpu_spec *s)
{
    struct kvm_cpuid_entry2 *all = cpu_entry_find(list, 0xd, 0), *one = cpu_entry_find(list, 0xd, 1);
    uint64_t parts;
    uint32_t n = 0, bytes = XSAVE_LEGACY_BYTES;

    if (!all)
        return;
    parts = has_xsave(s) ? xsave_parts(s) & (all->eax | (uint64_t)all->edx << 32) : 0;
    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &list->entries[i];

        if (e->function == 0xd && e->index >= 2 && !(has_xsave(s) && keeps_part(e, parts)))
            continue;
        if (e->function == 0xd && e->index >= 2 && !(e->ecx & 1))
            bytes = MAX(bytes, e->eax + e->ebx);
        list->entries[n++] = *e;
    }
    list->nent = n;
    all->eax = (uint32_t)parts; /* both stand before those that went */
    all->edx = (uint32_t)(parts >> 32);
    all->ebx = all->ecx = parts ? bytes : 0;
    if (one && !(s->words[CPU_XSAVE_EAX] >> 3 & 1))
        one->ebx = one->ecx = one->edx = 0; /* no XSAVES: no supervisor's parts */
}

/* ---- the whole ---- */

static bool is_kvm_leaf(uint32_t leaf)
{
    return leaf >= KVM_CPUID_SIGNATURE && leaf < 0x80000000;
}

/* Leaves above the highest, and KVM's own where it hides. */
static void drop_leaves(struct kvm_cpuid2 *list, const struct cpu_spec *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < list->nent; i++) {
        uint32_t leaf = list->entries[i].function;
        bool keep = leaf >= 0x80000000 ? leaf <= s->xlevel : is_kvm_leaf(leaf) ? s->kvm : leaf <= s->level;

        if (keep)
            list->entries[n++] = list->entries[i];
    }
    list->nent = n;
}

static void drop_counters(struct kvm_cpuid2 *list)
{
    struct kvm_cpuid_entry2 *e = cpu_entry_find(list, 0xa, 0);

    if (e)
        e->eax = e->ebx = e->ecx = e->edx = 0;
}

struct kvm_cpuid2 *cpu_spec_leaves(const struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    struct kvm_cpuid2 *list = g_malloc0(sizeof(*list) + (MAX_LEAVES + 1) * sizeof(list->entries[0]));

    if (cpu_model_is_host(s->model)) {
        list->nent = MIN(host->nent, MAX_LEAVES);
        memcpy(list->entries, host->entries, list->nent * sizeof(list->entries[0]));
    } else {
        push_model(list, s, host);
    }
    write_words(list, s);
    repeat_amd_bits(list, s);
    write_names(list, s);
    write_address_bits(list, s, host);
    fit_xsave(list, s);
    if (!s->pmu)
        drop_counters(list);
    drop_leaves(list, s);
    return list;
}
