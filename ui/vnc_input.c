/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/vnc_input.h"

#include <string.h>

#include "ui/keysym.h"

#define XT_LEFT_SHIFT  0x2a
#define XT_RIGHT_SHIFT 0x36
#define XT_ALTGR       0xb8
#define LED_CAPS       4
#define MOVE_MAX       65536 /* of what joins; the screen is smaller */

void input_init(struct vnc_input *in, const struct vnc_hooks *hooks)
{
    memset(in, 0, sizeof(*in));
    pthread_mutex_init(&in->lock, NULL);
    in->hooks = hooks;
    in->layout = layout_by_name("us");
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
    const struct vnc_pointer *a = &last->pointer, *b = &event->pointer;

    return last->kind == INPUT_POINTER && event->kind == INPUT_POINTER &&
           last->viewer == event->viewer && a->buttons == b->buttons && a->absolute == b->absolute &&
           in_reach(a->dx, b->dx) && in_reach(a->dy, b->dy) && in_reach(a->dz, b->dz);
}

/* The position is the newest; the way to it adds up. */
static void join(struct vnc_pointer *to, const struct vnc_pointer *from)
{
    to->x = from->x;
    to->y = from->y;
    to->dx += from->dx;
    to->dy += from->dy;
    to->dz += from->dz;
}

bool input_push(struct vnc_input *in, const struct input_event *event)
{
    bool press = event->kind == INPUT_POINTER || (event->kind != INPUT_GONE && event->down);
    unsigned limit = press ? INPUT_EVENTS - INPUT_RESERVED : INPUT_EVENTS;
    struct input_event *last;
    bool first;

    pthread_mutex_lock(&in->lock);
    first = in->count == 0;
    last = &in->events[(in->first + in->count + INPUT_EVENTS - 1) % INPUT_EVENTS];
    if (in->count && joins(last, event)) {
        join(&last->pointer, &event->pointer);
    } else if (in->count < limit) {
        in->events[(in->first + in->count++) % INPUT_EVENTS] = *event;
    } else if (event->kind != INPUT_POINTER) {
        in->lost = true;
    }
    pthread_mutex_unlock(&in->lock);
    return first;
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

static bool held(const struct vnc_input *in, unsigned xt)
{
    return in->holder[xt] != 0;
}

/* Takes the modifiers that are held to those that are wanted, or (undo) back. */
static void change_modifiers(struct vnc_input *in, unsigned wanted, bool undo)
{
    bool left = held(in, XT_LEFT_SHIFT), right = held(in, XT_RIGHT_SHIFT);
    bool altgr = held(in, XT_ALTGR);

    if (wanted & LAYOUT_SHIFT && !left && !right)
        add_step(in, XT_LEFT_SHIFT, !undo);
    if (!(wanted & LAYOUT_SHIFT) && left)
        add_step(in, XT_LEFT_SHIFT, undo);
    if (!(wanted & LAYOUT_SHIFT) && right)
        add_step(in, XT_RIGHT_SHIFT, undo);
    if (!!(wanted & LAYOUT_ALTGR) != altgr)
        add_step(in, XT_ALTGR, altgr == undo);
}

/*
 * A viewer's keyboard has another layout, or is no keyboard at all but a script that sends
 * characters: the modifiers that this character needs here are put around it.
 */
static void press_character(struct vnc_input *in, uint32_t viewer, const struct keysym_key *key)
{
    bool caps = key->letter && in->hooks->leds(in->hooks->opaque) & LED_CAPS;

    for (unsigned i = 0; i < key->count; i++) {
        const struct layout_stroke *s = &key->strokes[i];
        unsigned wanted = s->modifiers ^ (caps ? LAYOUT_SHIFT : 0);
        bool last = i + 1 == key->count;

        change_modifiers(in, wanted, false);
        if (last)
            press_xt(in, viewer, s->key, true);
        else
            add_step(in, s->key, true);
        change_modifiers(in, wanted, true);
        if (!last)
            add_step(in, s->key, false);
    }
}

static void press_keysym(struct vnc_input *in, const struct input_event *e)
{
    struct keysym_key key = keysym_to_key(in->layout, e->code);

    if (key.count && e->down && key.character)
        press_character(in, e->viewer, &key);
    else if (key.count)
        press_xt(in, e->viewer, key.strokes[key.count - 1].key, e->down);
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
        in->hooks->pointer(in->hooks->opaque, &e->pointer);
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

    for (unsigned n = 0; n < INPUT_BATCH; n++) {
        for (; in->step < in->step_count; in->step++) {
            if (!may_press(in, now_us))
                return true;
            in->hooks->key(in->hooks->opaque, in->steps[in->step].xt, in->steps[in->step].down);
        }
        if (!pop(in, &event)) {
            if (take_lost(in))
                release(in, 0);
            return false;
        }
        take(in, &event);
    }
    return true;
}
