/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/cpu/cpu_spec.h"

#include <string.h>

#include "dm/log.h"

#define PHYS_BITS_LONG_MODE 40 /* of named models, as QEMU's have them */
#define PHYS_BITS_PSE36 36
#define PHYS_BITS_LEAST 32

const struct opt_desc cpu_props[] = {
    {.name = "check", .type = OPT_BOOL, .help = "warn of features that this KVM does not have", .fallback = "on"},
    {.name = "enforce", .type = OPT_BOOL, .help = "refuse to start without them", .fallback = "off"},
    {.name = "vendor", .type = OPT_STRING, .max = CPU_VENDOR_BYTES, .help = "12 letters", .fallback = "the host's"},
    {.name = "model-id", .type = OPT_STRING, .max = CPU_MODEL_ID_BYTES, .help = "the processor's name"},
    {.name = "family", .type = OPT_NUMBER, .min = 0, .max = 0xff + 0xf, .help = "family"},
    {.name = "model", .type = OPT_NUMBER, .min = 0, .max = 0xff, .help = "model within the family"},
    {.name = "stepping", .type = OPT_NUMBER, .min = 0, .max = 0xf, .help = "stepping"},
    {.name = "level", .type = OPT_NUMBER, .min = 0, .max = 0x1f, .help = "highest basic CPUID leaf"},
    {.name = "xlevel", .type = OPT_NUMBER, .min = 0, .max = 0x80000021, .help = "highest extended CPUID leaf"},
    {.name = "min-level", .type = OPT_NUMBER, .min = 0, .max = 0x1f, .help = "level, unless features need more"},
    {.name = "min-xlevel", .type = OPT_NUMBER, .min = 0, .max = 0x80000021, .help = "xlevel, unless features need more"},
    {.name = "phys-bits", .type = OPT_NUMBER, .min = 0, .max = 52, .help = "bits of a physical address; 0: by the model"},
    {.name = "host-phys-bits", .type = OPT_BOOL, .help = "as many as the host has"},
    {.name = "kvm", .type = OPT_BOOL, .help = "off: the guest is not told of KVM", .fallback = "on"},
    {.name = "pmu", .type = OPT_BOOL, .help = "performance counters", .fallback = "on with host and max"},
    {.name = "migratable", .type = OPT_BOOL, .help = "accepted: VMs cannot be moved anyway", .fallback = "on"},
    {.name = "host-cache-info", .type = OPT_ENUM, .values = "on", .help = "caches are described as the host's are"},
    {.name = "x-force-features", .type = OPT_BOOL, .refusal = "KVM decides what there is"},
    {.name = "l3-cache", .type = OPT_BOOL, .refusal = "caches are described as the host's are"},
    {.name = "legacy-cache", .type = OPT_BOOL, .refusal = "caches are described as the host's are"},
    {.name = "tsc-frequency", .type = OPT_STRING, .refusal = "the counter runs as the host's does"},
    {.name = "hv-*", .type = OPT_STRING, .refusal = "there are no Hyper-V interfaces"},
    OPT_END,
};

/* What every named model is given, and never given, on KVM unless -cpu says otherwise. */
static const struct {
    const char *name;
    bool on;
} kvm_defaults[] = {
    {"kvmclock", true},           {"kvm-nopiodelay", true}, {"kvm-asyncpf", true}, {"kvm-steal-time", true},
    {"kvmclock-stable-bit", true}, {"kvm-pv-eoi", true},    {"x2apic", true},      {"hypervisor", true},
    {"acpi", false},              {"monitor", false},       {"svm", false},
};

/* ---- words ---- */

static bool set_feature(uint32_t words[CPU_WORDS], const char *name, bool on)
{
    enum cpu_word word;
    unsigned bit;

    if (!cpu_feature_find(name, &word, &bit))
        return false;
    words[word] = on ? words[word] | 1u << bit : words[word] & ~(1u << bit);
    /* An old and a new clock of KVM's have one name. */
    if (word == CPU_KVM_EAX && bit == KVM_FEATURE_CLOCKSOURCE)
        words[word] = on ? words[word] | 1u << KVM_FEATURE_CLOCKSOURCE2
                         : words[word] & ~(1u << KVM_FEATURE_CLOCKSOURCE2);
    return true;
}

bool cpu_spec_has(const struct cpu_spec *s, const char *name)
{
    enum cpu_word word;
    unsigned bit;

    return cpu_feature_find(name, &word, &bit) && (s->words[word] >> bit & 1);
}

/* What a guest can have beside KVM's own list: it is made here, or by the interrupt controllers in the kernel. */
static void add_ours(uint32_t supported[CPU_WORDS])
{
    static const char *const names[] = {"hypervisor", "ht", "cmp-legacy"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        set_feature(supported, names[i], true);
}

static void drop_dependent(struct cpu_spec *s)
{
    if (!s->kvm)
        s->words[CPU_KVM_EAX] = s->words[CPU_KVM_EDX] = 0;
    if (!cpu_spec_has(s, "svm"))
        s->words[CPU_SVM_EDX] = 0;
}

static void filter(struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    uint32_t supported[CPU_WORDS];

    if (!host)
        return;
    cpu_words_read(host, supported);
    add_ours(supported);
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        s->missing[w] = s->words[w] & ~supported[w];
        s->words[w] &= supported[w];
    }
}

/* ---- the model ---- */

static void copy_text(char *to, size_t size, const char *from)
{
    memset(to, 0, size);
    g_strlcpy(to, from, size);
}

/* Family, model and stepping out of leaf 1's EAX (SDM volume 2, CPUID, figure 3-6). */
static void take_signature(struct cpu_spec *s, uint32_t eax)
{
    s->family = eax >> 8 & 0xf;
    if (s->family == 0xf)
        s->family += eax >> 20 & 0xff;
    s->model_number = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);
    s->stepping = eax & 0xf;
}

static void take_vendor(struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    const struct kvm_cpuid_entry2 *e = cpu_entry_find(host, 0, 0);

    if (!e)
        return;
    memcpy(s->vendor, &e->ebx, 4);
    memcpy(s->vendor + 4, &e->edx, 4);
    memcpy(s->vendor + 8, &e->ecx, 4);
}

static void take_host(struct cpu_spec *s, const struct kvm_cpuid2 *host)
{
    const struct kvm_cpuid_entry2 *basic = cpu_entry_find(host, 0, 0), *one = cpu_entry_find(host, 1, 0);
    const struct kvm_cpuid_entry2 *extended = cpu_entry_find(host, 0x80000000, 0);

    cpu_words_read(host, s->words);
    set_feature(s->words, "hypervisor", true);
    s->level = basic ? basic->eax : 0;
    s->xlevel = extended ? extended->eax : 0;
    take_signature(s, one ? one->eax : 0);
    for (unsigned i = 0; i < 3; i++) {
        const struct kvm_cpuid_entry2 *e = cpu_entry_find(host, 0x80000002 + i, 0);

        if (e)
            memcpy(s->model_id + 16 * i, &e->eax, 16);
    }
}

static void take_model(struct cpu_spec *s)
{
    const struct cpu_model *m = s->model;

    cpu_model_words(m, s->words);
    if (strcmp(m->name, "base")) {
        for (unsigned i = 0; i < G_N_ELEMENTS(kvm_defaults); i++)
            set_feature(s->words, kvm_defaults[i].name, kvm_defaults[i].on);
    }
    if (m->vendor)
        copy_text(s->model_id, sizeof(s->model_id), m->model_id);
    s->level = m->level;
    s->xlevel = m->xlevel;
    s->family = m->family;
    s->model_number = m->model;
    s->stepping = m->stepping;
}

/* ---- what was added and taken away ---- */

static bool apply_signed(const char *what, struct cpu_spec *s, const GPtrArray *features, char sign, GError **error)
{
    for (guint i = 0; features && i < features->len; i++) {
        const char *text = g_ptr_array_index(features, i);

        if (*text == sign && !set_feature(s->words, text + 1, sign == '+'))
            return opt_error(error, "%s %s,%s: no such CPU feature", what, s->model->name, text);
    }
    return true;
}

/* A feature by name, "x" or "x=on"; false without error: it is not a feature. */
static bool apply_feature(const char *what, struct cpu_spec *s, const struct opt_pair *pair, GError **error)
{
    const struct opt_desc row = {.name = pair->name, .type = OPT_BOOL};
    g_autofree char *value = NULL;
    enum cpu_word word;
    unsigned bit;

    if (!cpu_feature_find(pair->name, &word, &bit))
        return false;
    value = opt_check_value(what, &row, pair->value ? pair->value : "on", error);
    if (value)
        set_feature(s->words, pair->name, !strcmp(value, "on"));
    return true;
}

/* Whether it is one of cpu_props that can be given; else with error. */
static bool known_prop(const char *what, const struct cpu_spec *s, const char *name, GError **error)
{
    for (const struct opt_desc *d = cpu_props; d->name; d++) {
        if (g_pattern_match_simple(d->name, name))
            return !d->refusal ||
                   opt_error(error, "%s %s,%s: not supported: %s", what, s->model->name, name, d->refusal);
    }
    return opt_error(error, "%s %s,%s: no such CPU feature or property", what, s->model->name, name);
}

/* The pairs that are no features, checked; NULL with error. */
static GHashTable *apply_pairs(const char *what, struct cpu_spec *s, const GPtrArray *features, GError **error)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new();
    g_autoptr(GPtrArray) keep = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    GError *failure = NULL;

    for (guint i = 0; features && i < features->len; i++) {
        const char *text = g_ptr_array_index(features, i);
        GPtrArray *pairs;
        struct opt_pair *pair;

        if (*text == '+' || *text == '-')
            continue;
        pairs = opt_pairs_from_text(what, text, NULL, error);
        if (!pairs)
            return NULL;
        g_ptr_array_add(keep, pairs);
        pair = pairs->len ? g_ptr_array_index(pairs, 0) : NULL;
        if (pair && !apply_feature(what, s, pair, &failure)) {
            if (!failure && !known_prop(what, s, pair->name, &failure))
                break;
            g_ptr_array_add(rest, pair);
        }
        if (failure)
            break;
    }
    if (failure) {
        g_propagate_error(error, failure);
        return NULL;
    }
    return opt_check(what, rest, cpu_props, error);
}

static void raise_level(uint32_t *level, uint32_t words, uint32_t leaf)
{
    if (words && *level < leaf)
        *level = leaf;
}

/* The highest leaf must reach what holds a feature. */
static void raise_levels(struct cpu_spec *s)
{
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        uint32_t leaf = cpu_word_place((enum cpu_word)w)->leaf;

        if (leaf < KVM_CPUID_SIGNATURE)
            raise_level(&s->level, s->words[w], leaf);
        else if (leaf >= 0x80000000)
            raise_level(&s->xlevel, s->words[w], leaf);
    }
    raise_level(&s->level, cpu_spec_has(s, "xsave"), 0xd);
}

static void apply_levels(struct cpu_spec *s, GHashTable *o)
{
    s->level = (uint32_t)opts_number(o, "min-level", s->level);
    s->xlevel = (uint32_t)opts_number(o, "min-xlevel", s->xlevel);
    raise_levels(s);
    s->level = (uint32_t)opts_number(o, "level", s->level);
    s->xlevel = (uint32_t)opts_number(o, "xlevel", s->xlevel);
}

static void apply_address_bits(struct cpu_spec *s, GHashTable *o)
{
    bool host = cpu_model_is_host(s->model);

    s->phys_bits = cpu_spec_has(s, "lm") ? PHYS_BITS_LONG_MODE : cpu_spec_has(s, "pse36") ? PHYS_BITS_PSE36 : PHYS_BITS_LEAST;
    if (opts_number(o, "phys-bits", 0))
        s->phys_bits = (unsigned)opts_number(o, "phys-bits", 0);
    else if (opts_bool(o, "host-phys-bits", host))
        s->phys_bits = 0;
}

static bool apply_props(const char *what, struct cpu_spec *s, GHashTable *o, GError **error)
{
    const char *vendor = opts_get(o, "vendor"), *id = opts_get(o, "model-id");

    if (vendor && strlen(vendor) != CPU_VENDOR_BYTES)
        return opt_error(error, "%s vendor=%s: it has 12 letters: GenuineIntel, AuthenticAMD", what, vendor);
    if (vendor)
        copy_text(s->vendor, sizeof(s->vendor), vendor);
    if (id)
        copy_text(s->model_id, sizeof(s->model_id), id);
    s->family = (unsigned)opts_number(o, "family", s->family);
    s->model_number = (unsigned)opts_number(o, "model", s->model_number);
    s->stepping = (unsigned)opts_number(o, "stepping", s->stepping);
    s->check = opts_bool(o, "check", true);
    s->enforce = opts_bool(o, "enforce", false);
    s->kvm = opts_bool(o, "kvm", true);
    s->migratable = opts_bool(o, "migratable", true);
    s->pmu = opts_bool(o, "pmu", cpu_model_is_host(s->model));
    apply_address_bits(s, o);
    return true;
}

struct cpu_spec *cpu_spec_new(const char *what, const char *model, const GPtrArray *features,
                              const struct kvm_cpuid2 *host, GError **error)
{
    const struct cpu_model *m = cpu_model_find(model);
    g_autoptr(GHashTable) props = NULL;
    struct cpu_spec *s;

    if (!m) {
        opt_error(error, "%s %s: no such CPU model; -cpu help lists them", what, model);
        return NULL;
    }
    s = g_new0(struct cpu_spec, 1);
    s->model = m;
    copy_text(s->vendor, sizeof(s->vendor), m->vendor ? m->vendor : "");
    if (host)
        take_vendor(s, host);
    if (!cpu_model_is_host(m))
        take_model(s);
    else if (host)
        take_host(s, host);
    props = apply_pairs(what, s, features, error);
    if (!props || !apply_signed(what, s, features, '+', error) || !apply_signed(what, s, features, '-', error) ||
        !apply_props(what, s, props, error)) {
        cpu_spec_free(s);
        return NULL;
    }
    drop_dependent(s);
    apply_levels(s, props);
    filter(s, host);
    return s;
}

void cpu_spec_free(struct cpu_spec *s)
{
    g_free(s);
}

/* ---- check, enforce ---- */

static void warn_word(enum cpu_word word, uint32_t missing)
{
    static const char *const registers[] = {"EAX", "EBX", "ECX", "EDX"};
    const struct cpu_word_place *place = cpu_word_place(word);

    for (unsigned b = 0; b < 32; b++) {
        if (missing >> b & 1)
            log_warning("host doesn't support requested feature: CPUID.%02XH:%s%s%s [bit %u]", place->leaf,
                        registers[place->reg], place->bits[b] ? "." : "", place->bits[b] ? place->bits[b] : "", b);
    }
}

bool cpu_spec_judge(const char *what, const struct cpu_spec *s, GError **error)
{
    bool complete = true;

    for (unsigned w = 0; w < CPU_WORDS; w++) {
        if (s->check || s->enforce)
            warn_word((enum cpu_word)w, s->missing[w]);
        complete = complete && !s->missing[w];
    }
    if (complete || !s->enforce)
        return true;
    return opt_error(error, "%s %s: Host doesn't support requested features (enforce)", what, s->model->name);
}
