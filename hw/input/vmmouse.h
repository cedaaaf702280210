/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's absolute pointer: where the pointer is on the screen, rather than how it moved. It knows commands
 * and words, nothing of ports and registers (vmport.h has those).
 * No data sheet is public. Source: what drivers do with it: Linux drivers/input/mouse/vmmouse.c, the client
 * library in X.Org's xf86-input-vmmouse, Debian's QEMU as a device to try.
 *
 *   OFF --enable--> ON --request absolute--> ABSOLUTE <--request--> RELATIVE --request relative-- ON
 *   any --disable, or a read of words that are not there--> OFF           any --enable--> ON
 *
 * Enabling empties the queue and puts the version word there, by which a driver knows the device. In ABSOLUTE
 * and RELATIVE what the pointer does is queued as packets of four words:
 *
 *   flags and buttons    x    y    wheel, towards the user
 *
 * x and y are 0 .. VMMOUSE_MAX from the left and the top edge; with VMMOUSE_FLAG_RELATIVE they are steps to the
 * right and up (a driver takes both kinds in either state). Queued packets do not reach the guest by
 * themselves: the PS/2 mouse is to send something (i8042_mouse_wake()).
 *
 * A guest that does not read fills the queue and no more: movement takes half of it, then only the newest place
 * and the sum of steps wait, and the other half is left for changes of buttons. One that finds no room at all is
 * counted as dropped; the buttons that are held then are told when there is room.
 */
#ifndef HW_INPUT_VMMOUSE_H
#define HW_INPUT_VMMOUSE_H

#include "hw/device.h"

#define VMMOUSE_WORDS 1024 /* 256 packets */
#define VMMOUSE_PACKET_WORDS 4
#define VMMOUSE_READ_MAX 6 /* words that a read may ask for: as many as there are registers */
#define VMMOUSE_MAX 0xffff
#define VMMOUSE_MOVE_MAX (1 << 20) /* of steps that add up, in each direction */
#define VMMOUSE_VERSION 0x3442554au
#define VMMOUSE_ERROR 0xffff0000u /* status: not enabled, or out of step */

enum {
    VMMOUSE_BUTTON_MIDDLE = 0x08,
    VMMOUSE_BUTTON_RIGHT = 0x10,
    VMMOUSE_BUTTON_LEFT = 0x20,
    VMMOUSE_FLAG_RELATIVE = 0x00010000,
};

enum vmmouse_state { VMMOUSE_OFF, VMMOUSE_ON, VMMOUSE_ABSOLUTE, VMMOUSE_RELATIVE, VMMOUSE_STATES };
extern const char *const vmmouse_state_names[VMMOUSE_STATES];

struct vmmouse {
    uint32_t words[VMMOUSE_WORDS];
    uint16_t head;  /* index of the oldest word */
    uint16_t count; /* words in the queue */
    uint8_t state;  /* enum vmmouse_state */
    uint8_t buttons; /* VMMOUSE_BUTTON_* held */
    uint8_t told;    /* as the last packet said */
    bool placed;     /* x and y are not yet queued */
    uint16_t x, y;
    int64_t dx, dy, dz; /* not yet queued: right, up, towards the user */
    uint64_t dropped;   /* changes of buttons */
};

#define VMMOUSE_MOVE_FIELD(s, member)                                                              \
    {.name = #member, .type = FIELD_I64, .offset = offsetof(s, member), .count = 1,                \
     .min = (uint64_t)-VMMOUSE_MOVE_MAX, .max = VMMOUSE_MOVE_MAX}

#define VMMOUSE_FIELDS(s, mouse)                                                                   \
    DEV_FIELD_ARRAY(s, U32, mouse.words, 0, 0),                                                    \
    DEV_FIELD(s, U16, mouse.head, 0, VMMOUSE_WORDS - 1),                                           \
    DEV_FIELD(s, U16, mouse.count, 0, VMMOUSE_WORDS),                                              \
    DEV_FIELD_ENUM(s, U8, mouse.state, VMMOUSE_OFF, vmmouse_state_names),                          \
    DEV_FIELD(s, U8, mouse.buttons, 0, 0x38),                                                      \
    DEV_FIELD(s, U8, mouse.told, 0, 0x38),                                                         \
    DEV_FIELD(s, BOOL, mouse.placed, 0, 1),                                                        \
    DEV_FIELD(s, U16, mouse.x, 0, 0),                                                              \
    DEV_FIELD(s, U16, mouse.y, 0, 0),                                                              \
    VMMOUSE_MOVE_FIELD(s, mouse.dx),                                                               \
    VMMOUSE_MOVE_FIELD(s, mouse.dy),                                                               \
    VMMOUSE_MOVE_FIELD(s, mouse.dz),                                                               \
    DEV_FIELD(s, U64, mouse.dropped, 0, 0)

/* ---- the guest's side ---- */

/* ABSPOINTER_STATUS: words in the queue, or VMMOUSE_ERROR. */
uint32_t vmmouse_status(const struct vmmouse *m);

/* ABSPOINTER_COMMAND; false: there is no such command, nothing changes. */
bool vmmouse_command(struct vmmouse *m, uint32_t command);

/* ABSPOINTER_DATA: takes `count` words. False: there are not as many, or more than VMMOUSE_READ_MAX; it is off. */
bool vmmouse_read(struct vmmouse *m, uint32_t count, uint32_t words[VMMOUSE_READ_MAX]);

/* ---- the person's side; false: the guest does not use the device, nothing is done ---- */

/* Buttons as PS2_BUTTON_* of ps2_mouse.h; the side buttons do not exist here. dz: towards the user. */
bool vmmouse_point(struct vmmouse *m, uint16_t x, uint16_t y, int dz, unsigned buttons); /* ABSOLUTE only */
bool vmmouse_move(struct vmmouse *m, int dx, int dy, int dz, unsigned buttons); /* right, down */

#endif
