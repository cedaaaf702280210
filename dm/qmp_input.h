/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QMP's input commands keep between calls. */
#ifndef DM_QMP_INPUT_H
#define DM_QMP_INPUT_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

struct vm;

/* Arguments "device" and "head" of screendump and input-send-event: there is one display, with one head. */
bool qmp_check_display(struct vm *vm, JsonObject *args, GError **error);

/* Typing ends; before the machine goes away. */
void qmp_input_close(struct vm *vm);

#endif
