/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/vmmouse.h"

#include "hw/input/ps2_mouse.h"

const char *const vmmouse_state_names[VMMOUSE_STATES] = {
    [VMMOUSE_OFF] = "off",
    [VMMOUSE_ON] = "on",
    [VMMOUSE_ABSOLUTE] = "absolute",
    [VMMOUSE_RELATIVE] = "relative",
};

/* The one place where the state changes. */
static void enter(struct vmmouse *m, enum vmmouse_state state)
{
    m->state = state;
}

static bool is_reporting(const struct vmmouse *m)
{
    return m->state == VMMOUSE_ABSOLUTE || m->state == VMMOUSE_RELATIVE;
}

/* ---- the queue ---- */

static void push(struct vmmouse *m, uint32_t word)
{
    m->words[(m->head + m->count) % VMMOUSE_WORDS] = word;
    m->count++;
}

static uint32_t pop(struct vmmouse *m)
{
    uint32_t word = m->words[m->head % VMMOUSE_WORDS];

    m->head = (uint16_t)((m->head + 1) % VMMOUSE_WORDS);
    m->count--;
    return word;
}

/* What was not read is forgotten, and so is what was not queued. */
static void clear(struct vmmouse *m)
{
    m->head = m->count = 0;
    m->placed = false;
    m->dx = m->dy = m->dz = 0;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static bool has_room(const struct vmmouse *m, unsigned limit)
{
    return m->count + (unsigned)VMMOUSE_PACKET_WORDS <= limit;
}

/* The wheel's word is a signed byte to some drivers. */
static uint32_t take_wheel(struct vmmouse *m)
{
    int64_t dz = clamp(m->dz, -128, 127);

    m->dz -= dz;
    return (uint32_t)dz;
}

static void push_place(struct vmmouse *m)
{
    push(m, m->buttons);
    push(m, m->x);
    push(m, m->y);
    push(m, take_wheel(m));
    m->placed = false;
    m->told = m->buttons;
}

static void push_steps(struct vmmouse *m)
{
    push(m, VMMOUSE_FLAG_RELATIVE | m->buttons);
    push(m, (uint32_t)m->dx);
    push(m, (uint32_t)m->dy);
    push(m, take_wheel(m));
    m->dx = m->dy = 0;
    m->told = m->buttons;
}

/* Queues what there is to tell, as far as there is room. */
static void settle(struct vmmouse *m)
{
    while (is_reporting(m)) {
        bool clicked = m->buttons != m->told, moved = m->dx || m->dy;
        unsigned limit = clicked ? VMMOUSE_WORDS : VMMOUSE_WORDS / 2;

        if (!(m->placed || moved || m->dz || clicked) || !has_room(m, limit))
            return;
        if (m->placed)
            push_place(m);
        else
            push_steps(m);
    }
}

/* ---- the guest's side ---- */

uint32_t vmmouse_status(const struct vmmouse *m)
{
    return m->state == VMMOUSE_OFF ? VMMOUSE_ERROR : m->count;
}

static void cmd_enable(struct vmmouse *m)
{
    clear(m);
    push(m, VMMOUSE_VERSION);
    enter(m, VMMOUSE_ON);
}

static void cmd_disable(struct vmmouse *m)
{
    clear(m);
    enter(m, VMMOUSE_OFF);
}

/* No buttons are down for a guest that begins to listen: what is held is told with what comes next. */
static void request(struct vmmouse *m, enum vmmouse_state state)
{
    if (m->state == VMMOUSE_OFF)
        return;
    if (!is_reporting(m))
        m->buttons = m->told = 0;
    enter(m, state);
}

static void cmd_request_absolute(struct vmmouse *m)
{
    request(m, VMMOUSE_ABSOLUTE);
}

static void cmd_request_relative(struct vmmouse *m)
{
    request(m, VMMOUSE_RELATIVE);
}

/* The codes are letters: "READ", "RREL", "RABS", the lowest byte first. */
static const struct {
    uint32_t code;
    void (*run)(struct vmmouse *m);
    const char *name;
} commands[] = {
    {0x45414552, cmd_enable, "enable"},
    {0x000000f5, cmd_disable, "disable"},
    {0x4c455252, cmd_request_relative, "request relative"},
    {0x53424152, cmd_request_absolute, "request absolute"},
};

bool vmmouse_command(struct vmmouse *m, uint32_t command)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].code != command)
            continue;
        commands[i].run(m);
        return true;
    }
    return false;
}

bool vmmouse_read(struct vmmouse *m, uint32_t count, uint32_t words[VMMOUSE_READ_MAX])
{
    if (m->state == VMMOUSE_OFF || !count || count > VMMOUSE_READ_MAX || count > m->count) {
        cmd_disable(m);
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        words[i] = pop(m);
    settle(m);
    return true;
}

/* ---- the person's side ---- */

static void press(struct vmmouse *m, unsigned buttons)
{
    uint8_t now = (uint8_t)((buttons & PS2_BUTTON_LEFT ? VMMOUSE_BUTTON_LEFT : 0) |
                            (buttons & PS2_BUTTON_RIGHT ? VMMOUSE_BUTTON_RIGHT : 0) |
                            (buttons & PS2_BUTTON_MIDDLE ? VMMOUSE_BUTTON_MIDDLE : 0));

    if (now != m->buttons && !has_room(m, VMMOUSE_WORDS))
        m->dropped++;
    m->buttons = now;
}

bool vmmouse_point(struct vmmouse *m, uint16_t x, uint16_t y, int dz, unsigned buttons)
{
    if (m->state != VMMOUSE_ABSOLUTE)
        return false;
    m->placed = true;
    m->x = x;
    m->y = y;
    m->dx = m->dy = 0; /* steps that wait lead to nowhere now */
    m->dz = clamp(m->dz + dz, -VMMOUSE_MOVE_MAX, VMMOUSE_MOVE_MAX);
    press(m, buttons);
    settle(m);
    return true;
}

bool vmmouse_move(struct vmmouse *m, int dx, int dy, int dz, unsigned buttons)
{
    const int64_t max = VMMOUSE_MOVE_MAX;

    if (!is_reporting(m))
        return false;
    m->dx = clamp(m->dx + dx, -max, max);
    m->dy = clamp(m->dy - dy, -max, max);
    m->dz = clamp(m->dz + dz, -max, max);
    press(m, buttons);
    settle(m);
    return true;
}
