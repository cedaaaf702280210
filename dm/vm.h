/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running machine as its controllers (monitor, signals, displays) see it. All calls on the main
 * loop's thread, no device lock held.
 */
#ifndef DM_VM_H
#define DM_VM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/config/config.h"

struct vm;
struct display_source;

/* As query-status names them. */
enum run_state {
    RUN_PRELAUNCH,
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_SHUTDOWN,       /* guest off, process kept (-no-shutdown) */
    RUN_IO_ERROR,       /* a disk with werror/rerror=stop waits for cont */
    RUN_INTERNAL_ERROR, /* KVM could not go on; only reset or quit help */
    RUN_SUSPENDED,
    RUN_PANICKED,       /* the guest's kernel has crashed (pvpanic) */
    RUN_WATCHDOG,       /* its watchdog ran out */
};

/* The process's exit codes; a contract, see the man page. */
enum exit_code {
    EXIT_OK = 0,             /* guest powered off, quit, or SIGTERM */
    EXIT_USAGE = 1,          /* bad option, missing file, no KVM ...: nothing was started */
    EXIT_GUEST_RESET = 2,    /* the guest reset, with -no-reboot */
    EXIT_INTERNAL_ERROR = 3, /* KVM could not go on */
    EXIT_TRIPLE_FAULT = 4,   /* the guest's processor shut down, with -no-reboot */
    EXIT_GUEST_PANIC = 6,    /* the guest's kernel said that it has crashed (pvpanic) */
    EXIT_HALTED = 8,         /* all processors halted with interrupts off, with -action halt=shutdown */
    EXIT_WATCHDOG = 10,      /* the guest's watchdog ran out, with -no-reboot or -watchdog-action poweroff */
    /* isa-debug-exit, always odd: (value << 1) | 1 */
};

const char *run_state_name(enum run_state state);
enum run_state vm_run_state(const struct vm *vm);
struct actions *vm_actions(struct vm *vm); /* may be changed; vm_actions_changed() is to be told */
void vm_actions_changed(struct vm *vm);
const struct vm_config *vm_config(const struct vm *vm);

/* Stops all vCPUs and the clock, then emits STOP. Nothing if not running. */
void vm_stop(struct vm *vm, enum run_state why);
/* Goes on (event RESUME); false with error if the state does not allow it. */
bool vm_cont(struct vm *vm, GError **error);
void vm_system_reset(struct vm *vm);   /* event RESET, reason host-qmp-system-reset */
void vm_system_powerdown(struct vm *vm); /* presses the ACPI power button, event POWERDOWN */
void vm_quit(struct vm *vm, int exit_code, const char *reason); /* event SHUTDOWN; ends the main loop */
bool vm_screendump(struct vm *vm, const char *path, bool png, GError **error);
struct display_source *vm_display(struct vm *vm); /* NULL: none */

#endif
