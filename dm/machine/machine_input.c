/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pointer's way to that of its devices which the guest uses: the vmmouse, or the PS/2 mouse. */
#include "dm/machine/machine.h"
#include "dm/machine/machine_int.h"
#include "hw/input/i8042.h"
#include "hw/input/vmmouse.h"
#include "hw/input/vmport.h"
#include "ui/surface.h"

/* A machine without a display: a screen of some size, for the movements. */
enum { NO_SCREEN_WIDTH = 640, NO_SCREEN_HEIGHT = 480 };

static void wake(struct machine *m)
{
    device_enter(m->keyboard);
    i8042_mouse_wake(m->keyboard);
    device_leave(m->keyboard);
}

/* 0 .. MACHINE_POINTER_MAX to 0 .. VMMOUSE_MAX, ends to ends. */
static uint16_t to_vmmouse(unsigned place)
{
    return (uint16_t)(place << 1 | place >> 14);
}

static bool point_vmmouse(struct machine *m, unsigned x, unsigned y, int dz, unsigned buttons)
{
    bool taken;

    if (!m->vmmouse)
        return false;
    device_enter(m->vmmouse);
    taken = vmport_point(m->vmmouse, to_vmmouse(x), to_vmmouse(y), dz, buttons);
    device_leave(m->vmmouse);
    if (taken)
        wake(m);
    return taken;
}

static bool move_vmmouse(struct machine *m, int dx, int dy, int dz, unsigned buttons)
{
    bool taken;

    if (!m->vmmouse)
        return false;
    device_enter(m->vmmouse);
    taken = vmport_move(m->vmmouse, dx, dy, dz, buttons);
    device_leave(m->vmmouse);
    if (taken)
        wake(m);
    return taken;
}

static void move(struct machine *m, int dx, int dy, int dz, unsigned buttons)
{
    if (move_vmmouse(m, dx, dy, dz, buttons))
        return;
    device_enter(m->keyboard);
    i8042_mouse(m->keyboard, dx, dy, dz, buttons);
    device_leave(m->keyboard);
}

/* A click without movement is at the last place, as long as the guest's pointer is sure to be there. */
void machine_mouse(struct machine *m, int dx, int dy, int dz, unsigned buttons)
{
    if (dx || dy)
        m->pointer.known = false;
    if (!m->pointer.known || !point_vmmouse(m, m->pointer.x, m->pointer.y, dz, buttons))
        move(m, dx, dy, dz, buttons);
}

static void screen_size(struct machine *m, uint32_t *width, uint32_t *height)
{
    struct display_source *source = machine_display(m);

    *width = NO_SCREEN_WIDTH;
    *height = NO_SCREEN_HEIGHT;
    if (!source)
        return;
    display_enter(source);
    source->size(source->chip, width, height);
    display_leave(source);
}

static int pixel(unsigned place, uint32_t size)
{
    return (int)((uint64_t)place * (size ? size - 1 : 0) / MACHINE_POINTER_MAX);
}

void machine_pointer(struct machine *m, unsigned x, unsigned y, int dz, unsigned buttons)
{
    struct machine_pointer last = m->pointer;
    uint32_t width, height;

    x = MIN(x, MACHINE_POINTER_MAX);
    y = MIN(y, MACHINE_POINTER_MAX);
    m->pointer = (struct machine_pointer){true, x, y};
    if (point_vmmouse(m, x, y, dz, buttons))
        return;
    if (!last.known)
        last = m->pointer;
    screen_size(m, &width, &height);
    move(m, pixel(x, width) - pixel(last.x, width), pixel(y, height) - pixel(last.y, height), dz, buttons);
}

bool machine_pointer_is_absolute(struct machine *m)
{
    bool absolute;

    if (!m || !m->vmmouse)
        return false;
    device_enter(m->vmmouse);
    absolute = vmport_is_absolute(m->vmmouse);
    device_leave(m->vmmouse);
    return absolute;
}

bool machine_has_vmmouse(const struct machine *m)
{
    return m->vmmouse != NULL;
}
