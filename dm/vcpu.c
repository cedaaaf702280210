/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/vcpu.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dm/kvm.h"
#include "dm/kvmexit.h"
#include "dm/log.h"
#include "hw/env.h"

/* Brings a vCPU out of KVM_RUN; the handler does nothing. */
#define SIG_KICK SIGUSR1

struct vcpu {
    struct vcpu_group *group;
    unsigned index;
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    int thread_id; /* under the lock; 0 until it runs */
    bool started, parked;
    struct io_reader reader;
    struct cpu_state *power_on; /* registers at creation, for reset */
};

struct vcpu_group {
    struct kvm *kvm;
    struct iomap *map;
    struct vcpu_hooks hooks;
    struct cpu_topology topology;
    unsigned count;
    struct vcpu *cpus;
    pthread_mutex_t lock; /* of the fields below and `parked` */
    pthread_cond_t changed;
    bool hold;       /* atomic, too: read without the lock */
    unsigned frozen; /* likewise: how many times */
    bool quit;
};

/* Whose thread this is; NULL: the main loop's, or another's that is no vCPU's. */
static _Thread_local struct vcpu *current;

/* ---- exits ---- */

static void stop(struct vcpu *cpu, enum vcpu_stop why)
{
    vcpus_hold(cpu->group);
    cpu->group->hooks.stopped(cpu->group->hooks.opaque, cpu->index, why);
}

static void internal_error(struct vcpu *cpu, const char *what)
{
    cpu_report(cpu->fd, cpu->run, cpu->index, what);
    stop(cpu, VCPU_STOP_INTERNAL_ERROR);
}

static void handle_exit(struct vcpu *cpu)
{
    struct vcpu_group *g = cpu->group;
    const char *why = "";

    switch (kvm_exit_handle(cpu->run, g->kvm->run_bytes, cpu->index, g->map, &cpu->reader, &why)) {
    case KVM_EXIT_GO_ON:
        break;
    case KVM_EXIT_RESET:
        stop(cpu, VCPU_STOP_TRIPLE_FAULT);
        break;
    case KVM_EXIT_CANNOT_GO_ON:
        internal_error(cpu, why);
        break;
    }
}

/* ---- the thread ---- */

static bool held(const struct vcpu_group *g)
{
    return __atomic_load_n(&g->hold, __ATOMIC_ACQUIRE) || __atomic_load_n(&g->frozen, __ATOMIC_ACQUIRE);
}

/*
 * The registers that an access changes are written by the next KVM_RUN; with immediate_exit it does
 * that and comes back at once (api.rst, KVM_RUN). Without it a reset's registers would be overwritten.
 * An access in several parts comes out part by part; a guest cannot make more of them than the budget.
 */
static void finish_access(struct vcpu *cpu)
{
    for (unsigned budget = 4096; budget; budget--) {
        __atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_RELAXED);
        if (ioctl(cpu->fd, KVM_RUN, 0) < 0)
            break;
        kvm_flush_posted(cpu->group->kvm, cpu->group->map, &cpu->reader); /* its parts before this one */
        if (cpu->run->exit_reason != KVM_EXIT_IO && cpu->run->exit_reason != KVM_EXIT_MMIO)
            break; /* its cause is still there when the guest goes on */
        handle_exit(cpu);
    }
    __atomic_store_n(&cpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
}

/* Waits while the group is held; false: the thread has to end. */
static bool wait_parked(struct vcpu *cpu)
{
    struct vcpu_group *g = cpu->group;
    bool go_on;

    pthread_mutex_lock(&g->lock);
    cpu->parked = true;
    pthread_cond_broadcast(&g->changed);
    while (held(g) && !g->quit)
        pthread_cond_wait(&g->changed, &g->lock);
    cpu->parked = false;
    go_on = !g->quit;
    pthread_mutex_unlock(&g->lock);
    return go_on;
}

/* The same for one that has been in the guest: what it began is finished first. */
static bool park(struct vcpu *cpu)
{
    struct vcpu_group *g = cpu->group;

    finish_access(cpu);
    kvm_flush_posted(g->kvm, g->map, &cpu->reader);
    return wait_parked(cpu);
}

static void run_once(struct vcpu *cpu)
{
    struct vcpu_group *g = cpu->group;
    int rc;

    kvm_limit_posted(g->kvm);
    rc = ioctl(cpu->fd, KVM_RUN, 0);
    if (kvm_has_posted(g->kvm))
        kvm_flush_posted(g->kvm, g->map, &cpu->reader);
    if (!rc) {
        handle_exit(cpu);
    } else if (errno == EINTR || errno == EAGAIN) {
        __atomic_store_n(&cpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
    } else {
        log_error("vCPU %u: KVM_RUN: %s", cpu->index, g_strerror(errno));
        internal_error(cpu, "KVM_RUN failed");
    }
}

static void *vcpu_thread(void *opaque)
{
    struct vcpu *cpu = opaque;
    struct vcpu_group *g = cpu->group;
    sigset_t kick;
    char name[16];

    current = cpu;
    snprintf(name, sizeof(name), "CPU %u/KVM", cpu->index); /* the name that libvirt and top show */
    pthread_setname_np(pthread_self(), name);
    sigemptyset(&kick);
    sigaddset(&kick, SIG_KICK);
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
    pthread_mutex_lock(&g->lock);
    cpu->thread_id = (int)syscall(SYS_gettid);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (!wait_parked(cpu))
        return NULL;
    for (;;) {
        if (held(g)) {
            if (!park(cpu))
                break;
        }
        run_once(cpu);
    }
    return NULL;
}

/*
 * immediate_exit closes the gap between a thread's last look at `hold` and KVM_RUN; the signal ends
 * a KVM_RUN that is under way.
 */
static void kick_all(struct vcpu_group *g)
{
    for (unsigned i = 0; i < g->count; i++) {
        struct vcpu *cpu = &g->cpus[i];

        if (!cpu->started || pthread_equal(cpu->thread, pthread_self()))
            continue;
        __atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_RELAXED);
        pthread_kill(cpu->thread, SIG_KICK);
    }
}

void vcpus_hold(struct vcpu_group *g)
{
    pthread_mutex_lock(&g->lock);
    __atomic_store_n(&g->hold, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&g->lock);
    kick_all(g);
}

static bool all_parked(const struct vcpu_group *g)
{
    for (unsigned i = 0; i < g->count; i++) {
        if (g->cpus[i].started && !g->cpus[i].parked)
            return false;
    }
    return true;
}

static void wait_all_parked(struct vcpu_group *g)
{
    pthread_mutex_lock(&g->lock);
    while (!all_parked(g))
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

void vcpus_pause(struct vcpu_group *g)
{
    vcpus_hold(g);
    wait_all_parked(g);
}

void vcpus_resume(struct vcpu_group *g)
{
    pthread_mutex_lock(&g->lock);
    __atomic_store_n(&g->hold, false, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

void vcpus_freeze(struct vcpu_group *g)
{
    pthread_mutex_lock(&g->lock);
    __atomic_store_n(&g->frozen, g->frozen + 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&g->lock);
    kick_all(g);
    wait_all_parked(g);
}

void vcpus_thaw(struct vcpu_group *g)
{
    pthread_mutex_lock(&g->lock);
    __atomic_store_n(&g->frozen, g->frozen - 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* ---- making and ending ---- */

static void ignore_kick(int sig)
{
    (void)sig;
}

static bool open_vcpu(struct vcpu_group *g, struct vcpu *cpu, GError **error)
{
    struct kvm *kvm = g->kvm;

    cpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU,
                    (unsigned long)cpu_apic_id(&g->topology, cpu->index));
    if (cpu->fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-smp: KVM cannot create processor %u: %s", cpu->index, g_strerror(errno));
        return false;
    }
    cpu->run = mmap(NULL, kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (cpu->run == MAP_FAILED) {
        cpu->run = NULL;
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-smp: cannot map processor %u: %s", cpu->index, g_strerror(errno));
        return false;
    }
    if (cpu->index == 0 && kvm->coalesced_page)
        kvm->posted.ring = (void *)((uint8_t *)cpu->run + kvm->coalesced_page * 4096);
    if (!cpu_set_cpuid(cpu->fd, kvm->guest_cpuid, cpu->index, &g->topology, error))
        return false;
    if (!kvm->guest_apic)
        cpu_set_no_apic(cpu->fd);
    cpu->power_on = cpu_state_new(kvm->fd, cpu->fd);
    return true;
}

static bool start_vcpu(struct vcpu_group *g, struct vcpu *cpu, GError **error)
{
    int err;

    iomap_reader_add(g->map, &cpu->reader);
    cpu->parked = true; /* from the first: nobody needs to wait for it to get there */
    err = pthread_create(&cpu->thread, NULL, vcpu_thread, cpu);
    if (err) {
        iomap_reader_remove(g->map, &cpu->reader);
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
                    "-smp: cannot start a thread for processor %u: %s", cpu->index,
                    g_strerror(err));
        return false;
    }
    cpu->started = true;
    return true;
}

static void install_kick(void)
{
    struct sigaction action = {.sa_handler = ignore_kick};

    sigaction(SIG_KICK, &action, NULL);
}

struct vcpu_group *vcpus_new(struct kvm *kvm, struct iomap *map, unsigned count,
                             const struct cpu_topology *topology, const struct vcpu_hooks *hooks,
                             GError **error)
{
    struct vcpu_group *g = g_new0(struct vcpu_group, 1);
    bool ok = true;

    g->kvm = kvm;
    g->map = map;
    g->hooks = *hooks;
    g->topology = *topology;
    g->count = count;
    g->cpus = g_new0(struct vcpu, count);
    g->hold = true;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    install_kick();
    for (unsigned i = 0; i < count; i++) {
        g->cpus[i].group = g;
        g->cpus[i].index = i;
        g->cpus[i].fd = -1;
    }
    for (unsigned i = 0; ok && i < count; i++)
        ok = open_vcpu(g, &g->cpus[i], error);
    for (unsigned i = 0; ok && i < count; i++)
        ok = start_vcpu(g, &g->cpus[i], error);
    if (!ok) {
        vcpus_free(g);
        return NULL;
    }
    return g;
}

void vcpus_free(struct vcpu_group *g)
{
    if (!g)
        return;
    vcpus_hold(g);
    pthread_mutex_lock(&g->lock);
    g->quit = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < g->count; i++) {
        struct vcpu *cpu = &g->cpus[i];

        if (cpu->started) {
            pthread_join(cpu->thread, NULL);
            iomap_reader_remove(g->map, &cpu->reader);
        }
    }
    g->kvm->posted.ring = NULL;
    for (unsigned i = 0; i < g->count; i++) {
        struct vcpu *cpu = &g->cpus[i];

        if (cpu->run)
            munmap(cpu->run, g->kvm->run_bytes);
        if (cpu->fd >= 0)
            close(cpu->fd);
        cpu_state_free(cpu->power_on);
    }
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->changed);
    g_free(g->cpus);
    g_free(g);
}

void vcpus_reset(struct vcpu_group *g)
{
    for (unsigned i = 0; i < g->count; i++)
        cpu_state_restore(g->cpus[i].power_on, g->cpus[i].fd, i == 0);
}

void vcpus_nmi(struct vcpu_group *g)
{
    vcpus_freeze(g);
    for (unsigned i = 0; i < g->count; i++)
        ioctl(g->cpus[i].fd, KVM_NMI);
    vcpus_thaw(g);
}

bool vcpus_held(const struct vcpu_group *g)
{
    return held(g);
}

int64_t vcpus_cpu_ns(struct vcpu_group *g)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < g->count; i++) {
        struct timespec t = {0};
        clockid_t clock;

        if (!pthread_getcpuclockid(g->cpus[i].thread, &clock) && !clock_gettime(clock, &t))
            sum += t.tv_sec * 1000000000ll + t.tv_nsec;
    }
    return sum;
}

bool vcpus_halted_for_ever(struct vcpu_group *g)
{
    bool dead = true;

    vcpus_freeze(g);
    for (unsigned i = 0; i < g->count && dead; i++)
        dead = cpu_halted_for_ever(g->cpus[i].fd, i == 0);
    vcpus_thaw(g);
    return dead;
}

char *vcpu_registers(struct vcpu_group *g, unsigned cpu)
{
    char *text;

    vcpus_freeze(g);
    text = cpu_registers_text(g->cpus[cpu].fd);
    vcpus_thaw(g);
    return text;
}

/* ---- registers, for devices that have arguments there ---- */

/* KVM lets registers be read and set between an exit for I/O and the KVM_RUN that completes it. */
bool vcpu_get_regs(struct cpu_regs *regs)
{
    struct kvm_regs r;

    if (!current || ioctl(current->fd, KVM_GET_REGS, &r) < 0)
        return false;
    *regs = (struct cpu_regs){(uint32_t)r.rax, (uint32_t)r.rbx, (uint32_t)r.rcx,
                              (uint32_t)r.rdx, (uint32_t)r.rsi, (uint32_t)r.rdi};
    return true;
}

static void set_lower(__u64 *reg, uint32_t value)
{
    if ((uint32_t)*reg != value)
        *reg = value;
}

bool vcpu_set_regs(const struct cpu_regs *regs)
{
    struct kvm_regs r;

    if (!current || ioctl(current->fd, KVM_GET_REGS, &r) < 0)
        return false;
    set_lower(&r.rax, regs->eax);
    set_lower(&r.rbx, regs->ebx);
    set_lower(&r.rcx, regs->ecx);
    set_lower(&r.rdx, regs->edx);
    set_lower(&r.rsi, regs->esi);
    set_lower(&r.rdi, regs->edi);
    return ioctl(current->fd, KVM_SET_REGS, &r) == 0;
}

unsigned vcpus_count(const struct vcpu_group *g)
{
    return g->count;
}

int vcpu_thread_id(struct vcpu_group *g, unsigned cpu)
{
    int id;

    pthread_mutex_lock(&g->lock);
    while (!g->cpus[cpu].thread_id)
        pthread_cond_wait(&g->changed, &g->lock);
    id = g->cpus[cpu].thread_id;
    pthread_mutex_unlock(&g->lock);
    return id;
}
