/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command line kept in a file, in the form of QEMU's -readconfig:
 *
 *   # comment
 *   [drive "disk0"]          the option and its id=
 *     file = "/vm/a.qcow2"   a sub-option; the quotes are needed
 *   [memory]                 options by the names that query-command-line-options gives
 *     size = "512"
 *   [kvm-dm]                 ours: options that take no list, by their names; "" for one without argument
 *     kernel = "/vm/bzImage"
 */
#ifndef DM_CONFIG_FILE_H
#define DM_CONFIG_FILE_H

#include <glib.h>
#include <stdbool.h>

#define CONFIG_FILE_MAX_BYTES (1024u * 1024)

/*
 * Calls option(opaque, name, argument) for each group of the file, as if it stood on the command line: "drive",
 * "id=disk0,file=/vm/a.qcow2". Stops at the first that returns false. False with error: "FILE:LINE: ...".
 */
bool config_file_read(const char *path, bool (*option)(void *opaque, const char *name, const char *arg, GError **error),
                      void *opaque, GError **error);

/*
 * Writes what the command line said (argv[0] and -writeconfig left out) to a file; "-": stdout. Options in JSON form
 * and options of no group are written into [kvm-dm].
 */
bool config_file_write(const char *path, int argc, char **argv, GError **error);

#endif
