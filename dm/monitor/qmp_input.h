/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QMP's input commands share, and keep between calls. */
#ifndef DM_QMP_INPUT_H
#define DM_QMP_INPUT_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Arguments "device" and "head" of screendump and input-send-event: there is one display, with one head. */
bool qmp_check_display(struct vm *vm, JsonObject *args, GError **error);

/* QAPI's KeyValue: {"type": "qcode", "data": "ctrl"} or {"type": "number", "data": 29}. 0: error. */
unsigned qmp_parse_key(JsonNode *node, GError **error);

/* One key goes down or up, then nothing for a while: an element (struct typist_event) for qmp_press_keys(). */
void qmp_add_key(GArray *events, unsigned key, bool down, uint64_t then_ms, uint32_t number);

/* Presses them when those before have been pressed, even if the guest does not read. Takes the array. */
bool qmp_press_keys(struct vm *vm, GArray *events, GError **error);

/* Typing ends; before the machine goes away. */
void qmp_input_close(struct vm *vm);

#endif
