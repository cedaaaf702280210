/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mouse on the PS/2 cable: standard, with wheel (IntelliMouse, id 3) or with wheel and five
 * buttons (IntelliMouse Explorer, id 4). It knows bytes to and from its controller, nothing of
 * ports and interrupts.
 * IBM Personal System/2 Hardware Interface Technical Reference, "Mouse"; Microsoft "Wheel support
 * in PS/2 mouse devices" for the rate sequences 200, 100, 80 and 200, 200, 80.
 *
 *   IDLE --E8--> RESOLUTION --00..03--> IDLE       IDLE --F3--> RATE --a rate--> IDLE
 *   IDLE --EE--> WRAP (echoes all but EC, FF) --EC--> IDLE, --FF--> IDLE
 *   a command byte (E6 .. FF) in place of a parameter is taken as the command; what fits nowhere is
 *   answered with FE, a second time in a row with FC, and changes nothing.
 *
 * A byte from the host ends whatever the mouse was sending, so no reply falls into a packet.
 * Movement that the host does not fetch adds up (and is sent later in as many packets as it needs);
 * changes of buttons are queued, up to PS2_MOUSE_PACKET_BYTES, then counted as dropped.
 */
#ifndef HW_INPUT_PS2_MOUSE_H
#define HW_INPUT_PS2_MOUSE_H

#include "hw/device.h"
#include "hw/input/ps2_queue.h"

#define PS2_MOUSE_PACKET_BYTES 64
#define PS2_MOUSE_MOVE_MAX (1 << 20) /* of what adds up, in each direction */

enum ps2_mouse_state { MOUSE_IDLE, MOUSE_RESOLUTION, MOUSE_RATE, MOUSE_WRAP, MOUSE_STATES };
extern const char *const ps2_mouse_state_names[MOUSE_STATES];

/* How far the host has come with a rate sequence that makes the mouse another type. */
enum ps2_mouse_knock { KNOCK_NONE, KNOCK_200, KNOCK_200_100, KNOCK_200_200, KNOCK_STATES };

enum ps2_mouse_type { MOUSE_STANDARD = 0, MOUSE_WHEEL = 3, MOUSE_EXPLORER = 4 };

enum {
    PS2_BUTTON_LEFT = 1,
    PS2_BUTTON_RIGHT = 2,
    PS2_BUTTON_MIDDLE = 4,
    PS2_BUTTON_SIDE = 8,
    PS2_BUTTON_EXTRA = 16,
    PS2_BUTTONS_MORE = PS2_BUTTON_SIDE | PS2_BUTTON_EXTRA,
    PS2_BUTTONS = 31,
    PS2_BUTTONS_UNKNOWN = 0xff, /* what the host knows, after a packet was broken off */
};

struct ps2_mouse {
    struct ps2_queue packets;
    struct ps2_queue reply; /* to the last byte from the host */
    uint8_t state;          /* enum ps2_mouse_state */
    uint8_t type;           /* enum ps2_mouse_type */
    uint8_t knock;          /* enum ps2_mouse_knock */
    bool remote;            /* sends only when asked (EB) */
    bool reporting;
    bool scaling;       /* 2:1 */
    uint8_t resolution; /* 0 .. 3: 1, 2, 4, 8 counts per millimetre; reported back only */
    uint8_t rate;       /* samples a second; reported back only: packets go when there is cause */
    bool refused;       /* the last byte was answered with FE */
    uint8_t buttons;    /* PS2_BUTTON_* held */
    uint8_t told;       /* as the last packet said */
    int64_t dx, dy, dz; /* not yet reported: right, up, towards the user */
    uint8_t last[4];    /* what FE sends again */
    uint8_t last_count;
    uint64_t dropped; /* changes of buttons that found the queue full */
};

#define PS2_MOUSE_MOVE_FIELD(s, member)                                                            \
    {.name = #member, .type = FIELD_I64, .offset = offsetof(s, member), .count = 1,                \
     .min = (uint64_t)-PS2_MOUSE_MOVE_MAX, .max = PS2_MOUSE_MOVE_MAX}

#define PS2_MOUSE_FIELDS(s, mouse)                                                                 \
    PS2_QUEUE_FIELDS(s, mouse.packets),                                                            \
    PS2_QUEUE_FIELDS(s, mouse.reply),                                                              \
    DEV_FIELD_ENUM(s, U8, mouse.state, MOUSE_IDLE, ps2_mouse_state_names),                         \
    DEV_FIELD(s, U8, mouse.type, MOUSE_STANDARD, MOUSE_EXPLORER),                                  \
    DEV_FIELD(s, U8, mouse.knock, KNOCK_NONE, KNOCK_STATES - 1),                                   \
    DEV_FIELD(s, BOOL, mouse.remote, 0, 1),                                                        \
    DEV_FIELD(s, BOOL, mouse.reporting, 0, 1),                                                     \
    DEV_FIELD(s, BOOL, mouse.scaling, 0, 1),                                                       \
    DEV_FIELD(s, U8, mouse.resolution, PS2_MOUSE_RESOLUTION_DEFAULT, 3),                           \
    DEV_FIELD(s, U8, mouse.rate, PS2_MOUSE_RATE_DEFAULT, 200),                                     \
    DEV_FIELD(s, BOOL, mouse.refused, 0, 1),                                                       \
    DEV_FIELD(s, U8, mouse.buttons, 0, PS2_BUTTONS),                                               \
    DEV_FIELD(s, U8, mouse.told, 0, 0),                                                            \
    PS2_MOUSE_MOVE_FIELD(s, mouse.dx),                                                             \
    PS2_MOUSE_MOVE_FIELD(s, mouse.dy),                                                             \
    PS2_MOUSE_MOVE_FIELD(s, mouse.dz),                                                             \
    DEV_FIELD_BYTES(s, mouse.last),                                                                \
    DEV_FIELD(s, U8, mouse.last_count, 0, sizeof(((s *)0)->mouse.last)),                           \
    DEV_FIELD(s, U64, mouse.dropped, 0, 0)

#define PS2_MOUSE_RESOLUTION_DEFAULT 2
#define PS2_MOUSE_RATE_DEFAULT 100

/* After the fields have their reset values: the self-test result as what was last sent. */
void ps2_mouse_power_on(struct ps2_mouse *mouse);

/* After a load: NULL, or what does not fit together. */
const char *ps2_mouse_check(const struct ps2_mouse *mouse);

/* A byte from the host. NULL, or what was wrong with it (it has been answered then). */
const char *ps2_mouse_write(struct ps2_mouse *mouse, uint8_t byte);

/* The next byte to the host, as on the cable; false if there is none. */
bool ps2_mouse_send(struct ps2_mouse *mouse, uint8_t *byte);

/*
 * Makes a mouse that reports send a packet: for a driver that then looks elsewhere (vmmouse.h). A step to the
 * right, since a packet without movement is kept by systems that parse it first (Linux's mousedev).
 */
void ps2_mouse_wake(struct ps2_mouse *mouse);

/* Movement since the last call (right, down, wheel towards the user) and PS2_BUTTON_* held. */
void ps2_mouse_move(struct ps2_mouse *mouse, int dx, int dy, int dz, unsigned buttons);

#endif
