/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line as typed values: what to build, before anything is opened.
 * options.c makes it from one table; machine.c builds from it.
 */
#ifndef DM_CONFIG_H
#define DM_CONFIG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/actions.h"
#include "dm/memory.h"
#include "dm/privileges.h"

enum drive_if { DRIVE_IF_IDE, DRIVE_IF_NONE, DRIVE_IF_FLOPPY, DRIVE_IF_VIRTIO };

/* A block node of -blockdev: flat options as block/node.h has them; checked, not opened. */
struct blockdev_config {
    char *name;
    GHashTable *opts; /* char * -> char * */
};

/* -drive and its short forms (-hda .. -hdd, -fda, -fdb, -cdrom, the positional image), or a -device's own node.
 * Strings are owned here. */
struct drive_config {
    char *id; /* never NULL after parsing: "ide0-hd0" as QEMU names them */
    char *node; /* name of the -blockdev node that is the disk; then only id and policy matter */
    char *file, *format; /* format NULL: raw, never probed; file NULL: no medium */
    GHashTable *node_options; /* the rest: "file.server.path", "backing.driver", "lazy-refcounts" ... */
    GHashTable *throttle; /* "iops-total" -> number ..., "group"; NULL: none */
    enum drive_if interface;
    bool cd;       /* media=cdrom */
    int bus, unit; /* after index= is resolved */
    bool readonly, snapshot;
    bool cache_direct, cache_no_flush, cache_writeback; /* cache=none: true, false, true ... */
    bool aio_native;
    bool locking; /* file.locking / locking=off */
    char *werror, *rerror; /* report, stop, ignore, enospc; NULL: default */
    char *serial;
    bool discard;        /* discard=unmap */
    bool auto_read_only; /* fall back to read-only where the file cannot be written */
    uint64_t size_bytes; /* of null-co; 0: its default */
    bool used_by_device; /* a -device names it */
};

/* -chardev, or what -serial, -qmp, -monitor ... made of their word. `opts`: backend, path, host ... */
struct chardev_config {
    char *id, *backend;
    GHashTable *opts; /* char * -> char *; already checked against the backend's table */
    bool used;        /* a device, port or monitor is its front end */
};

/* -netdev, or what -nic and -net made of theirs. `opts`: checked against the back end's table. */
struct netdev_config {
    char *id, *type;
    GHashTable *opts; /* char * -> char *; a list's values are joined by newlines */
};

/* -object filter-dump. */
struct capture_config {
    char *id, *netdev, *file;
    uint32_t maxlen;
    uint64_t limit;
    bool to_guest, from_guest;
};

/*
 * -device DRIVER,prop=value..., or device_add's; props checked against the driver's table. Those of a running machine
 * come and go with their devices.
 */
struct device_config {
    char *driver, *id;
    GHashTable *props; /* char * -> char * */
};

void device_config_free(struct device_config *config); /* as its array does */

/* -fw_cfg: a file for the guest's fw_cfg driver. */
struct fw_cfg_file {
    char *name; /* "opt/..." */
    GBytes *data;
};

struct monitor_config {
    char *chardev;
    bool control; /* QMP; else the human monitor */
    bool pretty;
};

enum display_kind { DISPLAY_DEFAULT, DISPLAY_NONE, DISPLAY_TEXT };
struct vnc_config; /* ui/vnc.h */
struct web_config; /* ui/web.h */
struct layout;     /* ui/layout.h */

enum vga_kind { VGA_STD, VGA_NONE };

/* A source of random bytes that -device can name. */
struct rng_config {
    char *id, *path; /* path NULL: the kernel's */
};

struct vm_config {
    char *machine;      /* "pc", "isapc", "none"; aliases are resolved */
    char *machine_name; /* as given: "pc-i440fx-7.2" */
    bool no_graphics;   /* -machine graphics=off, -nographic: the BIOS uses the serial port */
    bool vmport;        /* -machine vmport=: VMware's port with the absolute pointer */
    GPtrArray *accels; /* char *: in order of preference; default kvm */
    uint64_t ram_bytes;
    struct ram_source ram;
    unsigned cpus, max_cpus;
    unsigned sockets, cores, threads; /* their product is max_cpus */
    char *cpu_model; /* "host", "qemu64" ...; NULL: default */
    GPtrArray *cpu_features; /* char *: "+x", "-y", "x=on" as given */
    char *name, *uuid;
    GByteArray *smbios;       /* -smbios, in the form of fw_cfg's item; NULL: none */
    GPtrArray *fw_cfg_files;  /* struct fw_cfg_file; NULL: none */
    char *process_name; /* -name process=; NULL: leave it */
    char *bios, *kernel, *initrd, *append;
    char *boot_order, *boot_once; /* "cdn"; NULL: default */
    bool boot_menu, boot_strict;
    int boot_splash_time_ms, boot_reboot_timeout_ms; /* -1: not given */
    GPtrArray *drives;   /* struct drive_config */
    GPtrArray *blockdevs; /* struct blockdev_config, in the order in which they can be opened */
    GPtrArray *tls_creds; /* struct tls_creds (block/tlscreds.h), of -object */
    GPtrArray *rngs;     /* struct rng_config, of -object */
    GPtrArray *chardevs; /* struct chardev_config */
    GPtrArray *netdevs;  /* struct netdev_config, in the order in which they can be opened */
    GPtrArray *captures; /* struct capture_config */
    GPtrArray *devices;  /* struct device_config */
    GPtrArray *globals;  /* struct device_config: driver and one property (-global) */
    GPtrArray *monitors; /* struct monitor_config */
    GPtrArray *serials;  /* char *: chardev id per port, NULL for "none" */
    char *debugcon;      /* chardev id or NULL */
    char *qtest;         /* chardev id or NULL */
    char *qtest_log;     /* file or NULL */
    enum display_kind display;
    struct vnc_config *vnc; /* NULL: no VNC server */
    struct web_config *web; /* NULL: no web console */
    const struct layout *layout; /* of the guest's keyboard; NULL: us */
    enum vga_kind vga;
    bool vga_given;
    bool nodefaults, no_user_config, nographic;
    bool start_stopped; /* -S */
    struct actions actions; /* -action, -no-reboot, -no-shutdown, -watchdog-action */
    bool no_fd_bootchk;
    bool no_acpi; /* -no-acpi, -machine acpi=off: no power management function, no tables */
    bool daemonize;
    struct privileges privileges; /* -chroot, -runas */
    bool explain, explain_json; /* say what would run, and end */
    char *pidfile;
    bool rtc_localtime, rtc_slew;
    int64_t rtc_start_s; /* -rtc base=DATE as seconds since 1970; -1: now */
    bool msg_timestamp;
};

/*
 * Parses the command line (argv[0] left out of account). Returns true with *config filled; false
 * with *error: one line that names the option and, where there is one, what works instead.
 * --help, --version, -machine help and the like print to stdout and set *done.
 */
bool config_parse(int argc, char **argv, struct vm_config *config, bool *done, GError **error);
void config_clear(struct vm_config *config);

/* A checked UUID's 16 bytes, in the order of its digits. */
void config_uuid_bytes(const char *uuid, uint8_t bytes[16]);

#endif
