/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -cpu: models, features, what a host lacks, and the leaves that come of it; the host is made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dm/cpu/cpu_spec.h"

/* ---- a host ---- */

static struct kvm_cpuid2 *host;

static struct kvm_cpuid_entry2 *add(uint32_t leaf, uint32_t subleaf)
{
    struct kvm_cpuid_entry2 *e = &host->entries[host->nent++];

    *e = (struct kvm_cpuid_entry2){.function = leaf, .index = subleaf};
    return e;
}

/* An Intel host with AVX and XSAVE, and without SSE4.2, SMEP and 3DNow. */
static int make_host(void **state)
{
    struct kvm_cpuid_entry2 *e;

    (void)state;
    host = g_malloc0(sizeof(*host) + 64 * sizeof(host->entries[0]));
    e = add(0, 0);
    e->eax = 0x16;
    memcpy(&e->ebx, "Genu", 4);
    memcpy(&e->edx, "ineI", 4);
    memcpy(&e->ecx, "ntel", 4);
    e = add(1, 0);
    e->eax = 0x000906ea;
    e->edx = 0xffffffff & ~(1u << 28);
    e->ecx = 0x7fffffff & ~(1u << 20) & ~(1u << 3);
    add(2, 0)->eax = 0x11223344;
    add(4, 0)->eax = 0x121;
    e = add(7, 0);
    e->ebx = 0xffffffff & ~(1u << 7);
    add(0xa, 0)->eax = 0x07300404;
    e = add(0xd, 0);
    e->eax = 0xe7;
    e->ebx = e->ecx = 0xa80;
    add(0xd, 1)->eax = 0xf;
    e = add(0xd, 2);
    e->eax = 0x100;
    e->ebx = 0x240;
    for (unsigned part = 5; part < 8; part++) {
        e = add(0xd, part);
        e->eax = 0x200;
        e->ebx = 0x480 + (part - 5) * 0x200;
    }
    e = add(KVM_CPUID_SIGNATURE, 0);
    e->eax = KVM_CPUID_FEATURES;
    memcpy(&e->ebx, "KVMK", 4);
    add(KVM_CPUID_FEATURES, 0)->eax = 0x0100007b;
    e = add(0x80000000, 0);
    *e = host->entries[0];
    e->function = 0x80000000;
    e->eax = 0x80000008;
    e = add(0x80000001, 0);
    e->edx = 0x2c100800;
    e->ecx = 0x121;
    add(0x80000002, 0)->eax = 0x41424344;
    add(0x80000008, 0)->eax = 0x3027;
    return 0;
}

static int drop_host(void **state)
{
    (void)state;
    g_free(host);
    return 0;
}

/* "qemu64,+x,y=on" */
static struct cpu_spec *spec_of(const char *text, const struct kvm_cpuid2 *on, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autoptr(GPtrArray) features = g_ptr_array_new();

    for (unsigned i = 1; parts[i]; i++)
        g_ptr_array_add(features, parts[i]);
    return cpu_spec_new("-cpu", parts[0], features, on, error);
}

static struct cpu_spec *good(const char *text, const struct kvm_cpuid2 *on)
{
    g_autoptr(GError) error = NULL;
    struct cpu_spec *s = spec_of(text, on, &error);

    if (!s)
        fail_msg("%s: %s", text, error->message);
    return s;
}

static void bad(const char *text, const char *words)
{
    g_autoptr(GError) error = NULL;

    assert_null(spec_of(text, NULL, &error));
    if (!strstr(error->message, words) || strchr(error->message, '\n'))
        fail_msg("%s: '%s' lacks '%s'", text, error->message, words);
}

static bool missing(const struct cpu_spec *s, const char *name)
{
    enum cpu_word word;
    unsigned bit;

    assert_true(cpu_feature_find(name, &word, &bit));
    return s->missing[word] >> bit & 1;
}

/* ---- names ---- */

static void every_name_is_found(void **state)
{
    unsigned names = 0;

    (void)state;
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *name = cpu_word_place((enum cpu_word)w)->bits[b];
            enum cpu_word word;
            unsigned bit;

            if (!name)
                continue;
            assert_true(cpu_feature_find(name, &word, &bit));
            names++;
            if (strcmp(name, "kvmclock")) {
                assert_int_equal(word, w);
                assert_int_equal(bit, b);
            }
        }
    }
    assert_true(names > 200);
}

static void second_names(void **state)
{
    static const char *const pairs[][2] = {{"sse4_1", "sse4.1"}, {"sse4-2", "sse4.2"}, {"lahf_lm", "lahf-lm"},
                                           {"sse3", "pni"},      {"xd", "nx"},         {"i64", "lm"},
                                           {"kvm_pv_eoi", "kvm-pv-eoi"}};
    enum cpu_word w1, w2;
    unsigned b1, b2;

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(pairs); i++) {
        assert_true(cpu_feature_find(pairs[i][0], &w1, &b1));
        assert_true(cpu_feature_find(pairs[i][1], &w2, &b2));
        assert_true(w1 == w2 && b1 == b2);
    }
    assert_false(cpu_feature_find("sse5", &w1, &b1));
    assert_false(cpu_feature_find("", &w1, &b1));
}

/* Each model's list names features that there are, and its parent stands above it. */
static void models_are_sound(void **state)
{
    unsigned count;
    const struct cpu_model *m = cpu_models(&count);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        g_auto(GStrv) names = g_strsplit(m[i].features, " ", -1);
        enum cpu_word word;
        unsigned bit;

        assert_ptr_equal(cpu_model_find(m[i].name), &m[i]);
        if (m[i].versioned)
            assert_ptr_equal(cpu_model_find(m[i].versioned), &m[i]);
        if (m[i].parent)
            assert_true(cpu_model_find(m[i].parent) < &m[i]);
        for (char **n = names; *n; n++) {
            if (**n && !cpu_feature_find(*n + (**n == '-'), &word, &bit))
                fail_msg("%s: no feature is called '%s'", m[i].name, *n);
        }
    }
}

/* ---- features ---- */

static void signs_and_values(void **state)
{
    struct cpu_spec *s = good("qemu64,aes=on,+avx,-avx,sse4_2,x2apic=off,nx=off,+nx", NULL);

    (void)state;
    assert_true(cpu_spec_has(s, "aes") && cpu_spec_has(s, "sse4.2") && cpu_spec_has(s, "nx"));
    assert_false(cpu_spec_has(s, "avx") || cpu_spec_has(s, "x2apic"));
    cpu_spec_free(s);
    s = good("qemu64", NULL);
    assert_true(cpu_spec_has(s, "x2apic") && cpu_spec_has(s, "hypervisor") && cpu_spec_has(s, "kvm-pv-eoi"));
    assert_false(cpu_spec_has(s, "svm") || cpu_spec_has(s, "npt"));
    assert_int_equal(s->level, 13);
    assert_int_equal(s->xlevel, 0x8000000a);
    assert_int_equal(s->phys_bits, 40);
    cpu_spec_free(s);
    s = good("486", NULL);
    assert_false(cpu_spec_has(s, "apic") || cpu_spec_has(s, "tsc"));
    assert_int_equal(s->phys_bits, 32);
    cpu_spec_free(s);
}

static void what_is_refused(void **state)
{
    (void)state;
    bad("pentium5", "pentium5");
    bad("qemu64,+foo", "+foo: no such CPU feature");
    bad("qemu64,-foo", "-foo: no such CPU feature");
    bad("qemu64,foo=on", "foo: no such CPU feature or property");
    bad("qemu64,aes=maybe", "aes=maybe");
    bad("qemu64,vendor=Cyrix", "vendor=Cyrix");
    bad("qemu64,hv-relaxed", "Hyper-V");
    bad("qemu64,l3-cache=off", "l3-cache");
    bad("qemu64,host-cache-info=off", "host-cache-info");
    bad("qemu64,tsc-frequency=1000", "tsc-frequency");
    bad("qemu64,family=9999", "family=9999");
    bad("qemu64,stepping=16", "stepping=16");
    bad(",aes", "no such CPU model");
}

static void levels(void **state)
{
    struct cpu_spec *s = good("486,+smep", NULL);

    (void)state;
    assert_int_equal(s->level, 7);
    cpu_spec_free(s);
    s = good("486,+xsave,+lm", NULL);
    assert_int_equal(s->level, 13);
    assert_int_equal(s->xlevel, 0x80000001);
    cpu_spec_free(s);
    s = good("486,+smep,level=4", NULL);
    assert_int_equal(s->level, 4);
    cpu_spec_free(s);
    s = good("kvm64,min-level=20", NULL);
    assert_int_equal(s->level, 20);
    cpu_spec_free(s);
}

/* ---- a host's limits ---- */

static void what_the_host_lacks(void **state)
{
    g_autoptr(GError) error = NULL;
    struct cpu_spec *s = good("IvyBridge,check=off", host);

    (void)state;
    assert_true(missing(s, "sse4.2") && missing(s, "smep"));
    assert_false(missing(s, "avx"));
    assert_false(cpu_spec_has(s, "sse4.2"));
    assert_true(cpu_spec_has(s, "avx") && cpu_spec_has(s, "hypervisor"));
    assert_string_equal(s->vendor, "GenuineIntel");
    assert_true(cpu_spec_judge("-cpu", s, &error));
    cpu_spec_free(s);
    s = good("IvyBridge,enforce", host);
    assert_false(cpu_spec_judge("-cpu", s, &error));
    assert_non_null(strstr(error->message, "-cpu IvyBridge"));
    cpu_spec_free(s);
    g_clear_error(&error);
    s = good("pentium3,enforce", host);
    assert_true(cpu_spec_judge("-cpu", s, &error));
    cpu_spec_free(s);
}

static uint32_t word(const struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf, enum cpu_register reg)
{
    struct kvm_cpuid_entry2 *e = cpu_entry_find(list, leaf, subleaf);

    assert_non_null(e);
    return *cpu_entry_register(e, reg);
}

static struct kvm_cpuid2 *leaves(const char *text)
{
    struct cpu_spec *s = good(text, host);
    struct kvm_cpuid2 *list = cpu_spec_leaves(s, host);

    cpu_spec_free(s);
    return list;
}

static void a_named_guest(void **state)
{
    g_autofree struct kvm_cpuid2 *list = leaves("phenom,check=off");

    (void)state;
    assert_int_equal(word(list, 0, 0, CPU_EAX), 5);
    assert_memory_equal(&cpu_entry_find(list, 0, 0)->ebx, "Genu", 4);
    assert_int_equal(word(list, 1, 0, CPU_EAX), 0x00100f23);
    assert_int_equal(word(list, 1, 0, CPU_ECX), 0x80a02001);
    assert_int_equal(word(list, 4, 0, CPU_EAX), 0x121);
    assert_null(cpu_entry_find(list, 7, 0));
    assert_null(cpu_entry_find(list, 0xd, 0));
    assert_memory_equal(&cpu_entry_find(list, 0x80000002, 0)->eax, "AMD ", 4);
    assert_int_equal(word(list, 0x80000001, 0, CPU_EDX) & 1u << 31, 0); /* 3dnow is not there */
    assert_int_equal(word(list, 0x80000008, 0, CPU_EAX), 0x3000 | 39);  /* not more than the host's */
    assert_int_equal(word(list, KVM_CPUID_FEATURES, 0, CPU_EAX), 0x0100007b & 0x0100007b & ~0x4);
}

static void amd_repeats_its_bits(void **state)
{
    g_autofree struct kvm_cpuid2 *amd = leaves("qemu64,vendor=AuthenticAMD"), *intel = leaves("qemu64");

    (void)state;
    assert_int_equal(word(amd, 0x80000001, 0, CPU_EDX) & 0x3f, word(amd, 1, 0, CPU_EDX) & 0x3f);
    assert_int_equal(word(intel, 0x80000001, 0, CPU_EDX) & 0x3f, 0);
}

static void sizes_of_xsave(void **state)
{
    g_autofree struct kvm_cpuid2 *none = leaves("qemu64"), *avx = leaves("SandyBridge,check=off");
    g_autofree struct kvm_cpuid2 *whole = leaves("host"), *less = leaves("host,-avx512f"), *off = leaves("host,-xsave");

    (void)state;
    assert_int_equal(word(none, 0xd, 0, CPU_EAX), 0);
    assert_int_equal(word(none, 0xd, 0, CPU_ECX), 0);
    assert_int_equal(word(avx, 0xd, 0, CPU_EAX), 7);
    assert_int_equal(word(avx, 0xd, 0, CPU_ECX), 0x340);
    assert_null(cpu_entry_find(avx, 0xd, 5));
    assert_int_equal(word(whole, 0xd, 0, CPU_EAX), 0xe7);
    assert_int_equal(word(whole, 0xd, 0, CPU_ECX), 0xa80);
    assert_int_equal(word(less, 0xd, 0, CPU_EAX), 7);
    assert_int_equal(word(less, 0xd, 0, CPU_ECX), 0x340);
    assert_int_equal(word(off, 0xd, 0, CPU_EAX), 0);
    assert_null(cpu_entry_find(off, 0xd, 2));
}

static void the_host_itself(void **state)
{
    g_autofree struct kvm_cpuid2 *list = leaves("host"), *hidden = leaves("host,kvm=off,hypervisor=off,pmu=off");

    (void)state;
    assert_int_equal(list->nent, host->nent);
    for (uint32_t i = 0; i < host->nent; i++) {
        struct kvm_cpuid_entry2 *e = &list->entries[i], *h = &host->entries[i];

        if (h->function == 1)
            h->ecx |= 1u << 31; /* hypervisor, which KVM's own list lacks here */
        if (h->function == 0xd && h->index == 1)
            assert_int_equal(e->eax, h->eax);
        else
            assert_memory_equal(e, h, sizeof(*e));
    }
    assert_null(cpu_entry_find(hidden, KVM_CPUID_SIGNATURE, 0));
    assert_int_equal(word(hidden, 1, 0, CPU_ECX) >> 31, 0);
    assert_int_equal(word(hidden, 0xa, 0, CPU_EAX), 0);
}

/* Whatever a host says, and whatever is asked for, the list stays within its bounds. */
static void odd_hosts(void **state)
{
    g_autofree struct kvm_cpuid2 *empty = g_malloc0(sizeof(*empty)), *big = NULL;
    g_autofree struct kvm_cpuid2 *list = NULL;
    struct cpu_spec *s;

    (void)state;
    s = good("EPYC,check=off", empty);
    list = cpu_spec_leaves(s, empty);
    assert_int_equal(word(list, 1, 0, CPU_EDX), 0);
    cpu_spec_free(s);
    big = g_malloc0(sizeof(*big) + 600 * sizeof(big->entries[0]));
    big->nent = 600;
    for (unsigned i = 0; i < 600; i++)
        big->entries[i] = (struct kvm_cpuid_entry2){.function = 0xd, .index = i, .eax = 0xffffffff, .ebx = 0xffffffff};
    for (unsigned i = 0; i < 2; i++) {
        g_autofree struct kvm_cpuid2 *all = NULL;

        s = good(i ? "host,level=13" : "Haswell,check=off,+xsave", big);
        all = cpu_spec_leaves(s, big);
        assert_true(all->nent <= 256);
        cpu_spec_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found),
        cmocka_unit_test(second_names),
        cmocka_unit_test(models_are_sound),
        cmocka_unit_test(signs_and_values),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(levels),
        cmocka_unit_test_setup_teardown(what_the_host_lacks, make_host, drop_host),
        cmocka_unit_test_setup_teardown(a_named_guest, make_host, drop_host),
        cmocka_unit_test_setup_teardown(amd_repeats_its_bits, make_host, drop_host),
        cmocka_unit_test_setup_teardown(sizes_of_xsave, make_host, drop_host),
        cmocka_unit_test_setup_teardown(the_host_itself, make_host, drop_host),
        cmocka_unit_test(odd_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
