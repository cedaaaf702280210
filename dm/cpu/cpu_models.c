/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/cpu/cpu_models.h"

#include <glib.h>
#include <string.h>

#define CPU_INTEL "GenuineIntel"
#define CPU_AMD "AuthenticAMD"
#define CPU_HYGON "HygonGenuine"

/*
 * Each is an older one with features added and ("-") taken away. Which bits a name has, QEMU's documentation and
 * query-cpu-model-expansion tell; tests/diff/cpus.sh compares.
 */
static const struct cpu_model models[] = {
    {"max", NULL, NULL, NULL, 0, 0, 0, 0, 0, "all that KVM offers on this host", ""},
    {"host", NULL, NULL, NULL, 0, 0, 0, 0, 0, "the same (default)", ""},
    {"base", NULL, NULL, NULL, 0, 0, 0, 0, 0, "nothing: features are to be named", ""},
    {"486", "486-v1", "base", CPU_INTEL, 1, 4, 8, 0, 0,
     "", "fpu vme pse"},
    {"pentium", "pentium-v1", "486", CPU_INTEL, 1, 5, 4, 3, 0,
     "", "de tsc msr mce cx8 apic mmx"},
    {"pentium2", "pentium2-v1", "pentium", CPU_INTEL, 2, 6, 5, 2, 0,
     "", "pae sep mtrr pge mca cmov pat pse36 fxsr"},
    {"pentium3", "pentium3-v1", "pentium2", CPU_INTEL, 3, 6, 7, 3, 0,
     "", "sse"},
    {"athlon", "athlon-v1", "pentium3", CPU_AMD, 2, 6, 2, 3, 0x80000008,
     "QEMU Virtual CPU version 2.5+", "sse2 mmxext 3dnowext 3dnow"},
    {"qemu32", "qemu32-v1", "pentium3", CPU_INTEL, 4, 6, 6, 3, 0x80000004,
     "QEMU Virtual CPU version 2.5+", "pni sse2 -vme -mtrr -mca -pse36"},
    {"qemu64", "qemu64-v1", "qemu32", CPU_AMD, 13, 15, 107, 1, 0x8000000a,
     "QEMU Virtual CPU version 2.5+", "cx16 mtrr mca pse36 clflush lahf-lm svm syscall nx lm"},
    {"kvm32", "kvm32-v1", "pentium3", CPU_INTEL, 5, 15, 6, 1, 0x80000008,
     "Common 32-bit KVM processor", "pni clflush sse2"},
    {"kvm64", "kvm64-v1", "kvm32", CPU_INTEL, 13, 15, 6, 1, 0x80000008,
     "Common KVM processor", "cx16 syscall nx lm"},
    {"n270", "n270-v1", "kvm32", CPU_INTEL, 10, 6, 28, 2, 0x80000008,
     "Intel(R) Atom(TM) CPU N270   @ 1.60GHz", "monitor ssse3 movbe acpi ss lahf-lm nx -pse36"},
    {"coreduo", "coreduo-v1", "n270", CPU_INTEL, 10, 6, 14, 8, 0x80000008,
     "Genuine Intel(R) CPU           T2600  @ 2.16GHz", "-ssse3 -movbe -lahf-lm"},
    {"core2duo", "core2duo-v1", "kvm64", CPU_INTEL, 10, 6, 15, 11, 0x80000008,
     "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", "monitor ssse3 acpi ss lahf-lm"},
    {"Conroe", "Conroe-v1", "kvm32", CPU_INTEL, 10, 6, 15, 3, 0x80000008,
     "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", "ssse3 lahf-lm syscall nx lm"},
    {"Penryn", "Penryn-v1", "Conroe", CPU_INTEL, 10, 6, 23, 3, 0x80000008,
     "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", "cx16 sse4.1"},
    {"Nehalem", "Nehalem-v1", "Penryn", CPU_INTEL, 11, 6, 26, 3, 0x80000008,
     "Intel Core i7 9xx (Nehalem Class Core i7)", "sse4.2 popcnt"},
    {"Nehalem-IBRS", "Nehalem-v2", "Nehalem", CPU_INTEL, 11, 6, 26, 3, 0x80000008,
     "Intel Core i7 9xx (Nehalem Core i7, IBRS update)", "spec-ctrl"},
    {"Westmere", "Westmere-v1", "Nehalem", CPU_INTEL, 11, 6, 44, 1, 0x80000008,
     "Westmere E56xx/L56xx/X56xx (Nehalem-C)", "pclmulqdq aes arat"},
    {"Westmere-IBRS", "Westmere-v2", "Westmere", CPU_INTEL, 11, 6, 44, 1, 0x80000008,
     "Westmere E56xx/L56xx/X56xx (IBRS update)", "spec-ctrl"},
    {"SandyBridge", "SandyBridge-v1", "Westmere", CPU_INTEL, 13, 6, 42, 1, 0x80000008,
     "Intel Xeon E312xx (Sandy Bridge)", "x2apic tsc-deadline xsave avx xsaveopt rdtscp"},
    {"SandyBridge-IBRS", "SandyBridge-v2", "SandyBridge", CPU_INTEL, 13, 6, 42, 1, 0x80000008,
     "Intel Xeon E312xx (Sandy Bridge, IBRS update)", "spec-ctrl"},
    {"IvyBridge", "IvyBridge-v1", "SandyBridge", CPU_INTEL, 13, 6, 58, 9, 0x80000008,
     "Intel Xeon E3-12xx v2 (Ivy Bridge)", "f16c rdrand fsgsbase smep erms"},
    {"IvyBridge-IBRS", "IvyBridge-v2", "IvyBridge", CPU_INTEL, 13, 6, 58, 9, 0x80000008,
     "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)", "spec-ctrl"},
    {"Haswell-noTSX", "Haswell-v2", "IvyBridge", CPU_INTEL, 13, 6, 60, 1, 0x80000008,
     "Intel Core Processor (Haswell, no TSX)", "fma pcid movbe bmi1 avx2 bmi2 invpcid abm"},
    {"Haswell-noTSX-IBRS", "Haswell-v4", "Haswell-noTSX", CPU_INTEL, 13, 6, 60, 1, 0x80000008,
     "Intel Core Processor (Haswell, no TSX, IBRS)", "spec-ctrl"},
    {"Haswell", "Haswell-v1", "Haswell-noTSX", CPU_INTEL, 13, 6, 60, 4, 0x80000008,
     "Intel Core Processor (Haswell)", "hle rtm"},
    {"Haswell-IBRS", "Haswell-v3", "Haswell", CPU_INTEL, 13, 6, 60, 4, 0x80000008,
     "Intel Core Processor (Haswell, IBRS)", "spec-ctrl"},
    {"Broadwell-noTSX", "Broadwell-v2", "Haswell-noTSX", CPU_INTEL, 13, 6, 61, 2, 0x80000008,
     "Intel Core Processor (Broadwell, no TSX)", "rdseed adx smap 3dnowprefetch"},
    {"Broadwell-noTSX-IBRS", "Broadwell-v4", "Broadwell-noTSX", CPU_INTEL, 13, 6, 61, 2, 0x80000008,
     "Intel Core Processor (Broadwell, no TSX, IBRS)", "spec-ctrl"},
    {"Broadwell", "Broadwell-v1", "Broadwell-noTSX", CPU_INTEL, 13, 6, 61, 2, 0x80000008,
     "Intel Core Processor (Broadwell)", "hle rtm"},
    {"Broadwell-IBRS", "Broadwell-v3", "Broadwell", CPU_INTEL, 13, 6, 61, 2, 0x80000008,
     "Intel Core Processor (Broadwell, IBRS)", "spec-ctrl"},
    {"Skylake-Client", "Skylake-Client-v1", "Broadwell", CPU_INTEL, 13, 6, 94, 3, 0x80000008,
     "Intel Core Processor (Skylake)", "xsavec xgetbv1"},
    {"Skylake-Client-IBRS", "Skylake-Client-v2", "Skylake-Client", CPU_INTEL, 13, 6, 94, 3, 0x80000008,
     "Intel Core Processor (Skylake, IBRS)", "spec-ctrl"},
    {"Skylake-Client-noTSX-IBRS", "Skylake-Client-v3", "Broadwell-noTSX-IBRS", CPU_INTEL, 13, 6, 94, 3, 0x80000008,
     "Intel Core Processor (Skylake, IBRS, no TSX)", "xsavec xgetbv1"},
    {"Skylake-Server", "Skylake-Server-v1", "Skylake-Client", CPU_INTEL, 13, 6, 85, 4, 0x80000008,
     "Intel Xeon Processor (Skylake)",
     "avx512f avx512dq clflushopt clwb avx512cd avx512bw avx512vl pku pdpe1gb"},
    {"Skylake-Server-IBRS", "Skylake-Server-v2", "Skylake-Server", CPU_INTEL, 13, 6, 85, 4, 0x80000008,
     "Intel Xeon Processor (Skylake, IBRS)", "spec-ctrl -clflushopt"},
    {"Skylake-Server-noTSX-IBRS", "Skylake-Server-v3", "Skylake-Server-IBRS", CPU_INTEL, 13, 6, 85, 4, 0x80000008,
     "Intel Xeon Processor (Skylake, IBRS, no TSX)", "-hle -rtm"},
    {"phenom", "phenom-v1", "qemu64", CPU_AMD, 5, 16, 2, 3, 0x8000001a,
     "AMD Phenom(tm) 9550 Quad-Core Processor",
     "monitor popcnt vme abm sse4a mmxext fxsr-opt pdpe1gb rdtscp 3dnowext 3dnow npt"},
    {"Opteron_G1", "Opteron_G1-v1", "kvm32", CPU_AMD, 5, 15, 6, 1, 0x80000008,
     "AMD Opteron 240 (Gen 1 Class Opteron)", "syscall nx lm"},
    {"Opteron_G2", "Opteron_G2-v1", "qemu64", CPU_AMD, 5, 15, 6, 1, 0x80000008,
     "AMD Opteron 22xx (Gen 2 Class Opteron)", "vme"},
    {"Opteron_G3", "Opteron_G3-v1", "Opteron_G2", CPU_AMD, 5, 16, 2, 3, 0x80000008,
     "AMD Opteron 23xx (Gen 3 Class Opteron)", "monitor popcnt abm sse4a misalignsse rdtscp"},
    {"Opteron_G4", "Opteron_G4-v1", "Nehalem", CPU_AMD, 13, 21, 1, 2, 0x8000001a,
     "AMD Opteron 62xx class CPU",
     "pclmulqdq aes xsave avx svm abm sse4a misalignsse 3dnowprefetch xop fma4 pdpe1gb rdtscp npt nrip-save"},
    {"Opteron_G5", "Opteron_G5-v1", "Opteron_G4", CPU_AMD, 13, 21, 2, 0, 0x8000001a,
     "AMD Opteron 63xx class CPU", "fma f16c tbm"},
    {"EPYC", "EPYC-v1", "Skylake-Client-noTSX-IBRS", CPU_AMD, 13, 23, 1, 2, 0x8000001e,
     "AMD EPYC Processor",
     "monitor clflushopt sha-ni svm cr8legacy sse4a misalignsse osvw topoext mmxext fxsr-opt pdpe1gb npt "
     "nrip-save -pcid -x2apic -tsc-deadline -erms -invpcid -spec-ctrl"},
    {"EPYC-IBPB", "EPYC-v2", "EPYC", CPU_AMD, 13, 23, 1, 2, 0x8000001e,
     "AMD EPYC Processor (with IBPB)", "ibpb"},
    {"EPYC-v3", NULL, "EPYC-IBPB", CPU_AMD, 13, 23, 1, 2, 0x8000001e,
     "AMD EPYC Processor", "xsaves perfctr-core clzero xsaveerptr"},
    {"EPYC-Rome", "EPYC-Rome-v1", "EPYC-v3", CPU_AMD, 13, 23, 49, 0, 0x8000001e,
     "AMD EPYC-Rome Processor", "clwb umip rdpid wbnoinvd amd-stibp"},
    {"EPYC-Milan", "EPYC-Milan-v1", "EPYC-Rome", CPU_AMD, 13, 25, 1, 1, 0x8000001e,
     "AMD EPYC-Milan Processor", "pcid erms invpcid pku fsrm ibrs amd-ssbd svme-addr-chk"},
    {"Dhyana", "Dhyana-v1", "EPYC-IBPB", CPU_HYGON, 13, 24, 0, 1, 0x8000001e,
     "Hygon Dhyana Processor", "-pclmulqdq -aes -sha-ni"},
    {"Skylake-Client-v4", NULL, "Skylake-Client-noTSX-IBRS", CPU_INTEL, 13, 6, 94, 3, 0x80000008,
     "Intel Core Processor (Skylake, IBRS, no TSX)", "xsaves"},
    {"Skylake-Server-v4", NULL, "Skylake-Server-noTSX-IBRS", CPU_INTEL, 13, 6, 85, 4, 0x80000008,
     "Intel Xeon Processor (Skylake, IBRS, no TSX)", ""},
    {"Skylake-Server-v5", NULL, "Skylake-Server-noTSX-IBRS", CPU_INTEL, 13, 6, 85, 4, 0x80000008,
     "Intel Xeon Processor (Skylake, IBRS, no TSX)", "xsaves"},
    {"EPYC-Rome-v2", NULL, "EPYC-Rome", CPU_AMD, 13, 23, 49, 0, 0x8000001e,
     "AMD EPYC-Rome Processor", "ibrs amd-ssbd"},
    {"Dhyana-v2", NULL, "Dhyana", CPU_HYGON, 13, 24, 0, 1, 0x8000001e,
     "Hygon Dhyana Processor", "xsaves"},
};

const struct cpu_model *cpu_models(unsigned *count)
{
    *count = G_N_ELEMENTS(models);
    return models;
}

const struct cpu_model *cpu_model_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!strcmp(models[i].name, name) || (models[i].versioned && !strcmp(models[i].versioned, name)))
            return &models[i];
    }
    return NULL;
}

bool cpu_model_is_host(const struct cpu_model *model)
{
    return !strcmp(model->name, "host") || !strcmp(model->name, "max");
}

void cpu_model_words(const struct cpu_model *model, uint32_t words[CPU_WORDS])
{
    g_auto(GStrv) names = g_strsplit(model->features, " ", -1);

    if (model->parent)
        cpu_model_words(cpu_model_find(model->parent), words);
    else
        memset(words, 0, CPU_WORDS * sizeof(*words));
    for (char **name = names; *name; name++) {
        bool off = **name == '-';
        enum cpu_word word;
        unsigned bit;

        if (!cpu_feature_find(*name + off, &word, &bit))
            continue; /* the empty text of a model that adds nothing */
        words[word] = off ? words[word] & ~(1u << bit) : words[word] | 1u << bit;
    }
}
