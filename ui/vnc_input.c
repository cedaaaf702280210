/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/vnc_input.h"

#include <string.h>

#include "ui/keysym.h"

#define XT_LEFT_SHIFT  0x2a
#define XT_RIGHT_SHIFT 0x36
#define LED_CAPS       4
#define MOVE_MAX       65536 /* of what joins; the screen is smaller */

void input_init(struct vnc_input *in, const struct vnc_hooks *hooks)
{
    memset(in, 0, sizeof(*in));
    pthread_mutex_init(&in->lock, NULL);
    in->hooks = hooks;
}

void input_clear(struct vnc_input *in)
{
    pthread_mutex_destroy(&in->lock);
}

/* ---- the queue ---- */

static bool in_reach(int32_t a, int32_t b)
{
    return a + b > -MOVE_MAX && a + b < MOVE_MAX;
}

static bool joins(const struct input_event *last, const struct input_event *event)
{
    return last->kind == INPUT_POINTER && event->kind == INPUT_POINTER &&
           last->buttons == event->buttons && last->viewer == event->viewer &&
           in_reach(last->dx, event->dx) && in_reach(last->dy, event->dy) &&
           in_reach(last->dz, event->dz);
}

void input_push(struct vnc_input *in, const struct input_event *event)
{
    bool press = event->kind == INPUT_POINTER || (event->kind != INPUT_GONE && event->down);
    unsigned limit = press ? INPUT_EVENTS - INPUT_RESERVED : INPUT_EVENTS;
    struct input_event *last;

    pthread_mutex_lock(&in->lock);
    last = &in->events[(in->first + in->count + INPUT_EVENTS - 1) % INPUT_EVENTS];
    if (in->count && joins(last, event)) {
        last->dx += event->dx;
        last->dy += event->dy;
        last->dz += event->dz;
    } else if (in->count < limit) {
        in->events[(in->first + in->count++) % INPUT_EVENTS] = *event;
    } else if (event->kind != INPUT_POINTER) {
        in->lost = true;
    }
    pthread_mutex_unlock(&in->lock);
}

static bool pop(struct vnc_input *in, struct input_event *event)
{
    bool any;

    pthread_mutex_lock(&in->lock);
    any = in->count > 0;
    if (any) {
        *event = in->events[in->first];
        in->first = (in->first + 1) % INPUT_EVENTS;
        in->count--;
    }
    pthread_mutex_unlock(&in->lock);
    return any;
}

static bool take_lost(struct vnc_input *in)
{
    bool lost;

    pthread_mutex_lock(&in->lock);
    lost = in->lost && !in->count;
    if (lost)
        in->lost = false;
    pthread_mutex_unlock(&in->lock);
    return lost;
}

/* ---- to the machine ---- */

static void add_step(struct vnc_input *in, unsigned xt, bool down)
{
    if (in->step_count < INPUT_STEPS) {
        in->steps[in->step_count].xt = (uint8_t)xt;
        in->steps[in->step_count++].down = down;
    }
}

static void press_xt(struct vnc_input *in, uint32_t viewer, unsigned xt, bool down)
{
    if (xt == 0 || xt > 255 || (!down && !in->holder[xt]))
        return;
    in->holder[xt] = down ? viewer : 0;
    add_step(in, xt, down);
}

/*
 * A viewer's keyboard has another layout, or is no keyboard at all but a script that sends
 * characters: the shift that this character needs here is put around it.
 */
static void press_keysym(struct vnc_input *in, const struct input_event *e)
{
    struct keysym_key key = keysym_to_key(e->code);
    bool left = in->holder[XT_LEFT_SHIFT] != 0, right = in->holder[XT_RIGHT_SHIFT] != 0;
    bool shift = left || right, wanted = key.shift == KEYSYM_SHIFTED;

    if (key.letter && in->hooks->leds(in->hooks->opaque) & LED_CAPS)
        wanted = !wanted;
    if (!e->down || key.shift == KEYSYM_ANY || wanted == shift) {
        press_xt(in, e->viewer, key.xt, e->down);
        return;
    }
    if (wanted)
        add_step(in, XT_LEFT_SHIFT, true);
    if (!wanted && left)
        add_step(in, XT_LEFT_SHIFT, false);
    if (!wanted && right)
        add_step(in, XT_RIGHT_SHIFT, false);
    press_xt(in, e->viewer, key.xt, true);
    if (wanted)
        add_step(in, XT_LEFT_SHIFT, false);
    if (!wanted && left)
        add_step(in, XT_LEFT_SHIFT, true);
    if (!wanted && right)
        add_step(in, XT_RIGHT_SHIFT, true);
}

/* The keys that a viewer held when it went (0: all) go up; they may be more than there is room for steps. */
static void release(struct vnc_input *in, uint32_t viewer)
{
    for (unsigned xt = 1; xt < 256; xt++) {
        if (in->holder[xt] && (!viewer || in->holder[xt] == viewer)) {
            in->holder[xt] = 0;
            in->hooks->key(in->hooks->opaque, xt, false);
        }
    }
}

static void take(struct vnc_input *in, const struct input_event *e)
{
    in->step = in->step_count = 0;
    switch (e->kind) {
    case INPUT_XT: press_xt(in, e->viewer, e->code, e->down); break;
    case INPUT_KEYSYM: press_keysym(in, e); break;
    case INPUT_GONE: release(in, e->viewer); break;
    case INPUT_POINTER:
        in->hooks->mouse(in->hooks->opaque, e->dx, e->dy, e->dz, e->buttons);
        break;
    default: break;
    }
}

/* False: the guest has not read the last key, and there is time to wait for it. */
static bool may_press(struct vnc_input *in, int64_t now_us)
{
    if (in->hooks->key_ready(in->hooks->opaque)) {
        in->stuck_since_us = 0;
        return true;
    }
    if (!in->stuck_since_us)
        in->stuck_since_us = now_us;
    return now_us - in->stuck_since_us > INPUT_STUCK_MS * 1000;
}

bool input_deliver(struct vnc_input *in, int64_t now_us)
{
    struct input_event event;

    do {
        for (; in->step < in->step_count; in->step++) {
            if (!may_press(in, now_us))
                return true;
            in->hooks->key(in->hooks->opaque, in->steps[in->step].xt, in->steps[in->step].down);
        }
        if (!pop(in, &event))
            break;
        take(in, &event);
    } while (true);
    if (take_lost(in))
        release(in, 0);
    return false;
}
