/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presses keys for those who type by command: one job after the other, and in a job the next key
 * only when the guest has read the last, so that none is lost. Main loop's thread.
 */
#ifndef UI_TYPIST_H
#define UI_TYPIST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define TYPIST_MAX_JOBS   64
#define TYPIST_MAX_EVENTS (2u * 1024 * 1024) /* in all jobs together */

struct typist_keyboard {
    bool (*ready)(void *opaque); /* the guest has read everything */
    void (*key)(void *opaque, unsigned key, bool down);
    void *opaque;
};

struct typist_event {
    uint32_t then_ms; /* how long to wait after it */
    uint32_t number;  /* the caller's, for progress: must not go down */
    uint8_t key;
    bool down;
};

enum typist_end {
    TYPIST_DONE,      /* and read by the guest */
    TYPIST_CANCELLED,
    TYPIST_NOT_READ,  /* the guest left a key unread for longer than patience_ms */
};

struct typist_job {
    GArray *events;      /* struct typist_event; the typist's from typist_add() on */
    uint32_t patience_ms;
    bool insist;         /* when patience is out: press nevertheless, as a person would */
    /* All optional. `number` of the event that was just pressed, when it is another. */
    void (*progress)(void *opaque, uint32_t number);
    void (*end)(void *opaque, enum typist_end end, uint32_t number);
    void *opaque;
};

struct typist;

struct typist *typist_new(const struct typist_keyboard *keyboard);
void typist_free(struct typist *t); /* jobs end without a call */

/* Takes the job (copied) and begins, at once if nothing is before it. False: too much waits already. */
bool typist_add(struct typist *t, const struct typist_job *job);

/* Ends all jobs (or, with opaque, that of its owner), with keys released. Returns how many. */
unsigned typist_cancel(struct typist *t, const void *opaque);

#endif
