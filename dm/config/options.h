/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of options: what the command line, --help, "X,help", the man page and QMP's
 * query-command-line-options are made of. config.c and its neighbours say what an option does.
 */
#ifndef DM_OPTIONS_H
#define DM_OPTIONS_H

#include <stdio.h>

#include "dm/config/config.h"
#include "dm/config/optlist.h"

enum option_section {
    SECTION_MACHINE, SECTION_DISK, SECTION_NET, SECTION_DISPLAY, SECTION_CHAR, SECTION_BOOT, SECTION_PROCESS,
    SECTION_DEBUG, SECTION_COUNT
};

enum option_arg {
    ARG_NONE,
    ARG_WORD, /* taken as it is */
    ARG_LIST, /* "k=v,k=v", checked against subs */
    ARG_PAIRS, /* the same, but apply() checks use->pairs: there may be more than in subs */
    ARG_JSON, /* the same, or a JSON object */
};

struct parser;
struct option_spec;

/* What an option's apply function gets. */
struct option_use {
    const struct option_spec *spec;
    const char *what; /* "-drive": begins error texts */
    const char *arg;  /* ARG_WORD: the word */
    GHashTable *opts; /* ARG_LIST, ARG_JSON with subs: checked */
    GPtrArray *pairs; /* ARG_LIST, ARG_JSON without subs: for drivers with tables of their own */
};

struct option_spec {
    const char *name;
    enum option_section section;
    enum option_arg arg;
    const char *arg_text; /* "FILE" */
    const char *help;     /* lines */
    const char *implied;  /* sub-option that a first bare word means */
    const struct opt_desc *subs; /* NULL: by driver, or none */
    const char *qmp_name; /* in query-command-line-options; NULL: left out */
    bool (*apply)(struct parser *p, const struct option_use *use, GError **error);
    void (*list)(FILE *out); /* what "-opt help" prints; NULL: the sub-options */
};

const struct option_spec *option_specs(unsigned *count);
const struct option_spec *option_find(const char *name);
/* Options of QEMU's that are not here: the hint (*takes_arg as there). NULL: not one of them. */
const char *option_refusal(const char *name, bool *takes_arg);
/* The known option that is spelled almost so; NULL: none. */
const char *option_nearest(const char *name);

void options_print_version(FILE *out);
void options_print_help(FILE *out);
void options_print_man(FILE *out); /* the OPTIONS section, in man(7) macros */
void options_print_subs(FILE *out, const char *title, const struct opt_desc *subs);

void list_devices(FILE *out);
void list_machines(FILE *out);
void list_accels(FILE *out);
void list_cpus(FILE *out);
void list_displays(FILE *out);
void list_chardevs(FILE *out);
void list_node_drivers(FILE *out);

/* A -chardev back end's sub-options as a table (free with g_free); NULL: unknown back end. */
struct opt_desc *chardev_descs(const char *backend);

/* Pairs as the options of a -chardev back end; false with error. */
bool chardev_check_pairs(const char *backend, GPtrArray *pairs, GHashTable **opts, GError **error);

/* ---- what is collected while parsing, for the last step ---- */
struct parser {
    struct vm_config *config;
    bool done;            /* help or version was printed */
    GPtrArray *places;    /* struct drive_place *, beside config->drives */
    GPtrArray *objects;   /* char *: ids */
    GPtrArray *nics;      /* struct nic_word *, of -nic and -net */
    bool snapshot_all, machine_accel, accel_given, serial_given, parallel_given, monitor_given;
    bool display_given, cdrom_asked;
    bool memory_given;
    char *write_config;         /* -writeconfig */
    char *memory_backend;       /* -machine memory-backend= */
    GPtrArray *memory_backends; /* of -object; config_memory.c */
    unsigned sockets, dies, cores, threads, max_cpus; /* -smp, 0: not given */
    unsigned monitors, serial_words, nic_words, hub_ports;
    GPtrArray *audiodevs; /* char *: ids of -audiodev */
    char *vnc_audiodev;   /* what -vnc says; NULL: nothing */
};

typedef bool option_apply_fn(struct parser *p, const struct option_use *use, GError **error);

/* config_machine.c: machine, CPU, memory, boot, clock, process */
option_apply_fn apply_machine, apply_accel, apply_enable_kvm, apply_cpu, apply_smp, apply_memory;
option_apply_fn apply_bios, apply_kernel, apply_initrd, apply_append, apply_boot, apply_rtc;
option_apply_fn apply_name, apply_uuid, apply_flag, apply_action, apply_no_reboot, apply_no_shutdown,
    apply_watchdog_action, apply_pidfile, apply_msg;
option_apply_fn apply_readconfig, apply_writeconfig; /* config.c */
option_apply_fn apply_runas, apply_chroot, apply_explain, apply_add_fd, apply_accepted, apply_object, apply_version, apply_help, apply_help_man;
bool finish_machine(struct parser *p, GError **error);
bool ram_size_ok(uint64_t bytes);

option_apply_fn apply_smbios, apply_fw_cfg; /* config_firmware.c */
void finish_smbios(struct parser *p);

/* config_memory.c: memory back ends. props: NULL if the type is not one of them. */
option_apply_fn apply_mem_path, apply_mem_prealloc;
const struct opt_desc *memory_backend_props(const char *type);
bool memory_backend_add(struct parser *p, const char *type, GHashTable *opts, GError **error);
bool finish_memory(struct parser *p, GError **error);
void parser_free_memory(struct parser *p);

/* config_drive.c: disks and block nodes */
option_apply_fn apply_drive, apply_hd, apply_fd, apply_cdrom, apply_snapshot, apply_blockdev;
bool finish_drives(struct parser *p, GError **error); /* after the devices are known */
/* config_blockdev.c */
bool finish_blockdevs(struct parser *p, GError **error); /* puts them in order */
struct blockdev_config *find_blockdev(struct parser *p, const char *name);
/* Pairs as block/node.h's flat options, checked: names, types, words. NULL with error. */
GHashTable *blockdev_options(const char *what, GPtrArray *pairs, GError **error);
void parser_free_drives(struct parser *p);

/* config_device.c: devices, character back ends, monitors, displays */
option_apply_fn apply_device, apply_global, apply_chardev, apply_mon, apply_qmp, apply_qmp_pretty;
option_apply_fn apply_serial, apply_parallel, apply_monitor, apply_debugcon, apply_qtest;
option_apply_fn apply_qtest_log, apply_display, apply_nographic, apply_vga;
bool finish_devices(struct parser *p, GError **error);
/*
 * Pairs with "driver", one that can be a -device, as a device; `what` begins its error texts. NULL with error. Its id's
 * being free is the caller's to look at.
 */
struct device_config *device_config_new(const char *what, GPtrArray *pairs, GError **error);

/* config_vnc.c */
option_apply_fn apply_vnc, apply_display_vnc, apply_layout, apply_audiodev;
bool finish_vnc(struct parser *p, GError **error);
extern const struct opt_desc vnc_subs[];
void vnc_config_free(struct vnc_config *config); /* NULL: nothing */

/* config_net.c: wires */
option_apply_fn apply_netdev;
bool finish_net(struct parser *p, GError **error); /* before the devices are looked at */
struct netdev_config *find_netdev(struct parser *p, const char *id);
/* opts are taken. False with error: the id is taken. */
bool add_netdev(struct parser *p, const char *what, const char *id, const char *type, GHashTable *opts,
                GError **error);
bool netdev_help(struct parser *p, const struct option_use *use, const char *type); /* "TYPE,help": printed, done */
/* config_nic.c: cards, and the short forms that make a wire and a card */
option_apply_fn apply_nic, apply_net;
bool finish_nics(struct parser *p, GError **error); /* of finish_net() */
void parser_free_nics(struct parser *p);
bool apply_filter_dump(struct parser *p, GHashTable *opts, GError **error); /* of -object */
/* A -netdev type's sub-options as a table (free with g_free); NULL: unknown. */
struct opt_desc *netdev_descs(const char *type);
/* Pairs as a back end's options, checked; takes out of them what it knows. NULL with error. */
GHashTable *netdev_options(const char *what, const char *type, GPtrArray *pairs, GError **error);
bool net_parse_mac(const char *text, uint8_t mac[6]); /* "52:54:00:12:34:56" */
void list_netdevs(FILE *out);
void list_nics(FILE *out);
/* config_web.c */
option_apply_fn apply_display_web;
extern const struct opt_desc web_subs[];
void web_config_free(struct web_config *config); /* NULL: nothing */

/* Machine names: pc-i440fx-7.2 and the like give "pc". NULL: unknown. */
const char *machine_resolve(const char *name);
#define MACHINE_PC_NAME "pc-i440fx-7.2"

#endif
