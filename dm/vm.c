/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/vm.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "block/job.h"
#include "block/node.h"
#include "block/open.h"
#include "dm/backends.h"
#include "dm/cpu/cpu_spec.h"
#include "dm/doorbell.h"
#include "dm/halt.h"
#include "dm/hotplug.h"
#include "dm/irq.h"
#include "dm/monitor/hmp_monitor.h"
#include "dm/json.h"
#include "dm/kvm.h"
#include "dm/log.h"
#include "dm/loop.h"
#include "dm/machine/machine.h"
#include "dm/memory.h"
#include "dm/monitor/monitor.h"
#include "dm/notify.h"
#include "dm/monitor/qmp_balloon.h"
#include "dm/monitor/qmp_input.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/monitor/qmp_chardev.h"
#include "dm/monitor/qmp_net.h"
#include "dm/monitor/qmp_record.h"
#include "dm/qtest.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"
#include "hw/device.h"
#include "net/netdev.h"
#include "ui/screendump.h"

/* What vCPU threads and devices ask of the main loop; bits of vm->requests. */
enum {
    REQUEST_RESET = 1 << MACHINE_RESET,
    REQUEST_POWEROFF = 1 << MACHINE_POWEROFF,
    REQUEST_SUSPEND = 1 << MACHINE_SUSPEND,
    REQUEST_EXIT = 1 << MACHINE_EXIT,
    REQUEST_EJECT = 1 << MACHINE_EJECT,
    REQUEST_PANICKED = 1 << MACHINE_PANICKED,
    REQUEST_CRASHLOADED = 1 << MACHINE_CRASHLOADED,
    REQUEST_WATCHDOG = 1 << MACHINE_WATCHDOG,
    REQUEST_TRIPLE_FAULT = 1 << MACHINE_REQUESTS,
    REQUEST_INTERNAL_ERROR = 2 << MACHINE_REQUESTS,
};

struct vm {
    const struct vm_config *config;
    enum run_state state;
    struct actions actions;
    bool stepped; /* -accel qtest: no vCPU, and the client steps the clock */
    struct backends *backends;
    struct clock_source *clock_source; /* NULL: stepped clock, no vCPU */
    struct dev_env env;
    struct memory *memory;
    struct kvm *kvm;
    struct vcpu_group *vcpus;
    struct halt_watch *halt_watch; /* NULL: nobody wants to know */
    struct cpu_spec *cpu; /* NULL: there is none */
    struct io_reader reader; /* the main loop's, for posted writes and doorbells */
    struct doorbells *doorbells; /* NULL: this KVM has none */
    struct kvm_clock_data kvm_clock;
    struct qtest *qtest;
    struct irq_fabric *irq;
    struct machine *machine;
    struct machine_hooks machine_hooks;
    GPtrArray *monitors, *human_monitors;
    GMainLoop *loop;
    int exit_code;
    bool quitting;
    unsigned requests; /* atomic */
    int request_fd;    /* an eventfd: wakes the main loop for them */
    guint request_watch;
    unsigned exit_arg;
    struct log_limit guest_errors;
};

/* ---- states ---- */

const char *run_state_name(enum run_state state)
{
    static const char *const names[] = {
        [RUN_PRELAUNCH] = "prelaunch", [RUN_RUNNING] = "running",
        [RUN_PAUSED] = "paused",       [RUN_SHUTDOWN] = "shutdown",
        [RUN_IO_ERROR] = "io-error",   [RUN_INTERNAL_ERROR] = "internal-error",
        [RUN_SUSPENDED] = "suspended", [RUN_PANICKED] = "guest-panicked",
        [RUN_WATCHDOG] = "watchdog",
    };

    return names[state];
}

enum run_state vm_run_state(const struct vm *vm)
{
    return vm->state;
}

struct actions *vm_actions(struct vm *vm)
{
    return &vm->actions;
}

const struct vm_config *vm_config(const struct vm *vm)
{
    return vm->config;
}

static void go(struct vm *vm)
{
    if (vm->clock_source)
        vclock_start(vm->env.clock);
    if (vm->vcpus) {
        kvm_clock_restore(vm->kvm, &vm->kvm_clock);
        vcpus_resume(vm->vcpus);
    }
    net_set_running(backends_net(vm->backends), true);
}

static void halt(struct vm *vm)
{
    net_set_running(backends_net(vm->backends), false);
    if (vm->vcpus) {
        vcpus_pause(vm->vcpus);
        if (vm->doorbells)
            doorbells_drain(vm->doorbells, &vm->reader);
        kvm_clock_save(vm->kvm, &vm->kvm_clock);
    }
    if (vm->clock_source)
        vclock_stop(vm->env.clock);
}

void vm_stop(struct vm *vm, enum run_state why)
{
    if (vm->state != RUN_RUNNING) {
        if (vm->state == RUN_PRELAUNCH && why != RUN_PAUSED)
            vm->state = why;
        return;
    }
    halt(vm);
    vm->state = why;
    monitor_event(vm, "STOP", NULL);
    notify_status(run_state_name(why));
}

bool vm_cont(struct vm *vm, GError **error)
{
    switch (vm->state) {
    case RUN_RUNNING:
        return true;
    case RUN_SHUTDOWN:
    case RUN_INTERNAL_ERROR:
    case RUN_PANICKED:
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "Resetting the Virtual Machine is required");
        return false;
    default:
        break;
    }
    vm->state = RUN_RUNNING;
    monitor_event(vm, "RESUME", NULL);
    notify_status("running");
    block_resume_all();
    go(vm);
    return true;
}

/* ---- reset, power ---- */

static JsonNode *guest_reason(bool guest, const char *reason)
{
    JsonObject *data = json_object_new();
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_object_set_boolean_member(data, "guest", guest);
    json_object_set_string_member(data, "reason", reason);
    json_node_take_object(node, data);
    return node;
}

/* How long the end waits for jobs whose I/O hangs. */
#define JOBS_END_MS 1000

/* How long a reset waits for host I/O that the devices have given up. */
#define RESET_DRAIN_MS 2000

static void reset_machine(struct vm *vm)
{
    machine_reset(vm->machine);
    /* A read that was under way must not land in the memory of the system that boots next. */
    block_drain_all(RESET_DRAIN_MS);
    if (vm->vcpus) {
        kvm_reset(vm->kvm);
        vcpus_reset(vm->vcpus);
    }
}

static void reset(struct vm *vm, bool guest, const char *reason)
{
    bool was_running = vm->state == RUN_RUNNING;

    if (vm->vcpus)
        vcpus_pause(vm->vcpus);
    hotplug_take_out(vm, true);
    reset_machine(vm);
    monitor_event(vm, "RESET", guest_reason(guest, reason));
    if (vm->state == RUN_SHUTDOWN || vm->state == RUN_INTERNAL_ERROR || vm->state == RUN_PANICKED)
        vm->state = RUN_PAUSED;
    if (was_running && vm->vcpus)
        vcpus_resume(vm->vcpus);
}

void vm_system_reset(struct vm *vm)
{
    reset(vm, false, "host-qmp-system-reset");
}

void vm_system_powerdown(struct vm *vm)
{
    if (machine_power_button(vm->machine))
        monitor_event(vm, "POWERDOWN", NULL);
    else
        log_warning("this machine has no power button");
}

void vm_quit(struct vm *vm, int exit_code, const char *reason)
{
    if (vm->quitting)
        return;
    vm->quitting = true;
    vm->exit_code = exit_code;
    monitor_event(vm, "SHUTDOWN",
                  guest_reason(g_str_has_prefix(reason, "guest"), reason));
    g_main_loop_quit(vm->loop);
}

/* The guest is off: the process ends, or stays stopped for whoever asked for -no-shutdown. */
static void guest_off(struct vm *vm, int exit_code, const char *reason)
{
    if (vm->actions.of[ACTION_SHUTDOWN] != ACTION_PAUSE) {
        halt(vm);
        vm_quit(vm, exit_code, reason);
        return;
    }
    monitor_event(vm, "SHUTDOWN", guest_reason(true, reason));
    vm_stop(vm, RUN_SHUTDOWN);
}

static void guest_reset(struct vm *vm, int exit_code)
{
    if (vm->actions.of[ACTION_REBOOT] == ACTION_END)
        guest_off(vm, exit_code, "guest-reset");
    else
        reset(vm, true, "guest-reset");
}

static void internal_error(struct vm *vm)
{
    vm_stop(vm, RUN_INTERNAL_ERROR);
    /* Nobody who could look or reset: do not stand there for ever. */
    if (!vm->monitors->len && !vm->human_monitors->len &&
        vm->actions.of[ACTION_SHUTDOWN] != ACTION_PAUSE)
        vm_quit(vm, EXIT_INTERNAL_ERROR, "host-error");
}

static JsonNode *action_data(const char *word)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "action", word);
    return json_node_of_object(data);
}

/* As QEMU: who asked for -no-shutdown wants to look at a guest that crashed, too. */
static void guest_panicked(struct vm *vm)
{
    enum action action = vm->actions.of[ACTION_PANIC];

    if (action == ACTION_NONE) {
        monitor_event(vm, "GUEST_PANICKED", action_data("run"));
    } else if (action == ACTION_PAUSE ||
               (action == ACTION_END && vm->actions.of[ACTION_SHUTDOWN] == ACTION_PAUSE)) {
        monitor_event(vm, "GUEST_PANICKED", action_data("pause"));
        vm_stop(vm, RUN_PANICKED);
    } else {
        monitor_event(vm, "GUEST_PANICKED", action_data("poweroff"));
        vm_stop(vm, RUN_PANICKED);
        vm_quit(vm, EXIT_GUEST_PANIC, "guest-panic");
    }
}

static void watchdog_expired(struct vm *vm)
{
    enum action action = vm->actions.of[ACTION_WATCHDOG];

    monitor_event(vm, "WATCHDOG", action_data(action_word(action)));
    switch (action) {
    case ACTION_RESET:
        guest_reset(vm, EXIT_WATCHDOG);
        break;
    case ACTION_END:
        vm_system_powerdown(vm);
        break;
    case ACTION_POWEROFF:
        vm_quit(vm, EXIT_WATCHDOG, "guest-shutdown");
        break;
    case ACTION_PAUSE:
        vm_stop(vm, RUN_WATCHDOG);
        break;
    case ACTION_INJECT_NMI:
        if (vm->vcpus)
            vcpus_nmi(vm->vcpus);
        break;
    case ACTION_DEBUG:
        log_warning("watchdog: timer fired");
        break;
    default:
        break;
    }
}

static void halted(void *opaque)
{
    struct vm *vm = opaque;

    if (vm->state != RUN_RUNNING || vm->quitting)
        return;
    log_notice("the guest has halted with interrupts off");
    if (vm->actions.of[ACTION_HALT] == ACTION_PAUSE)
        vm_stop(vm, RUN_PAUSED);
    else
        guest_off(vm, EXIT_HALTED, "guest-shutdown");
}

void vm_actions_changed(struct vm *vm)
{
    bool wanted = vm->vcpus && vm->actions.of[ACTION_HALT] != ACTION_NONE;

    if (wanted && !vm->halt_watch)
        vm->halt_watch = halt_watch_new(vm->vcpus, halted, vm);
    if (wanted)
        return;
    halt_watch_free(vm->halt_watch);
    vm->halt_watch = NULL;
}

static gboolean serve_requests(gint fd, GIOCondition condition, gpointer opaque)
{
    struct vm *vm = opaque;
    uint64_t count;
    unsigned requests;

    (void)condition;
    if (read(fd, &count, sizeof(count)) != sizeof(count) || vm->quitting)
        return G_SOURCE_CONTINUE;
    requests = __atomic_exchange_n(&vm->requests, 0, __ATOMIC_ACQ_REL);
    if (requests & REQUEST_EJECT)
        hotplug_take_out(vm, false);
    if (requests & REQUEST_INTERNAL_ERROR)
        internal_error(vm);
    else if (requests & REQUEST_EXIT)
        vm_quit(vm, (int)vm->exit_arg, "guest-shutdown");
    else if (requests & REQUEST_PANICKED)
        guest_panicked(vm);
    else if (requests & REQUEST_POWEROFF)
        guest_off(vm, EXIT_OK, "guest-shutdown");
    else if (requests & REQUEST_TRIPLE_FAULT)
        guest_reset(vm, EXIT_TRIPLE_FAULT);
    else if (requests & REQUEST_RESET)
        guest_reset(vm, EXIT_GUEST_RESET);
    else if (requests & REQUEST_WATCHDOG)
        watchdog_expired(vm);
    else if (requests & REQUEST_CRASHLOADED)
        monitor_event(vm, "GUEST_CRASHLOADED", action_data("run"));
    else if (requests & REQUEST_SUSPEND)
        log_limited(&vm->guest_errors, "the guest asks for S3 sleep, which is not offered");
    /* Whatever it was, it held the vCPUs. */
    if (vm->state == RUN_RUNNING && !vm->quitting && vm->vcpus)
        vcpus_resume(vm->vcpus);
    return G_SOURCE_CONTINUE;
}

/* Any thread. The vCPUs stay where they are until the main loop has acted. */
static void request(struct vm *vm, unsigned what)
{
    const uint64_t one = 1;

    if (vm->vcpus)
        vcpus_hold(vm->vcpus);
    __atomic_fetch_or(&vm->requests, what, __ATOMIC_ACQ_REL);
    if (write(vm->request_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: the main loop is woken already */
}

static void device_request(void *opaque, enum machine_request what, unsigned arg)
{
    struct vm *vm = opaque;

    if (what == MACHINE_EXIT)
        __atomic_store_n(&vm->exit_arg, arg, __ATOMIC_RELAXED);
    request(vm, 1u << what);
}

static bool get_regs(void *opaque, struct cpu_regs *regs)
{
    (void)opaque;
    return vcpu_get_regs(regs);
}

static bool set_regs(void *opaque, const struct cpu_regs *regs)
{
    (void)opaque;
    return vcpu_set_regs(regs);
}

static void vcpu_stopped(void *opaque, unsigned cpu, enum vcpu_stop why)
{
    (void)cpu;
    request(opaque, why == VCPU_STOP_TRIPLE_FAULT ? REQUEST_TRIPLE_FAULT : REQUEST_INTERNAL_ERROR);
}

/* ---- errors ---- */

static void guest_error(void *opaque, struct device *dev, const char *text)
{
    struct vm *vm = opaque;

    log_limited(&vm->guest_errors, "guest error: %s: %s", dev->id, text);
}

static void io_error(void *opaque, struct block *blk, bool write, bool nospace, const char *reason,
                     bool stopped)
{
    struct vm *vm = opaque;
    JsonObject *data = json_object_new();
    struct image *root = block_root(blk);

    json_object_set_string_member(data, "device", block_name(blk));
    if (root)
        json_object_set_string_member(data, "node-name", root->node_name);
    json_object_set_string_member(data, "operation", write ? "write" : "read");
    json_object_set_string_member(data, "action", block_error_action(blk, write, nospace));
    json_object_set_boolean_member(data, "nospace", nospace);
    json_object_set_string_member(data, "reason", reason);
    monitor_event(vm, "BLOCK_IO_ERROR", json_node_of_object(data));
    if (stopped)
        vm_stop(vm, RUN_IO_ERROR);
}

static void tray_moved(void *opaque, struct block *blk)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "device", block_name(blk));
    json_object_set_string_member(data, "id", block_device_id(blk));
    json_object_set_boolean_member(data, "tray-open", block_tray_open(blk));
    monitor_event(opaque, "DEVICE_TRAY_MOVED", json_node_of_object(data));
}

/* ---- looking ---- */

struct display_source *vm_display(struct vm *vm)
{
    return machine_display(vm->machine);
}

struct machine *vm_machine(struct vm *vm)
{
    return vm->machine;
}

struct memory *vm_memory(struct vm *vm)
{
    return vm->memory;
}

struct irq_fabric *vm_irq(struct vm *vm)
{
    return vm->irq;
}

bool vm_uses_kvm(const struct vm *vm)
{
    return !vm->stepped;
}

const struct dev_env *vm_env(struct vm *vm)
{
    return &vm->env;
}

struct vcpu_group *vm_vcpus(struct vm *vm)
{
    return vm->vcpus;
}

const struct cpu_spec *vm_cpu(const struct vm *vm)
{
    return vm->cpu;
}

struct kvm_cpuid2 *vm_host_cpuid(const struct vm *vm)
{
    if (!vm->kvm)
        return cpu_ask_host();
    return g_memdup2(vm->kvm->cpuid, sizeof(*vm->kvm->cpuid) +
                                     vm->kvm->cpuid->nent * sizeof(vm->kvm->cpuid->entries[0]));
}

struct backends *vm_backends(struct vm *vm)
{
    return vm->backends;
}

bool vm_screendump(struct vm *vm, const char *path, bool png, GError **error)
{
    struct display_source *source = vm_display(vm);
    struct surface s = {0};
    bool ok;

    if (!source) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NODEV, "no graphic console found (-vga none)");
        return false;
    }
    display_enter(source);
    ok = source->render(source->chip, &s);
    display_leave(source);
    /* A blanked screen is a picture too: the size that text mode would have, all black. */
    if (!ok && surface_resize(&s, 720, 400))
        memset(s.pixels, 0, (size_t)s.stride * s.height * sizeof(*s.pixels));
    ok = screendump_write(&s, path, png, error);
    surface_free(&s);
    return ok;
}

/* ---- building: steps in order, undone from the last ---- */

static void client_gone(void *opaque)
{
    vm_quit(opaque, EXIT_OK, "host-signal");
}

static bool build_qtest(struct vm *vm, GError **error)
{
    struct qtest_machine machine = {vm->env.iomap, vm->env.clock, vm->env.dma, vm->irq,
                                    client_gone, vm};

    if (!vm->config->qtest)
        return true;
    vm->qtest = qtest_new(backends_chardev(vm->backends, vm->config->qtest), &machine,
                          vm->config->qtest_log, error);
    return vm->qtest != NULL;
}

static void set_line(void *opaque, unsigned gsi, bool level)
{
    struct vm *vm = opaque;

    if (vm->kvm)
        kvm_irq_line(vm->kvm, gsi, level);
    if (vm->qtest)
        qtest_irq(vm->qtest, gsi, level);
}

/* The first of -accel's list that works here. A bare machine has no processor: nothing is opened. */
static bool choose_accel(struct vm *vm, bool bare, GError **error)
{
    GPtrArray *accels = vm->config->accels;
    GError *first = NULL;

    for (guint i = 0; i < accels->len; i++) {
        vm->stepped = !strcmp(g_ptr_array_index(accels, i), "qtest");
        if (!vm->stepped && !bare)
            vm->kvm = kvm_new(first ? NULL : &first);
        if (vm->stepped || bare || vm->kvm) {
            g_clear_error(&first);
            return true;
        }
    }
    g_propagate_error(error, first);
    return false;
}

/* Without KVM (qtest) nobody takes it. */
static void send_msi(void *opaque, uint64_t address, uint32_t data)
{
    struct vm *vm = opaque;

    if (vm->kvm)
        kvm_msi(vm->kvm, address, data);
}

static bool build_world(struct vm *vm, GError **error)
{
    if (vm->stepped) {
        vm->env.clock = vclock_new_stepped();
    } else {
        vm->clock_source = clock_source_new(error);
        if (!vm->clock_source)
            return false;
        vm->env.clock = clock_source_clock(vm->clock_source);
    }
    vm->env.iomap = iomap_new();
    iomap_set_clock(vm->env.iomap, vm->env.clock);
    vm->env.machine = (struct machine_port){device_request, vm};
    vm->env.cpu = (struct cpu_port){get_regs, set_regs, NULL};
    vm->env.guest_error = guest_error;
    vm->env.guest_error_opaque = vm;
    vm->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vm->request_fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make an eventfd: %s",
                    g_strerror(errno));
        return false;
    }
    vm->request_watch = g_unix_fd_add_full(G_PRIORITY_HIGH, vm->request_fd, G_IO_IN, serve_requests,
                                           vm, NULL);
    vm->memory = memory_new(vm->config->ram_bytes, &vm->config->ram, error);
    if (!vm->memory)
        return false;
    vm->env.dma = memory_dma(vm->memory);
    iomap_set_ram(vm->env.iomap, memory_access, vm->memory);
    vm->irq = irq_fabric_new(set_line, vm);
    vm->env.msi = (struct msi_port){send_msi, vm};
    return true;
}

static void balloon_changed(void *opaque, uint64_t actual_bytes)
{
    qmp_balloon_changed(opaque, actual_bytes);
}

static void port_changed(void *opaque, const char *id, bool open)
{
    qmp_port_changed(opaque, id, open);
}

static bool build_machine(struct vm *vm, GError **error)
{
    struct machine_parts parts = {vm->config, &vm->env,     vm->memory, vm->irq,
                                  vm->backends, vm->kvm != NULL};

    /* One table for all of the wiring, not one per region. */
    iomap_begin(vm->env.iomap);
    vm->machine = machine_new(&parts, error);
    iomap_commit(vm->env.iomap);
    if (!vm->machine)
        return false;
    vm->machine_hooks = (struct machine_hooks){balloon_changed, port_changed, vm};
    machine_set_hooks(vm->machine, &vm->machine_hooks);
    machine_reset(vm->machine);
    return true;
}

/* A picture shows what the guest has written, also where KVM collects that. */
static void display_catch_up(void *opaque)
{
    struct vm *vm = opaque;

    if (vm->vcpus)
        kvm_flush_posted(vm->kvm, vm->env.iomap, &vm->reader);
}

static void build_display(struct vm *vm)
{
    struct display_source *source = vm_display(vm);

    iomap_reader_add(vm->env.iomap, &vm->reader);
    if (source) {
        source->catch_up = display_catch_up;
        source->catch_up_opaque = vm;
    }
}

static bool build_cpu_model(struct vm *vm, GError **error)
{
    const struct vm_config *c = vm->config;

    vm->cpu = cpu_spec_new("-cpu", c->cpu_model ? c->cpu_model : "host", c->cpu_features, vm->kvm->cpuid, error);
    if (!vm->cpu || !cpu_spec_judge("-cpu", vm->cpu, error))
        return false;
    vm->kvm->guest_apic = cpu_spec_has(vm->cpu, "apic");
    if (!vm->kvm->guest_apic && c->max_cpus > 1)
        return g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-cpu %s: without a local APIC (feature apic) there "
                           "is one processor, not -smp %u", vm->cpu->model->name, c->max_cpus), false;
    vm->kvm->guest_cpuid = cpu_spec_leaves(vm->cpu, vm->kvm->cpuid);
    return true;
}

static bool build_vcpus(struct vm *vm, GError **error)
{
    const struct vcpu_hooks hooks = {vcpu_stopped, vm};
    const struct vm_config *c = vm->config;
    const struct cpu_topology topology = {c->sockets, c->cores, c->threads};

    if (!vm->kvm)
        return true;
    if (!build_cpu_model(vm, error))
        return false;
    kvm_follow_memory(vm->kvm, vm->memory);
    if (!kvm_create_chips(vm->kvm, error))
        return false;
    for (unsigned gsi = 0; gsi < IRQ_GSIS; gsi++)
        kvm_irq_line(vm->kvm, gsi, irq_fabric_level(vm->irq, gsi));
    kvm_follow_iomap(vm->kvm, vm->env.iomap, c->cpus);
    vm->doorbells = doorbells_new(vm->kvm, vm->env.iomap);
    vm->vcpus = vcpus_new(vm->kvm, vm->env.iomap, c->cpus, &topology, &hooks, error);
    kvm_clock_save(vm->kvm, &vm->kvm_clock);
    build_display(vm);
    return vm->vcpus != NULL;
}

static bool build_monitors(struct vm *vm, GError **error)
{
    for (guint i = 0; i < vm->config->monitors->len; i++) {
        const struct monitor_config *m = g_ptr_array_index(vm->config->monitors, i);
        struct chardev *chr = backends_chardev(vm->backends, m->chardev);

        if (!chr) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "-mon: no -chardev has the id '%s'",
                        m->chardev);
            return false;
        }
        if (m->control)
            g_ptr_array_add(vm->monitors, monitor_new(vm, chr, m->pretty));
        else
            g_ptr_array_add(vm->human_monitors, hmp_monitor_new(vm, chr));
    }
    return true;
}

struct vm *vm_new(const struct vm_config *config, GError **error)
{
    struct vm *vm = g_new0(struct vm, 1);
    bool bare = !strcmp(config->machine, "none");

    vm->config = config;
    vm->actions = config->actions;
    vm->request_fd = -1;
    vm->state = RUN_PRELAUNCH;
    vm->loop = g_main_loop_new(NULL, FALSE);
    vm->monitors = g_ptr_array_new_with_free_func((GDestroyNotify)monitor_free);
    vm->human_monitors = g_ptr_array_new_with_free_func((GDestroyNotify)hmp_monitor_free);
    vm->backends = backends_open(config, error);
    if (!vm->backends || !choose_accel(vm, bare, error) || !build_world(vm, error))
        goto fail;
    block_set_stop_hook(io_error, vm);
    block_set_tray_hook(tray_moved, vm);
    qmp_jobs_follow(vm);
    qmp_net_follow(vm);
    qmp_chardev_follow(vm);
    if (!bare && !build_machine(vm, error))
        goto fail;
    if (!build_vcpus(vm, error) || !build_qtest(vm, error) || !build_monitors(vm, error))
        goto fail;
    vm_actions_changed(vm);
    return vm;
fail:
    vm_free(vm);
    return NULL;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    halt_watch_free(vm->halt_watch);
    if (vm->vcpus)
        vcpus_free(vm->vcpus);
    vm->vcpus = NULL;
    doorbells_free(vm->doorbells);
    if (vm->machine)
        qmp_record_close(vm);
    g_ptr_array_free(vm->monitors, TRUE);
    g_ptr_array_free(vm->human_monitors, TRUE);
    qmp_input_close(vm);
    qtest_free(vm->qtest);
    vm->qtest = NULL;
    if (vm->request_watch)
        g_source_remove(vm->request_watch);
    if (vm->request_fd >= 0)
        close(vm->request_fd);
    if (vm->env.iomap) {
        iomap_set_listener(vm->env.iomap, NULL, NULL);
        iomap_reader_remove(vm->env.iomap, &vm->reader);
    }
    machine_free(vm->machine);
    backends_close(vm->backends);
    irq_fabric_free(vm->irq);
    if (vm->memory)
        memory_set_listener(vm->memory, NULL);
    kvm_free(vm->kvm);
    cpu_spec_free(vm->cpu);
    memory_free(vm->memory);
    iomap_free(vm->env.iomap);
    if (vm->clock_source)
        clock_source_free(vm->clock_source);
    else
        vclock_free(vm->env.clock);
    g_main_loop_unref(vm->loop);
    g_free(vm);
}

int vm_run(struct vm *vm)
{
    g_autoptr(GError) error = NULL;

    if (!vm->config->start_stopped && vm->machine && !vm_cont(vm, &error))
        log_error("%s", error->message);
    if (!vm->quitting)
        g_main_loop_run(vm->loop);
    halt(vm);
    /* While their events can still be told, and before the disks are closed under them. */
    jobs_cancel_all(JOBS_END_MS);
    return vm->exit_code;
}
