/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/ps2_mouse.h"

#include <string.h>

enum {
    REPLY_ACK = 0xfa,
    REPLY_RESEND = 0xfe,
    REPLY_ERROR = 0xfc,
    REPLY_BAT_OK = 0xaa,
    COMMAND_FIRST = 0xe6, /* no parameter is as large */
    COMMAND_WRAP_END = 0xec,
    COMMAND_RESET = 0xff,
    REPLY_BYTES = 8,
};

const char *const ps2_mouse_state_names[MOUSE_STATES] = {
    [MOUSE_IDLE] = "idle",
    [MOUSE_RESOLUTION] = "resolution",
    [MOUSE_RATE] = "rate",
    [MOUSE_WRAP] = "wrap",
};

/* The one place where the state changes. */
static void enter(struct ps2_mouse *m, enum ps2_mouse_state state)
{
    m->state = state;
}

static void reply(struct ps2_mouse *m, uint8_t byte)
{
    ps2_queue_push(&m->reply, byte, REPLY_BYTES);
}

/* Data after an acknowledgement; it is what "resend" sends again. */
static void reply_data(struct ps2_mouse *m, const uint8_t *data, unsigned count)
{
    m->last_count = (uint8_t)count;
    memcpy(m->last, data, count);
    for (unsigned i = 0; i < count; i++)
        reply(m, data[i]);
}

void ps2_mouse_power_on(struct ps2_mouse *m)
{
    m->last[0] = REPLY_BAT_OK;
    m->last_count = 2;
}

const char *ps2_mouse_check(const struct ps2_mouse *m)
{
    if (m->type != MOUSE_STANDARD && m->type != MOUSE_WHEEL && m->type != MOUSE_EXPLORER)
        return "no such type of mouse";
    return NULL;
}

/* ---- packets ---- */

static int clamp(int64_t value, int low, int high)
{
    return value < low ? low : value > high ? high : (int)value;
}

/* Takes what one packet can carry out of a sum. */
static int take(int64_t *sum, int low, int high)
{
    int part = clamp(*sum, low, high);

    *sum -= part;
    return part;
}

/* Scaling 2:1, for stream mode: small movements are damped, others doubled. */
static int scaled(int d)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    int size = d < 0 ? -d : d;
    int out = size < (int)sizeof(small) ? small[size] : 2 * size;

    return d < 0 ? -out : out;
}

static unsigned packet_bytes(const struct ps2_mouse *m)
{
    return m->type == MOUSE_STANDARD ? 3 : 4;
}

/* Fills in the next packet from what has added up. */
static void make_packet(struct ps2_mouse *m, uint8_t packet[4])
{
    bool scale = m->scaling && !m->remote;
    int max = scale ? 127 : 255;
    int dx = take(&m->dx, -max, max), dy = take(&m->dy, -max, max);
    int dz = m->type == MOUSE_STANDARD ? 0 : take(&m->dz, -8, 7);

    if (scale) {
        dx = scaled(dx);
        dy = scaled(dy);
    }
    packet[0] = (uint8_t)(0x08 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
    packet[1] = (uint8_t)dx;
    packet[2] = (uint8_t)dy;
    packet[3] = (uint8_t)dz;
    if (m->type == MOUSE_EXPLORER)
        packet[3] = (uint8_t)((dz & 0x0f) | (m->buttons & PS2_BUTTONS_MORE) << 1);
    m->told = m->buttons;
}

static bool is_streaming(const struct ps2_mouse *m)
{
    return m->reporting && !m->remote && m->state != MOUSE_WRAP;
}

/* Sends a packet if there is cause: movement with nothing under way, or another button. */
static void stream(struct ps2_mouse *m)
{
    bool moved = m->dx || m->dy || (m->dz && m->type != MOUSE_STANDARD);
    bool clicked = m->buttons != m->told;
    uint8_t packet[4];

    if (!is_streaming(m) || !(clicked || (moved && !m->packets.count)))
        return;
    if (ps2_queue_room(&m->packets, PS2_MOUSE_PACKET_BYTES) < packet_bytes(m)) {
        m->dropped++;
        return;
    }
    make_packet(m, packet);
    for (unsigned i = 0; i < packet_bytes(m); i++)
        ps2_queue_push(&m->packets, packet[i], PS2_MOUSE_PACKET_BYTES);
    m->last_count = (uint8_t)packet_bytes(m);
    memcpy(m->last, packet, sizeof(m->last));
}

static void forget_movement(struct ps2_mouse *m)
{
    m->dx = m->dy = m->dz = 0;
}

/* ---- commands ---- */

static void defaults(struct ps2_mouse *m)
{
    forget_movement(m);
    m->remote = false;
    m->reporting = false;
    m->scaling = false;
    m->resolution = PS2_MOUSE_RESOLUTION_DEFAULT;
    m->rate = PS2_MOUSE_RATE_DEFAULT;
    m->knock = KNOCK_NONE;
}

static void cmd_ack(struct ps2_mouse *m)
{
    reply(m, REPLY_ACK);
}

static void cmd_scaling_off(struct ps2_mouse *m)
{
    m->scaling = false;
    reply(m, REPLY_ACK);
}

static void cmd_scaling_on(struct ps2_mouse *m)
{
    m->scaling = true;
    reply(m, REPLY_ACK);
}

static void cmd_status(struct ps2_mouse *m)
{
    unsigned buttons = (m->buttons & PS2_BUTTON_LEFT ? 4 : 0) |
                       (m->buttons & PS2_BUTTON_MIDDLE ? 2 : 0) |
                       (m->buttons & PS2_BUTTON_RIGHT ? 1 : 0);
    uint8_t status[3] = {
        (uint8_t)(buttons | (unsigned)m->scaling << 4 | (unsigned)m->reporting << 5 |
                  (unsigned)m->remote << 6),
        m->resolution,
        m->rate,
    };

    reply(m, REPLY_ACK);
    reply_data(m, status, sizeof(status));
}

static void cmd_stream(struct ps2_mouse *m)
{
    forget_movement(m);
    m->remote = false;
    reply(m, REPLY_ACK);
}

static void cmd_remote(struct ps2_mouse *m)
{
    forget_movement(m);
    m->remote = true;
    reply(m, REPLY_ACK);
}

static void cmd_read(struct ps2_mouse *m)
{
    uint8_t packet[4];

    make_packet(m, packet);
    reply(m, REPLY_ACK);
    reply_data(m, packet, packet_bytes(m));
}

static void cmd_wrap(struct ps2_mouse *m)
{
    forget_movement(m);
    reply(m, REPLY_ACK);
}

static void cmd_identify(struct ps2_mouse *m)
{
    reply(m, REPLY_ACK);
    reply_data(m, &m->type, 1);
}

static void cmd_enable(struct ps2_mouse *m)
{
    forget_movement(m);
    m->reporting = true;
    m->told = m->buttons;
    reply(m, REPLY_ACK);
}

static void cmd_disable(struct ps2_mouse *m)
{
    forget_movement(m);
    m->reporting = false;
    reply(m, REPLY_ACK);
}

static void cmd_defaults(struct ps2_mouse *m)
{
    defaults(m);
    reply(m, REPLY_ACK);
}

static void cmd_resend(struct ps2_mouse *m)
{
    for (unsigned i = 0; i < m->last_count; i++)
        reply(m, m->last[i]);
}

static void cmd_reset(struct ps2_mouse *m)
{
    static const uint8_t passed[2] = {REPLY_BAT_OK, 0x00};

    defaults(m);
    m->type = MOUSE_STANDARD;
    reply(m, REPLY_ACK);
    reply_data(m, passed, sizeof(passed));
}

struct mouse_command {
    const char *name;
    void (*run)(struct ps2_mouse *m);
    enum ps2_mouse_state next;
};

/* By opcode, from COMMAND_FIRST on. No `run`: there is no such command. */
static const struct mouse_command commands[0x100 - COMMAND_FIRST] = {
    [0xe6 - COMMAND_FIRST] = {"scaling 1:1", cmd_scaling_off, MOUSE_IDLE},
    [0xe7 - COMMAND_FIRST] = {"scaling 2:1", cmd_scaling_on, MOUSE_IDLE},
    [0xe8 - COMMAND_FIRST] = {"set resolution", cmd_ack, MOUSE_RESOLUTION},
    [0xe9 - COMMAND_FIRST] = {"status request", cmd_status, MOUSE_IDLE},
    [0xea - COMMAND_FIRST] = {"stream mode", cmd_stream, MOUSE_IDLE},
    [0xeb - COMMAND_FIRST] = {"read data", cmd_read, MOUSE_IDLE},
    [0xec - COMMAND_FIRST] = {"reset wrap mode", cmd_ack, MOUSE_IDLE},
    [0xee - COMMAND_FIRST] = {"wrap mode", cmd_wrap, MOUSE_WRAP},
    [0xf0 - COMMAND_FIRST] = {"remote mode", cmd_remote, MOUSE_IDLE},
    [0xf2 - COMMAND_FIRST] = {"identify", cmd_identify, MOUSE_IDLE},
    [0xf3 - COMMAND_FIRST] = {"set sample rate", cmd_ack, MOUSE_RATE},
    [0xf4 - COMMAND_FIRST] = {"enable", cmd_enable, MOUSE_IDLE},
    [0xf5 - COMMAND_FIRST] = {"disable", cmd_disable, MOUSE_IDLE},
    [0xf6 - COMMAND_FIRST] = {"set default", cmd_defaults, MOUSE_IDLE},
    [0xfe - COMMAND_FIRST] = {"resend", cmd_resend, MOUSE_IDLE},
    [0xff - COMMAND_FIRST] = {"reset", cmd_reset, MOUSE_IDLE},
};

/* ---- parameters; false: not one ---- */

static bool param_resolution(struct ps2_mouse *m, uint8_t byte)
{
    if (byte > 3)
        return false;
    m->resolution = byte;
    reply(m, REPLY_ACK);
    enter(m, MOUSE_IDLE);
    return true;
}

static enum ps2_mouse_knock next_knock(enum ps2_mouse_knock knock, uint8_t rate)
{
    if (rate == 200)
        return knock == KNOCK_NONE || knock == KNOCK_200_100 ? KNOCK_200 : KNOCK_200_200;
    if (rate == 100 && (knock == KNOCK_200 || knock == KNOCK_200_200))
        return KNOCK_200_100;
    return KNOCK_NONE;
}

static bool param_rate(struct ps2_mouse *m, uint8_t byte)
{
    static const uint8_t rates[] = {10, 20, 40, 60, 80, 100, 200};

    if (!memchr(rates, byte, sizeof(rates)))
        return false;
    if (byte == 80 && m->knock == KNOCK_200_100)
        m->type = MOUSE_WHEEL;
    if (byte == 80 && m->knock == KNOCK_200_200)
        m->type = MOUSE_EXPLORER;
    m->knock = next_knock(m->knock, byte);
    m->rate = byte;
    reply(m, REPLY_ACK);
    enter(m, MOUSE_IDLE);
    return true;
}

/* Everything but the two commands that end the mode comes back as it is. */
static bool param_wrap(struct ps2_mouse *m, uint8_t byte)
{
    reply(m, byte);
    return true;
}

/* NULL: in this state no parameter is awaited. */
static bool (*const params[MOUSE_STATES])(struct ps2_mouse *m, uint8_t byte) = {
    [MOUSE_RESOLUTION] = param_resolution,
    [MOUSE_RATE] = param_rate,
    [MOUSE_WRAP] = param_wrap,
};

static bool is_command(const struct ps2_mouse *m, uint8_t byte)
{
    if (m->state == MOUSE_WRAP)
        return byte == COMMAND_WRAP_END || byte == COMMAND_RESET;
    return byte >= COMMAND_FIRST;
}

static bool run_command(struct ps2_mouse *m, uint8_t byte)
{
    const struct mouse_command *command = &commands[byte - COMMAND_FIRST];

    if (!command->run)
        return false;
    enter(m, command->next);
    command->run(m);
    return true;
}

const char *ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
    bool known = false;

    ps2_queue_clear(&m->reply);
    if (m->packets.count)
        m->told = PS2_BUTTONS_UNKNOWN; /* so that the buttons are reported again */
    ps2_queue_clear(&m->packets);
    if (is_command(m, byte))
        known = run_command(m, byte);
    else if (params[m->state])
        known = params[m->state](m, byte);
    if (known) {
        m->refused = false;
        return NULL;
    }
    reply(m, m->refused ? REPLY_ERROR : REPLY_RESEND);
    m->refused = !m->refused;
    return NULL; /* no mistake: drivers ask so for mice of other makers (Linux: TrackPoint, ALPS, ...) */
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    const int max = PS2_MOUSE_MOVE_MAX;

    m->dx = clamp(m->dx + dx, -max, max);
    m->dy = clamp(m->dy - dy, -max, max);
    m->dz = clamp(m->dz + dz, -max, max);
    m->buttons = buttons & PS2_BUTTONS;
    if (m->type == MOUSE_STANDARD)
        m->dz = 0;
    if (!is_streaming(m) && !m->remote)
        forget_movement(m);
    stream(m);
}

void ps2_mouse_wake(struct ps2_mouse *m)
{
    ps2_mouse_move(m, 1, 0, 0, 0);
}

bool ps2_mouse_send(struct ps2_mouse *m, uint8_t *byte)
{
    if (ps2_queue_pop(&m->reply, byte))
        return true;
    if (!m->packets.count)
        stream(m);
    return ps2_queue_pop(&m->packets, byte);
}
