/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon as monitors see it: commands, an event, and two properties that change while the machine runs. */
#ifndef DM_QMP_BALLOON_H
#define DM_QMP_BALLOON_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;

/* BALLOON_CHANGE. */
void qmp_balloon_changed(struct vm *vm, uint64_t actual_bytes);

/* guest-stats or guest-stats-polling-interval of a virtio-balloon-pci. */
bool qmp_is_balloon_property(const char *type, const char *name);
JsonNode *qmp_get_balloon_property(struct vm *vm, const char *name);
bool qmp_set_balloon_property(struct vm *vm, const char *name, JsonNode *value, GError **error);

#endif
