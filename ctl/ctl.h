/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm-dm-ctl: a shell's way to a running VM. One row per subcommand; the help, the man page and the
 * shell completion are made from the rows.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/client.h"

/* Exit codes; a contract, see the man page. A GError of CTL_ERROR has one of them as its code. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1,     /* the VM refused, or what was started came to nothing */
    CTL_USAGE = 2,       /* the command line makes no sense */
    CTL_NO_VM = 3,       /* nobody answers on the socket, or the connection broke */
    CTL_TIMEOUT = 4,     /* what was waited for did not come */
    CTL_UNSUPPORTED = 5, /* the VM's program does not have that command */
    CTL_NOT_FOUND = 6,   /* there is no disk, device or job of that name */
};
#define CTL_ERROR (ctl_error_quark())
GQuark ctl_error_quark(void);

struct ctl_option {
    const char *name;  /* without the dashes; NULL ends a list */
    const char *arg;   /* what the help calls its value; NULL: a switch */
    const char *words; /* the values there are, "a|b"; NULL: any */
    const char *help;
};

struct ctl;

struct ctl_command {
    const char *name;
    const char *operands; /* as the synopsis has them: "DISK FILE" */
    unsigned min, max;    /* how many operands; max ANY_OPERANDS */
    const char *complete; /* what completes them, in order: "disk file"; the last one repeats */
    const struct ctl_option *options;
    const char *help;    /* one line */
    const char *details; /* for the man page and the command's own help; NULL: none */
    /* False with *error. Runs with the connection open. */
    bool (*run)(struct ctl *ctl, GError **error);
};
#define ANY_OPERANDS 1000u

/* One invocation. */
struct ctl {
    const struct ctl_command *command;
    GPtrArray *operands;  /* char * */
    GHashTable *options;  /* name -> value, "" for a switch */
    const char *socket;   /* as -s gave it; NULL: to be found */
    bool json;
    double limit_s;       /* how long an answer may take */
    struct client *client;
};

const struct ctl_command *ctl_commands(unsigned *count);
extern const struct ctl_option ctl_global_options[];

const char *ctl_operand(const struct ctl *ctl, unsigned i);          /* NULL: not given */
const char *ctl_option(const struct ctl *ctl, const char *name);     /* NULL: not given */
/* A number that may have a fraction; *value stays if the option is not given. */
bool ctl_seconds(const struct ctl *ctl, const char *name, double *value, GError **error);
/* A size with k, M, G, T. */
bool ctl_size(const struct ctl *ctl, const char *name, gint64 *value, GError **error);
/* Fails with that code and text; returns false (NULL as a pointer). */
bool ctl_fail(GError **error, enum ctl_exit code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* ---- asking ---- */
/* One command with the usual limit; args is taken (NULL: none). NULL with *error. */
JsonNode *ctl_ask(struct ctl *ctl, const char *command, JsonObject *args, GError **error);
/* A command whose answer says nothing: prints "{}" with --json, else nothing. */
bool ctl_do(struct ctl *ctl, const char *command, JsonObject *args, GError **error);
/* A new object of name, value pairs, NULL at the end; a NULL value leaves its member out. */
JsonObject *ctl_args(const char *name, ...) G_GNUC_NULL_TERMINATED;

/* ---- reading answers, whatever their types ---- */
const char *json_str(JsonObject *o, const char *name); /* NULL: not there, or no string */
gint64 json_num(JsonObject *o, const char *name);      /* 0 */
bool json_flag(JsonObject *o, const char *name);       /* false */
JsonObject *json_obj(JsonObject *o, const char *name); /* NULL */
JsonArray *json_arr(JsonObject *o, const char *name);  /* NULL */
JsonArray *json_list(JsonNode *node);                  /* NULL */
JsonObject *json_item(JsonArray *array, guint i);      /* NULL: no object there */
guint json_count(JsonArray *array);                    /* 0 for NULL */

/* ---- printing ---- */
void out_json(JsonNode *node); /* indented on a terminal, else a line */
/* Text of the VM: control characters, which could drive the terminal, shown as '?'. */
void out_text(FILE *out, const char *text);
char *out_bytes(gint64 bytes); /* "1.5 GiB"; g_free */
/* Rows of cells, a NULL cell is "-"; the first row is the heading. */
struct out_table;
struct out_table *out_table_new(unsigned columns, const char *right); /* right: per column 'r' or 'l' */
void out_table_row(struct out_table *table, ...);                     /* const char * each */
void out_table_print(struct out_table *table);                        /* and frees it */

/* ---- help.c ---- */
void help_print(FILE *out);
void help_print_command(FILE *out, const struct ctl_command *command);
void help_print_man(FILE *out);
void help_print_bash(FILE *out);
char *help_synopsis(const struct ctl_command *command); /* "eject [--force] DISK"; g_free */

/* ---- socket.c ---- */
/* The path of the VM's socket by -s, $KVM_DM_SOCKET, or as the only one there is; NULL with *error. */
char *socket_find(const char *given, GError **error);

/* ---- the subcommands ---- */
bool cmd_status(struct ctl *ctl, GError **error);
bool cmd_pause(struct ctl *ctl, GError **error);
bool cmd_resume(struct ctl *ctl, GError **error);
bool cmd_reset(struct ctl *ctl, GError **error);
bool cmd_powerdown(struct ctl *ctl, GError **error);
bool cmd_quit(struct ctl *ctl, GError **error);
bool cmd_events(struct ctl *ctl, GError **error);
bool cmd_qmp(struct ctl *ctl, GError **error);
bool cmd_screen(struct ctl *ctl, GError **error);
bool cmd_record(struct ctl *ctl, GError **error);
bool cmd_web(struct ctl *ctl, GError **error);
bool cmd_screenshot(struct ctl *ctl, GError **error);
bool cmd_wait(struct ctl *ctl, GError **error);
bool cmd_type(struct ctl *ctl, GError **error);
bool cmd_key(struct ctl *ctl, GError **error);
bool cmd_disks(struct ctl *ctl, GError **error);
bool cmd_eject(struct ctl *ctl, GError **error);
bool cmd_change(struct ctl *ctl, GError **error);
bool cmd_snapshot(struct ctl *ctl, GError **error);
bool cmd_backup(struct ctl *ctl, GError **error);
bool cmd_commit(struct ctl *ctl, GError **error);
bool cmd_jobs(struct ctl *ctl, GError **error);
bool cmd_devices(struct ctl *ctl, GError **error);
bool cmd_top(struct ctl *ctl, GError **error);

/* Words for the shell's completion: "disk", "device", "job" ...; nothing where the VM does not answer. */
void complete_words(struct ctl *ctl, const char *what);

/* The disk called so (by -drive's or -device's id, or its node): query-block's object of it, a new
 * reference. NULL with an error that names those there are. */
JsonObject *disk_find(struct ctl *ctl, const char *name, GError **error);
const char *disk_name(JsonObject *disk);
/* The file as the VM's process has to be told of it, whose directory may be another one; g_free. */
char *absolute_file(const char *name);

#endif
