/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -explain: what a command line would run, without running it. The machine is built as for a start, but without KVM,
 * with nothing behind its character back ends, and with its disks opened for reading.
 */
#ifndef DM_EXPLAIN_H
#define DM_EXPLAIN_H

#include "dm/config/config.h"

/*
 * Prints to stdout, as text or (config->explain_json) as one JSON object. False with error: what would have ended the
 * start. The configuration is changed on the way and good for nothing else afterwards. Files of -blockdev are
 * opened as for a start; no lock is asked for.
 */
bool explain(struct vm_config *config, GError **error);

#endif
