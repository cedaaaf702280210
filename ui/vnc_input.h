/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and pointer on their way from the viewers' threads to the machine: a bounded queue. The
 * machine gets the next key when the guest has read the last, so that what is typed or pasted does
 * not overrun its keyboard; a guest that reads none holds up nothing for longer than INPUT_STUCK_MS.
 */
#ifndef UI_VNC_INPUT_H
#define UI_VNC_INPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ui/vnc.h"

#define INPUT_EVENTS    1024
#define INPUT_RESERVED  128 /* of them for what must not be lost: keys that go up, viewers that go */
#define INPUT_STUCK_MS  300
#define INPUT_BATCH     64  /* events that one call of input_deliver() takes */
#define INPUT_STEPS     18  /* keys that one key of a viewer can become: two strokes, each with modifiers */

enum input_kind { INPUT_XT, INPUT_KEYSYM, INPUT_POINTER, INPUT_GONE };

struct input_event {
    uint8_t kind; /* enum input_kind */
    bool down;
    uint32_t viewer; /* its number, from 1 */
    uint32_t code;   /* INPUT_XT: scan code; INPUT_KEYSYM */
    struct vnc_pointer pointer; /* INPUT_POINTER */
};

struct vnc_input { /* all zero at first, but for lock and hooks */
    pthread_mutex_t lock;
    struct input_event events[INPUT_EVENTS];
    unsigned first, count;
    bool lost; /* some key event found no room: what is down then is not known */

    /* the main loop's */
    const struct vnc_hooks *hooks;
    const struct layout *layout;
    uint32_t holder[256]; /* scan code: the viewer that holds it down, 0: up */
    struct { uint8_t xt; bool down; } steps[INPUT_STEPS];
    unsigned step, step_count;
    int64_t stuck_since_us; /* 0: the guest reads */
};

void input_init(struct vnc_input *in, const struct vnc_hooks *hooks);
void input_clear(struct vnc_input *in);

/*
 * Any thread. A movement joins the one before it; what finds no room is dropped. True: nothing waited
 * before it, so input_deliver() has to be called.
 */
bool input_push(struct vnc_input *in, const struct input_event *event);

/* Main loop: hands over what the guest can take now. True: more waits, call again in a while. */
bool input_deliver(struct vnc_input *in, int64_t now_us);

#endif
