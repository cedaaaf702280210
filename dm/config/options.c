/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables: every option, what it takes, what it does; and the options of QEMU's that are refused. */
#include "dm/config/options.h"

#include <string.h>

/* ---- sub-options ---- */

static const struct opt_desc machine_subs[] = {
    {.name = "type", .type = OPT_STRING, .help = "pc, pc-i440fx-*, isapc, none", .fallback = "pc"},
    {.name = "accel", .type = OPT_STRING, .help = "as -accel: kvm, qtest, kvm:tcg"},
    {.name = "graphics", .type = OPT_BOOL, .help = "off: the BIOS talks to the serial port",
     .fallback = "on"},
    {.name = "kernel_irqchip", .type = OPT_ENUM, .values = "on",
     .help = "interrupts in the kernel"},
    {.name = "kernel-irqchip", .type = OPT_ENUM, .values = "on", .alias_of = "kernel_irqchip"},
    {.name = "usb", .type = OPT_ENUM, .values = "off", .help = "there is no USB"},
    {.name = "dump-guest-core", .type = OPT_ENUM, .values = "off",
     .help = "guest memory is never in a core dump"},
    {.name = "mem-merge", .type = OPT_ENUM, .values = "off",
     .help = "memory is not offered to KSM"},
    {.name = "hpet", .type = OPT_ENUM, .values = "off", .help = "there is no HPET"},
    {.name = "acpi", .type = OPT_BOOL, .help = "power management and its tables", .fallback = "on"},
    {.name = "vmport", .type = OPT_ENUM, .values = "on|off|auto",
     .help = "VMware's port with the absolute pointer vmmouse", .fallback = "auto: on"},
    {.name = "memory-backend", .type = OPT_STRING, .help = "id of the -object that is the guest's memory"},
    OPT_END,
};

static const struct opt_desc accel_subs[] = {
    {.name = "accel", .type = OPT_STRING, .help = "kvm, or qtest (no CPU, driven by a test client)",
     .fallback = "kvm"},
    {.name = "kernel-irqchip", .type = OPT_ENUM, .values = "on",
     .help = "interrupts in the kernel"},
    {.name = "kernel_irqchip", .type = OPT_ENUM, .values = "on", .alias_of = "kernel-irqchip"},
    {.name = "thread", .type = OPT_STRING,
     .refusal = "it is of tcg; each vCPU has a thread anyway"},
    {.name = "dirty-ring-size", .type = OPT_NUMBER, .refusal = "leave it out"},
    OPT_END,
};

static const struct opt_desc smp_subs[] = {
    {.name = "cpus", .type = OPT_NUMBER, .min = 1, .max = 255, .help = "CPUs at start",
     .fallback = "1"},
    {.name = "maxcpus", .type = OPT_NUMBER, .min = 1, .max = 255,
     .help = "CPUs the topology describes", .fallback = "cpus"},
    {.name = "sockets", .type = OPT_NUMBER, .min = 1, .max = 255, .help = "sockets"},
    {.name = "dies", .type = OPT_NUMBER, .min = 1, .max = 1, .help = "dies per socket"},
    {.name = "clusters", .type = OPT_NUMBER, .min = 1, .max = 1, .help = "clusters per die"},
    {.name = "cores", .type = OPT_NUMBER, .min = 1, .max = 255, .help = "cores per socket"},
    {.name = "threads", .type = OPT_NUMBER, .min = 1, .max = 255, .help = "threads per core"},
    OPT_END,
};

static const struct opt_desc memory_subs[] = {
    {.name = "size", .type = OPT_STRING, .help = "guest memory; a bare number is in MiB",
     .fallback = "128M"},
    {.name = "slots", .type = OPT_NUMBER, .refusal = "memory cannot be added later"},
    {.name = "maxmem", .type = OPT_SIZE, .refusal = "memory cannot be added later"},
    OPT_END,
};

static const struct opt_desc boot_subs[] = {
    {.name = "order", .type = OPT_STRING, .help = "letters: a, b floppy, c disk, d CD, n network",
     .fallback = "cad"},
    {.name = "once", .type = OPT_STRING, .help = "the order of the first boot only"},
    {.name = "menu", .type = OPT_BOOL, .help = "offer the BIOS's boot menu", .fallback = "off"},
    {.name = "splash-time", .type = OPT_NUMBER, .min = 0, .max = 0xffff,
     .help = "ms the boot menu waits"},
    {.name = "reboot-timeout", .type = OPT_NUMBER, .min = -1, .max = 0xffff,
     .help = "ms until a failed boot is tried again; -1: never", .fallback = "-1"},
    {.name = "strict", .type = OPT_BOOL, .help = "boot from devices with a bootindex only",
     .fallback = "off"},
    {.name = "splash", .type = OPT_STRING, .refusal = "there is no splash picture"},
    OPT_END,
};

static const struct opt_desc name_subs[] = {
    {.name = "guest", .type = OPT_STRING, .max = 255, .help = "the VM's name, for query-name"},
    {.name = "process", .type = OPT_STRING, .max = 15, .help = "the process's name"},
    {.name = "debug-threads", .type = OPT_ENUM, .values = "on", .help = "threads have names always",
     .fallback = "on"},
    OPT_END,
};

static const struct opt_desc rtc_subs[] = {
    {.name = "base", .type = OPT_STRING, .help = "utc, localtime, or 2026-01-31T12:00:00",
     .fallback = "utc"},
    {.name = "clock", .type = OPT_ENUM, .values = "vm",
     .help = "what drives it: the guest's time, which stands still while the VM is stopped",
     .fallback = "vm"},
    {.name = "driftfix", .type = OPT_ENUM, .values = "none|slew",
     .help = "slew: RTC ticks that a guest was too slow for are delivered later", .fallback = "none"},
    OPT_END,
};

static const struct opt_desc action_subs[] = {
    {.name = "reboot", .type = OPT_ENUM, .values = ACTION_REBOOT_WORDS, .help = "when the guest resets",
     .fallback = "reset"},
    {.name = "shutdown", .type = OPT_ENUM, .values = ACTION_SHUTDOWN_WORDS, .help = "when the guest powers off",
     .fallback = "poweroff"},
    {.name = "panic", .type = OPT_ENUM, .values = ACTION_PANIC_WORDS,
     .help = "when the guest's kernel crashes and says so (-device pvpanic)", .fallback = "shutdown"},
    {.name = "watchdog", .type = OPT_ENUM, .values = ACTION_WATCHDOG_WORDS,
     .help = "when the guest's watchdog runs out; shutdown presses the power button", .fallback = "reset"},
    {.name = "halt", .type = OPT_ENUM, .values = ACTION_HALT_WORDS,
     .help = "when all processors are halted with interrupts off; looked for only if asked", .fallback = "none"},
    OPT_END,
};

static const struct opt_desc drive_subs[] = {
    {.name = "file", .type = OPT_STRING, .help = "disk image or block device"},
    {.name = "format", .type = OPT_STRING, .help = "image format: raw, qcow2 ... (-blockdev help)",
     .fallback = "by the name: .qcow2, .vmdk, .vdi, .vhd; else raw"},
    {.name = "driver", .type = OPT_STRING, .alias_of = "format"},
    {.name = "if", .type = OPT_ENUM, .values = "ide|floppy|virtio|none",
     .help = "none: for a -device to use",
     .fallback = "ide"},
    {.name = "index", .type = OPT_NUMBER, .min = 0, .max = 3, .help = "bus * 2 + unit; a floppy drive: 0 is A, 1 is B",
     .fallback = "the first free"},
    {.name = "bus", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "IDE channel"},
    {.name = "unit", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "0 master, 1 slave"},
    {.name = "media", .type = OPT_ENUM, .values = "disk|cdrom", .help = "hard disk or CD",
     .fallback = "disk"},
    {.name = "id", .type = OPT_STRING, .help = "its name", .fallback = "ide0-hd0 ..."},
    {.name = "cache", .type = OPT_ENUM,
     .values = "writeback|none|writethrough|directsync|unsafe", .help = "host cache",
     .fallback = "writeback"},
    {.name = "cache.direct", .type = OPT_BOOL, .help = "pass the host's cache by"},
    {.name = "cache.writeback", .type = OPT_BOOL, .help = "show the guest a write cache"},
    {.name = "cache.no-flush", .type = OPT_BOOL, .help = "ignore the guest's flushes: unsafe"},
    {.name = "aio", .type = OPT_ENUM, .values = "threads|native",
     .help = "how the host's I/O is done; native needs cache=none", .fallback = "threads"},
    {.name = "readonly", .type = OPT_BOOL, .help = "refuse the guest's writes", .fallback = "off"},
    {.name = "read-only", .type = OPT_BOOL, .alias_of = "readonly"},
    {.name = "auto-read-only", .type = OPT_BOOL, .help = "read-only if the file cannot be written"},
    {.name = "snapshot", .type = OPT_BOOL, .help = "writes are forgotten at the end"},
    {.name = "werror", .type = OPT_ENUM, .values = "enospc|report|stop|ignore",
     .help = "what a failed write does", .fallback = "enospc"},
    {.name = "rerror", .type = OPT_ENUM, .values = "report|stop|ignore",
     .help = "what a failed read does", .fallback = "report"},
    {.name = "locking", .type = OPT_ENUM, .values = "auto|on|off", .alias_of = "file.locking"},
    {.name = "file.locking", .type = OPT_ENUM, .values = "auto|on|off",
     .help = "two VMs cannot write one image", .fallback = "auto"},
    {.name = "serial", .type = OPT_STRING, .max = 20, .help = "serial number the guest sees"},
    {.name = "discard", .type = OPT_ENUM, .values = "ignore|off|unmap|on",
     .help = "give space back that the guest discards", .fallback = "ignore"},
    {.name = "detect-zeroes", .type = OPT_ENUM, .values = "off|on|unmap",
     .help = "written zeroes are stored as holes (unmap: their space is given back)",
     .fallback = "off"},
    {.name = "size", .type = OPT_SIZE, .help = "of format=null-co"},
    {.name = "throttling.*", .type = OPT_STRING,
     .help = "limits: iops-total, iops-read, iops-write, bps-total, bps-read, bps-write, each also "
             "-max and -max-length; iops-size; group"},
    {.name = "file.*", .type = OPT_STRING, .help = "options of the file's driver: file.driver=nbd,..."},
    {.name = "backing.*", .type = OPT_STRING, .help = "options of what is behind the image"},
    OPT_END,
};

static const struct opt_desc mon_subs[] = {
    {.name = "chardev", .type = OPT_STRING, .help = "id of the -chardev"},
    {.name = "mode", .type = OPT_ENUM, .values = "readline|control",
     .help = "control: QMP; readline: the human monitor", .fallback = "readline"},
    {.name = "pretty", .type = OPT_BOOL, .help = "indent the answers", .fallback = "off"},
    {.name = "id", .type = OPT_STRING, .help = "its name"},
    OPT_END,
};

static const struct opt_desc msg_subs[] = {
    {.name = "timestamp", .type = OPT_BOOL, .help = "a time in front of each message",
     .fallback = "off"},
    {.name = "guest-name", .type = OPT_ENUM, .values = "off", .help = "no VM name in messages"},
    OPT_END,
};

static const struct opt_desc fw_cfg_subs[] = {
    {.name = "name", .type = OPT_STRING, .help = "opt/..."},
    {.name = "string", .type = OPT_STRING, .help = "its content"},
    {.name = "file", .type = OPT_STRING, .help = "file with its content"},
    OPT_END,
};

static const struct opt_desc add_fd_subs[] = {
    {.name = "set", .type = OPT_NUMBER, .min = 0, .max = INT32_MAX, .help = "number of the set"},
    {.name = "fd", .type = OPT_NUMBER, .min = 3, .max = INT32_MAX, .help = "the open descriptor"},
    {.name = "opaque", .type = OPT_STRING, .max = 255, .help = "text for query-fdsets"},
    OPT_END,
};

static const struct opt_desc overcommit_subs[] = {
    {.name = "mem-lock", .type = OPT_ENUM, .values = "off", .help = "memory is not locked"},
    {.name = "cpu-pm", .type = OPT_ENUM, .values = "off", .help = "idle CPUs are the host's"},
    OPT_END,
};

static const struct opt_desc audio_subs[] = {
    {.name = "driver", .type = OPT_ENUM, .values = "none", .help = "there is no sound"},
    {.name = "id", .type = OPT_STRING, .help = "its name"},
    OPT_END,
};

static const struct opt_desc sandbox_subs[] = {
    {.name = "enable", .type = OPT_ENUM, .values = "off", .help = "the sandbox comes later"},
    OPT_END,
};

/* ---- options, by section in the order of help ---- */

static const struct option_spec specs[] = {
    {"machine", SECTION_MACHINE, ARG_LIST, "[type=]TYPE[,NAME=VALUE...]",
     "the board; -machine help lists them", "type", machine_subs, "machine", apply_machine,
     list_machines},
    {"M", SECTION_MACHINE, ARG_LIST, "TYPE", "short for -machine", "type", machine_subs, NULL,
     apply_machine, list_machines},
    {"accel", SECTION_MACHINE, ARG_LIST, "[accel=]NAME",
     "what runs the guest; may be repeated, the first is taken", "accel", accel_subs, "accel",
     apply_accel, list_accels},
    {"enable-kvm", SECTION_MACHINE, ARG_NONE, NULL, "short for -accel kvm", NULL, NULL, NULL,
     apply_enable_kvm, NULL},
    {"cpu", SECTION_MACHINE, ARG_WORD, "MODEL[,+FEATURE][,-FEATURE][,NAME=VALUE...]",
     "CPU model, features added and taken away; -cpu help lists all", NULL, NULL, NULL,
     apply_cpu, NULL},
    {"smp", SECTION_MACHINE, ARG_LIST, "[cpus=]N[,NAME=VALUE...]", "number of CPUs, topology",
     "cpus",
     smp_subs, "smp-opts", apply_smp, NULL},
    {"m", SECTION_MACHINE, ARG_LIST, "[size=]SIZE", "guest memory", "size", memory_subs, "memory",
     apply_memory, NULL},
    {"mem-path", SECTION_MACHINE, ARG_WORD, "PATH", "guest memory in this file, or in a nameless one in this directory",
     NULL, NULL, NULL, apply_mem_path, NULL},
    {"mem-prealloc", SECTION_MACHINE, ARG_NONE, NULL, "take all of the guest's memory from the host at start", NULL,
     NULL, NULL, apply_mem_prealloc, NULL},
    {"device", SECTION_MACHINE, ARG_JSON, "DRIVER[,NAME=VALUE...]",
     "adds a device; -device help lists them, -device DRIVER,help its properties", "driver", NULL,
     "device", apply_device, list_devices},
    {"global", SECTION_MACHINE, ARG_WORD, "DRIVER.PROPERTY=VALUE",
     "a default for all devices of a kind", NULL, NULL, "global", apply_global, NULL},
    {"object", SECTION_MACHINE, ARG_JSON, "TYPE,id=ID[,NAME=VALUE...]",
     "defines an object: memory-backend-ram, -memfd, -file, secret (nothing uses it yet), tls-creds-x509, tls-creds-psk, "
     "rng-random, rng-builtin, filter-dump (a capture)", "qom-type", NULL, NULL, apply_object, NULL},
    {"name", SECTION_MACHINE, ARG_LIST, "[guest=]NAME[,NAME=VALUE...]", "names the VM", "guest",
     name_subs, "name", apply_name, NULL},
    {"uuid", SECTION_MACHINE, ARG_WORD, "UUID", "the VM's UUID", NULL, NULL, NULL, apply_uuid,
     NULL},
    {"rtc", SECTION_MACHINE, ARG_LIST, "[base=utc|localtime|DATE][,NAME=VALUE...]", "the clock",
     NULL,
     rtc_subs, "rtc", apply_rtc, NULL},
    {"no-hpet", SECTION_MACHINE, ARG_NONE, NULL, "there is no HPET anyway", NULL, NULL, NULL,
     apply_accepted, NULL},
    {"nodefaults", SECTION_MACHINE, ARG_NONE, NULL, "no serial port, display and floppy drive unless asked for",
     NULL, NULL, NULL, apply_flag, NULL},

    {"hda", SECTION_DISK, ARG_WORD, "FILE", "IDE disk 0; so is a FILE without option", NULL, NULL,
     NULL, apply_hd, NULL},
    {"hdb", SECTION_DISK, ARG_WORD, "FILE", "IDE disk 1", NULL, NULL, NULL, apply_hd, NULL},
    {"hdc", SECTION_DISK, ARG_WORD, "FILE", "IDE disk 2", NULL, NULL, NULL, apply_hd, NULL},
    {"hdd", SECTION_DISK, ARG_WORD, "FILE", "IDE disk 3", NULL, NULL, NULL, apply_hd, NULL},
    {"drive", SECTION_DISK, ARG_PAIRS, "file=FILE[,NAME=VALUE...]", "a disk", NULL, drive_subs,
     "drive",
     apply_drive, NULL},
    {"blockdev", SECTION_DISK, ARG_JSON, "driver=DRIVER,node-name=NAME[,NAME=VALUE...]",
     "a block node for a -device's drive=, or for a node above it; -blockdev help lists the drivers",
     "driver", NULL, NULL, apply_blockdev, list_node_drivers},
    {"cdrom", SECTION_DISK, ARG_WORD, "FILE", "CD in the drive ide1-cd0 (the secondary master)", NULL,
     NULL, NULL, apply_cdrom, NULL},
    {"fda", SECTION_DISK, ARG_WORD, "FILE", "floppy in drive A, floppy0", NULL, NULL, NULL, apply_fd,
     NULL},
    {"fdb", SECTION_DISK, ARG_WORD, "FILE", "floppy in drive B, floppy1", NULL, NULL, NULL, apply_fd,
     NULL},
    {"snapshot", SECTION_DISK, ARG_NONE, NULL, "snapshot=on for every -drive", NULL, NULL, NULL,
     apply_snapshot, NULL},

    {"display", SECTION_DISPLAY, ARG_WORD, "text|curses|vnc=ADDRESS|web=[HOST:]PORT|none", "where the guest's screen is shown", NULL,
     NULL, NULL, apply_display, NULL},
    {"nographic", SECTION_DISPLAY, ARG_NONE, NULL,
     "no screen; the serial port is on this terminal (Ctrl-A x ends, Ctrl-A h helps)", NULL, NULL,
     NULL, apply_nographic, NULL},
    {"vga", SECTION_DISPLAY, ARG_WORD, "std|none", "the display adapter", NULL, NULL, NULL,
     apply_vga,
     NULL},
    {"vnc", SECTION_DISPLAY, ARG_LIST, "[HOST]:DISPLAY[,NAME=VALUE...]|unix:PATH|none",
     "the screen for VNC viewers, on TCP port 5900 + DISPLAY; without HOST from everywhere", "vnc",
     vnc_subs, "vnc", apply_vnc, NULL},
    {"k", SECTION_DISPLAY, ARG_WORD, "LAYOUT",
     "the keyboard layout that the guest has set (us, de, fr, uk, es, it), for VNC viewers and type-text",
     NULL, NULL, NULL, apply_layout, NULL},
    {"audio", SECTION_DISPLAY, ARG_LIST, "[driver=]none", "there is no sound", "driver", audio_subs,
     NULL, apply_accepted, NULL},
    {"audiodev", SECTION_DISPLAY, ARG_JSON, "[driver=]none,id=ID", "there is no sound", "driver",
     audio_subs, NULL, apply_audiodev, NULL},

    {"netdev", SECTION_NET, ARG_JSON, "TYPE,id=ID[,NAME=VALUE...]",
     "a wire for a -device's netdev=; -netdev help lists the types, -netdev TYPE,help what one takes", "type", NULL,
     "netdev", apply_netdev, list_netdevs},
    {"nic", SECTION_NET, ARG_PAIRS, "TYPE[,model=CARD][,mac=MAC][,NAME=VALUE...]",
     "a card with its wire, in one; none: no card", "type", NULL, NULL, apply_nic, list_nics},
    {"net", SECTION_NET, ARG_PAIRS, "nic[,model=CARD][,macaddr=MAC]... | TYPE[,NAME=VALUE...]",
     "cards and wires apart, all joined by one hub (old form); none: no card", "type", NULL, NULL, apply_net,
     list_nics},

    {"chardev", SECTION_CHAR, ARG_JSON, "BACKEND,id=ID[,NAME=VALUE...]",
     "the host's end of a port; -chardev help lists them, -chardev BACKEND,help what one takes",
     "backend", NULL, "chardev", apply_chardev, list_chardevs},
    {"serial", SECTION_CHAR, ARG_WORD, "WORD",
     "the next serial port: stdio, mon:stdio, pty, file:PATH, unix:PATH[,server][,nowait], "
     "tcp:HOST:PORT[,...], chardev:ID, vc, null, none", NULL, NULL, NULL, apply_serial, NULL},
    {"parallel", SECTION_CHAR, ARG_WORD, "none|null", "there is no parallel port", NULL, NULL, NULL,
     apply_parallel, NULL},
    {"qmp", SECTION_CHAR, ARG_WORD, "WORD", "QMP monitor; the words of -serial", NULL, NULL, NULL,
     apply_qmp, NULL},
    {"qmp-pretty", SECTION_CHAR, ARG_WORD, "WORD", "the same, answers indented", NULL, NULL, NULL,
     apply_qmp_pretty, NULL},
    {"mon", SECTION_CHAR, ARG_JSON, "[chardev=]ID[,mode=control][,NAME=VALUE...]",
     "a monitor on a -chardev", "chardev", mon_subs, "mon", apply_mon, NULL},
    {"monitor", SECTION_CHAR, ARG_WORD, "WORD", "human monitor; the words of -serial. Its help command lists what it knows", NULL,
     NULL,
     NULL, apply_monitor, NULL},
    {"debugcon", SECTION_CHAR, ARG_WORD, "WORD", "where text written to port 0xe9 goes", NULL, NULL,
     NULL, apply_debugcon, NULL},

    {"bios", SECTION_BOOT, ARG_WORD, "FILE", "firmware in place of SeaBIOS", NULL, NULL, NULL,
     apply_bios, NULL},
    {"kernel", SECTION_BOOT, ARG_WORD, "FILE", "boots this bzImage or multiboot ELF", NULL, NULL,
     NULL,
     apply_kernel, NULL},
    {"initrd", SECTION_BOOT, ARG_WORD, "FILE", "the kernel's initial RAM disk", NULL, NULL, NULL,
     apply_initrd, NULL},
    {"append", SECTION_BOOT, ARG_WORD, "TEXT", "the kernel's command line", NULL, NULL, NULL,
     apply_append, NULL},
    {"boot", SECTION_BOOT, ARG_LIST, "[order=]LETTERS[,NAME=VALUE...]", "what is booted from",
     "order",
     boot_subs, "boot-opts", apply_boot, NULL},
    {"no-fd-bootchk", SECTION_BOOT, ARG_NONE, NULL, "boot from floppies without a boot signature, too",
     NULL, NULL, NULL, apply_flag, NULL},
    {"smbios", SECTION_BOOT, ARG_PAIRS, "type=0|1,NAME=VALUE...",
     "what the BIOS's tables say of itself (0: vendor, version, date, release) and of the machine (1: manufacturer, "
     "product, version, serial, uuid, sku, family); file=FILE: a whole structure", NULL, NULL, "smbios", apply_smbios, NULL},
    {"fw_cfg", SECTION_BOOT, ARG_LIST, "[name=]opt/NAME,string=TEXT|file=FILE", "a file for the guest's fw_cfg driver", "name",
     fw_cfg_subs, "fw_cfg", apply_fw_cfg, NULL},
    {"S", SECTION_BOOT, ARG_NONE, NULL, "do not start the guest; QMP cont does", NULL, NULL, NULL,
     apply_flag, NULL},
    {"no-reboot", SECTION_BOOT, ARG_NONE, NULL, "end when the guest resets (exit code 2, 4 or 10)", NULL, NULL, NULL,
     apply_no_reboot, NULL},
    {"no-shutdown", SECTION_BOOT, ARG_NONE, NULL, "stay when the guest powers off", NULL, NULL, NULL,
     apply_no_shutdown, NULL},
    {"action", SECTION_BOOT, ARG_LIST, "EVENT=ACTION[,EVENT=ACTION...]", "what is done when something happens to the guest",
     NULL, action_subs, "action", apply_action, NULL},
    {"watchdog-action", SECTION_BOOT, ARG_WORD, "ACTION", "short for -action watchdog=", NULL, NULL, NULL,
     apply_watchdog_action, NULL},
    {"no-acpi", SECTION_BOOT, ARG_NONE, NULL, "short for -machine acpi=off", NULL, NULL, NULL, apply_flag, NULL},

    {"daemonize", SECTION_PROCESS, ARG_NONE, NULL, "go into the background when all is ready", NULL,
     NULL, NULL, apply_flag, NULL},
    {"chroot", SECTION_PROCESS, ARG_WORD, "DIR", "make DIR the root directory when everything is open", NULL, NULL, NULL,
     apply_chroot, NULL},
    {"runas", SECTION_PROCESS, ARG_WORD, "USER|UID:GID", "become that user when everything is open", NULL, NULL, NULL,
     apply_runas, NULL},
    {"pidfile", SECTION_PROCESS, ARG_WORD, "FILE", "write the process id there", NULL, NULL, NULL,
     apply_pidfile, NULL},
    {"msg", SECTION_PROCESS, ARG_LIST, "timestamp=on|off", "form of messages", NULL, msg_subs,
     "msg",
     apply_msg, NULL},
    {"add-fd", SECTION_PROCESS, ARG_LIST, "set=SET,fd=FD[,opaque=TEXT]",
     "puts an inherited descriptor into a set; its name is /dev/fdset/SET", NULL, add_fd_subs, "add-fd", apply_add_fd,
     NULL},
    {"no-user-config", SECTION_PROCESS, ARG_NONE, NULL, "no configuration file is read anyway",
     NULL,
     NULL, NULL, apply_flag, NULL},
    {"overcommit", SECTION_PROCESS, ARG_LIST, "mem-lock=off,cpu-pm=off", "host resources", NULL,
     overcommit_subs, "overcommit", apply_accepted, NULL},
    {"sandbox", SECTION_PROCESS, ARG_LIST, "off", "the sandbox comes later", "enable", sandbox_subs,
     NULL, apply_accepted, NULL},
    {"readconfig", SECTION_PROCESS, ARG_WORD, "FILE", "options out of a file: [drive \"id\"] file = \"a.img\" ...; [kvm-dm] for those without a list",
     NULL, NULL, NULL, apply_readconfig, NULL},
    {"writeconfig", SECTION_PROCESS, ARG_WORD, "FILE", "write this command line to such a file (-: stdout), and go on", NULL,
     NULL, NULL, apply_writeconfig, NULL},
    {"explain", SECTION_PROCESS, ARG_WORD, "text|json", "print what would run: memory, ports, interrupts, disks, host files; start nothing",
     NULL, NULL, NULL, apply_explain, NULL},
    {"version", SECTION_PROCESS, ARG_NONE, NULL, "print the version", NULL, NULL, NULL,
     apply_version,
     NULL},
    {"help", SECTION_PROCESS, ARG_NONE, NULL, "print this", NULL, NULL, NULL, apply_help, NULL},
    {"h", SECTION_PROCESS, ARG_NONE, NULL, "print this", NULL, NULL, NULL, apply_help, NULL},

    {"qtest", SECTION_DEBUG, ARG_WORD, "WORD", "serve the qtest protocol; the words of -serial",
     NULL,
     NULL, NULL, apply_qtest, NULL},
    {"qtest-log", SECTION_DEBUG, ARG_WORD, "FILE", "log of the qtest protocol; none: no log", NULL,
     NULL, NULL, apply_qtest_log, NULL},
    /* For the man page's script; not in help. */
    {"help-man", SECTION_COUNT, ARG_NONE, NULL, NULL, NULL, NULL, NULL, apply_help_man, NULL},
};

const struct option_spec *option_specs(unsigned *count)
{
    *count = G_N_ELEMENTS(specs);
    return specs;
}

const struct option_spec *option_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        if (!strcmp(specs[i].name, name))
            return &specs[i];
    }
    return NULL;
}

/* ---- refused ---- */

static const struct {
    const char *name;
    bool takes_arg;
    const char *hint;
} refused[] = {
    {"pflash", true, "not supported: use -bios FILE"},
    {"mtdblock", true, "not supported: use -hda FILE"},
    {"sd", true, "not supported: use -hda FILE"},
    {"set", true, "not supported: give the value where the device is defined"},
    {"curses", false, "not supported: use -display curses"},
    {"g", true, "not supported: the guest chooses the resolution"},
    {"spice", true, "not supported: use -display text"},
    {"full-screen", false, "not supported: use -display text"},
    {"alt-grab", false, "not supported: there is no window"},
    {"ctrl-grab", false, "not supported: there is no window"},
    {"no-quit", false, "not supported: there is no window"},
    {"rotate", true, "not supported: there is no window"},
    {"portrait", false, "not supported: there is no window"},
    {"sdl", false, "not supported: use -display text"},
    {"win2k-hack", false, "not supported: leave it out"},
    {"acpitable", true, "not supported: the firmware makes the ACPI tables"},
    {"option-rom", true, "not supported: use -bios or -kernel"},
    {"usb", false, "not supported: there is no USB; keyboard and mouse are PS/2"},
    {"usbdevice", true, "not supported: there is no USB; keyboard and mouse are PS/2"},
    {"soundhw", true, "not supported: there is no sound; use -audio none"},
    {"audio-help", false, "not supported: there is no sound; use -audio none"},
    {"incoming", true, "not supported yet: VMs cannot be moved"},
    {"only-migratable", false, "not supported yet: VMs cannot be moved"},
    {"loadvm", true, "not supported yet: states cannot be loaded"},
    {"dump-vmstate", true, "not supported: VMs cannot be moved"},
    {"numa", true, "not supported: use -smp sockets=..."},
    {"tpmdev", true, "not supported: there is no TPM"},
    {"fsdev", true, "not supported: use a disk image"},
    {"virtfs", true, "not supported: use a disk image"},
    {"iscsi", true, "not supported: use a disk image"},
    {"watchdog", true, "not supported: use -device ib700"},
    {"echr", true, "not supported: the escape key is Ctrl-A"},
    {"icount", true, "not supported: it is of tcg"},
    {"tb-size", true, "not supported: it is of tcg"},
    {"singlestep", false, "not supported: it is of tcg"},
    {"plugin", true, "not supported: it is of tcg"},
    {"no-kvm", false, "not supported: guests run on KVM only"},
    {"gdb", true, "not supported yet: use QMP"},
    {"s", false, "not supported yet: use QMP"},
    {"d", true, "not supported: messages go to stderr"},
    {"D", true, "not supported: messages go to stderr; redirect it"},
    {"dfilter", true, "not supported: messages go to stderr"},
    {"trace", true, "not supported yet: use strace or perf"},
    {"L", true, "not supported: use -bios FILE"},
    {"dtb", true, "not supported: a PC has none"},
    {"nodefconfig", false, "not supported: use -no-user-config"},
    {"preconfig", false, "not supported: use -S"},
    {"compat", true, "not supported: leave it out"},
    {"seed", true, "not supported: leave it out"},
    {"semihosting", false, "not supported: a PC has none"},
    {"semihosting-config", true, "not supported: a PC has none"},
    {"prom-env", true, "not supported: a PC has none"},
    {"old-param", false, "not supported: a PC has none"},
    {"async-teardown", false, "not supported: leave it out"},
    {"virtioconsole", true, "not supported: use -device virtio-serial-pci -device virtconsole"},
    {"balloon", true, "not supported: use -device virtio-balloon-pci"},
    {"xen-domid", true, "not supported: guests run on KVM only"},
    {"xen-attach", false, "not supported: guests run on KVM only"},
    {"enable-sync-profile", false, "not supported: use perf"},
};

const char *option_refusal(const char *name, bool *takes_arg)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (strcmp(refused[i].name, name))
            continue;
        *takes_arg = refused[i].takes_arg;
        return refused[i].hint;
    }
    return NULL;
}

/* ---- misspelled ---- */

#define NAME_MAX_LEN 32

/* Levenshtein's distance; both at most NAME_MAX_LEN long. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1];
    size_t la = strlen(a), lb = strlen(b);

    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned swap = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = MIN(swap, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

const char *option_nearest(const char *name)
{
    const char *best = NULL;
    unsigned best_distance = strlen(name) < 6 ? 2 : 3; /* short names are all alike */

    if (strlen(name) < 3 || strlen(name) > NAME_MAX_LEN)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        unsigned d;

        if (specs[i].section == SECTION_COUNT || strlen(specs[i].name) < 3)
            continue;
        d = distance(name, specs[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = specs[i].name;
        }
    }
    return best;
}
