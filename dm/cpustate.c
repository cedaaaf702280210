/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/cpustate.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dm/log.h"

#define APIC_BASE_ENABLE (1u << 11)
#define RFLAGS_IF (1u << 9)
#define MSR_IA32_TSC 0x10
#define MSR_IA32_TSC_DEADLINE 0x6e0

/* ---- CPUID (Intel SDM volume 2, CPUID) ---- */

/* How many bits number `count` things. */
static unsigned bits_for(unsigned count)
{
    return count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
}

unsigned cpu_apic_id(const struct cpu_topology *t, unsigned index)
{
    unsigned thread = index % t->threads, core = index / t->threads % t->cores;
    unsigned socket = index / t->threads / t->cores;

    return (socket << bits_for(t->cores) | core) << bits_for(t->threads) | thread;
}

static void set_extended_topology(struct kvm_cpuid_entry2 *e, const struct cpu_topology *t,
                                  unsigned apic_id)
{
    e->edx = apic_id;
    if (e->index == 0) {
        e->eax = bits_for(t->threads);
        e->ebx = t->threads;
        e->ecx = 0x100;
    } else if (e->index == 1) {
        e->eax = bits_for(t->threads) + bits_for(t->cores);
        e->ebx = t->threads * t->cores;
        e->ecx = 0x201;
    }
}

/* What AMD's processors say in place of leaf 4 and 0xb (APM volume 3, appendix E.4). */
static void set_amd_topology(struct kvm_cpuid_entry2 *e, const struct cpu_topology *t,
                             unsigned apic_id)
{
    unsigned in_package = t->cores * t->threads;

    switch (e->function) {
    case 0x80000001: /* CmpLegacy: the count of logical processors is one of cores */
        e->ecx &= ~(1u << 1);
        if (in_package > 1 && t->threads == 1)
            e->ecx |= 1u << 1;
        break;
    case 0x80000008: /* ApicIdSize and NC, the processors in the package less one */
        e->ecx = (e->ecx & ~0xf0ffu) | bits_for(in_package) << 12 | MIN(in_package - 1, 255);
        break;
    case 0x8000001d: /* caches: shared by the threads of a core */
        e->eax = (e->eax & ~(0xfffu << 14)) | (t->threads - 1) << 14;
        break;
    case 0x8000001e: /* extended APIC id; threads in a core and its number; one node */
        e->eax = apic_id;
        e->ebx = (t->threads - 1) << 8 | (apic_id >> bits_for(t->threads) & 0xff);
        e->ecx = 0;
        break;
    }
}

/* Leaf 0 of AMD's and Hygon's begins with these letters; for others those leaves are reserved. */
static bool is_amd(const struct kvm_cpuid2 *host)
{
    for (uint32_t i = 0; i < host->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &host->entries[i];

        if (e->function == 0)
            return !memcmp(&e->ebx, "Auth", 4) || !memcmp(&e->ebx, "Hygo", 4);
    }
    return false;
}

static void set_topology(struct kvm_cpuid_entry2 *e, const struct cpu_topology *t, unsigned apic_id)
{
    unsigned in_package = t->cores * t->threads;

    switch (e->function) {
    case 1:
        e->ebx = (e->ebx & 0xffff) | apic_id << 24;
        e->edx &= ~(1u << 28);
        if (in_package > 1) {
            e->ebx |= MIN(in_package, 255) << 16;
            e->edx |= 1u << 28; /* HTT: the count in EBX is valid */
        }
        break;
    case 4: /* caches: cores in the package; shared by the threads of a core */
        e->eax = (e->eax & 0x3fff) | (t->threads - 1) << 14 | MIN(t->cores - 1, 63) << 26;
        break;
    case 0xb:
    case 0x1f:
        set_extended_topology(e, t, apic_id);
        break;
    }
}

bool cpu_set_cpuid(int vcpu_fd, const struct kvm_cpuid2 *leaves, unsigned index,
                   const struct cpu_topology *t, GError **error)
{
    size_t bytes = sizeof(*leaves) + leaves->nent * sizeof(leaves->entries[0]);
    g_autofree struct kvm_cpuid2 *cpuid = g_memdup2(leaves, bytes);

    for (uint32_t i = 0; i < cpuid->nent; i++) {
        set_topology(&cpuid->entries[i], t, cpu_apic_id(t, index));
        if (is_amd(leaves))
            set_amd_topology(&cpuid->entries[i], t, cpu_apic_id(t, index));
    }
    if (!ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid))
        return true;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                "-cpu: KVM refuses the processor description: %s", g_strerror(errno));
    return false;
}

void cpu_set_no_apic(int vcpu_fd)
{
    struct kvm_sregs sregs;

    if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
        return;
    sregs.apic_base &= ~(uint64_t)APIC_BASE_ENABLE;
    ioctl(vcpu_fd, KVM_SET_SREGS, &sregs);
}

bool cpu_halted_for_ever(int vcpu_fd, bool boot_processor)
{
    struct kvm_mp_state mp;
    struct kvm_regs regs;
    struct kvm_vcpu_events events = {0};

    if (ioctl(vcpu_fd, KVM_GET_MP_STATE, &mp) < 0 || ioctl(vcpu_fd, KVM_GET_REGS, &regs) < 0 ||
        ioctl(vcpu_fd, KVM_GET_VCPU_EVENTS, &events) < 0)
        return false;
    if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED || mp.mp_state == KVM_MP_STATE_INIT_RECEIVED)
        return !boot_processor;
    return mp.mp_state == KVM_MP_STATE_HALTED && !(regs.rflags & RFLAGS_IF) && !events.nmi.pending &&
           !events.nmi.injected && !events.smi.pending && !events.interrupt.injected;
}

/* ---- power-on state ---- */

struct cpu_state {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_fpu fpu;
    struct kvm_xsave xsave;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_lapic_state lapic;
    struct kvm_vcpu_events events;
    bool have_xsave, have_xcrs, have_events;
    struct kvm_msrs *msrs; /* those that can be read, in the kernel's order */
};

static bool skip_msr(uint32_t index)
{
    /* The counter goes on through a reset; a deadline belongs to the local APIC's state. */
    return index == MSR_IA32_TSC || index == MSR_IA32_TSC_DEADLINE;
}

static struct kvm_msrs *read_msrs(int kvm_fd, int vcpu_fd)
{
    struct kvm_msr_list probe = {0};
    g_autofree struct kvm_msr_list *list = NULL;
    struct kvm_msrs *msrs;

    ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe);
    list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
    list->nmsrs = probe.nmsrs;
    if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, list) < 0)
        list->nmsrs = 0;
    msrs = g_malloc0(sizeof(*msrs) + list->nmsrs * sizeof(msrs->entries[0]));
    for (uint32_t i = 0; i < list->nmsrs; i++) {
        if (!skip_msr(list->indices[i]))
            msrs->entries[msrs->nmsrs++].index = list->indices[i];
    }
    /* KVM_GET_MSRS stops at the first that it cannot read: leave that one out and go on. */
    for (uint32_t done = 0; done < msrs->nmsrs;) {
        g_autofree struct kvm_msrs *rest = g_malloc0(
            sizeof(*rest) + (msrs->nmsrs - done) * sizeof(rest->entries[0]));
        int n;

        rest->nmsrs = msrs->nmsrs - done;
        memcpy(rest->entries, msrs->entries + done, rest->nmsrs * sizeof(rest->entries[0]));
        n = ioctl(vcpu_fd, KVM_GET_MSRS, rest);
        n = MAX(n, 0);
        memcpy(msrs->entries + done, rest->entries, (size_t)n * sizeof(rest->entries[0]));
        done += (uint32_t)n;
        if (done < msrs->nmsrs) {
            msrs->nmsrs--;
            memmove(msrs->entries + done, msrs->entries + done + 1,
                    (msrs->nmsrs - done) * sizeof(msrs->entries[0]));
        }
    }
    return msrs;
}

struct cpu_state *cpu_state_new(int kvm_fd, int vcpu_fd)
{
    struct cpu_state *s = g_new0(struct cpu_state, 1);

    ioctl(vcpu_fd, KVM_GET_REGS, &s->regs);
    ioctl(vcpu_fd, KVM_GET_SREGS, &s->sregs);
    ioctl(vcpu_fd, KVM_GET_FPU, &s->fpu);
    s->have_xsave = ioctl(vcpu_fd, KVM_GET_XSAVE, &s->xsave) == 0;
    s->have_xcrs = ioctl(vcpu_fd, KVM_GET_XCRS, &s->xcrs) == 0;
    ioctl(vcpu_fd, KVM_GET_DEBUGREGS, &s->debugregs);
    ioctl(vcpu_fd, KVM_GET_LAPIC, &s->lapic);
    s->have_events = ioctl(vcpu_fd, KVM_GET_VCPU_EVENTS, &s->events) == 0;
    s->msrs = read_msrs(kvm_fd, vcpu_fd);
    return s;
}

void cpu_state_free(struct cpu_state *s)
{
    if (!s)
        return;
    g_free(s->msrs);
    g_free(s);
}

static void restore_msrs(const struct cpu_state *s, int vcpu_fd)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head.nmsrs = 1};

    /* One at a time: some may be read but not written, and one refusal would stop the rest. */
    for (uint32_t i = 0; i < s->msrs->nmsrs; i++) {
        memcpy(&one.entry, &s->msrs->entries[i], sizeof(one.entry));
        ioctl(vcpu_fd, KVM_SET_MSRS, &one);
    }
}

void cpu_state_restore(const struct cpu_state *s, int vcpu_fd, bool boot_processor)
{
    struct kvm_mp_state mp = {boot_processor ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED};
    struct kvm_vcpu_events events = s->events;

    ioctl(vcpu_fd, KVM_SET_MP_STATE, &mp);
    ioctl(vcpu_fd, KVM_SET_SREGS, &s->sregs);
    ioctl(vcpu_fd, KVM_SET_REGS, &s->regs);
    ioctl(vcpu_fd, KVM_SET_FPU, &s->fpu);
    if (s->have_xsave)
        ioctl(vcpu_fd, KVM_SET_XSAVE, &s->xsave);
    if (s->have_xcrs)
        ioctl(vcpu_fd, KVM_SET_XCRS, &s->xcrs);
    ioctl(vcpu_fd, KVM_SET_DEBUGREGS, &s->debugregs);
    restore_msrs(s, vcpu_fd);
    ioctl(vcpu_fd, KVM_SET_LAPIC, &s->lapic);
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR;
    if (s->have_events)
        ioctl(vcpu_fd, KVM_SET_VCPU_EVENTS, &events);
    ioctl(vcpu_fd, KVM_SET_MP_STATE, &mp);
}

/* ---- reports ---- */

static void add_segment(GString *out, const char *name, const struct kvm_segment *s)
{
    g_string_append_printf(out, "%-3s %04x %016llx %08x\n", name, s->selector, s->base, s->limit);
}

char *cpu_registers_text(int vcpu_fd)
{
    GString *out = g_string_new(NULL);
    struct kvm_regs r;
    struct kvm_sregs s;

    if (ioctl(vcpu_fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0)
        return g_string_free(out, FALSE);
    g_string_append_printf(out, "rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", r.rax, r.rbx, r.rcx, r.rdx);
    g_string_append_printf(out, "rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n", r.rsi, r.rdi, r.rbp, r.rsp);
    g_string_append_printf(out, "r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n", r.r8, r.r9, r.r10, r.r11);
    g_string_append_printf(out, "r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n", r.r12, r.r13, r.r14, r.r15);
    g_string_append_printf(out, "rip %016llx rflags %llx\n", r.rip, r.rflags);
    add_segment(out, "cs", &s.cs);
    add_segment(out, "ss", &s.ss);
    add_segment(out, "ds", &s.ds);
    add_segment(out, "es", &s.es);
    add_segment(out, "fs", &s.fs);
    add_segment(out, "gs", &s.gs);
    g_string_append_printf(out, "gdt      %016llx %08x\nidt      %016llx %08x\n", s.gdt.base, s.gdt.limit, s.idt.base,
                           s.idt.limit);
    g_string_append_printf(out, "cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n", s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
    return g_string_free(out, FALSE);
}

static void report_registers(int vcpu_fd, unsigned index)
{
    g_autofree char *text = cpu_registers_text(vcpu_fd);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line && **line; line++)
        log_error("vCPU %u: %s", index, *line);
}

static void report_instruction(const struct kvm_run *run, unsigned index)
{
    char text[3 * 15 + 1] = "";
    unsigned n = MIN(run->emulation_failure.insn_size, 15);

    if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
        run->emulation_failure.ndata < 1 ||
        !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
        return;
    for (unsigned i = 0; i < n; i++)
        g_snprintf(text + 3 * i, 4, " %02x", run->emulation_failure.insn_bytes[i]);
    log_error("vCPU %u: instruction bytes:%s", index, text);
}

static void report_internal(const struct kvm_run *run, unsigned index)
{
    for (unsigned i = 0; i < MIN(run->internal.ndata, 8); i++)
        log_error("vCPU %u: data[%u] %llx", index, i, run->internal.data[i]);
}

void cpu_report(int vcpu_fd, const struct kvm_run *run, unsigned index, const char *what)
{
    log_error("vCPU %u: %s; exit reason %u", index, what, run->exit_reason);
    report_registers(vcpu_fd, index);
    if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
        log_error("vCPU %u: hardware_entry_failure_reason 0x%llx", index,
                  run->fail_entry.hardware_entry_failure_reason);
    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        log_error("vCPU %u: suberror %u", index, run->internal.suberror);
        report_instruction(run, index);
        if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
            report_internal(run, index);
    }
}
