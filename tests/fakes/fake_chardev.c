/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_chardev.h"

#include <stdlib.h>
#include <string.h>

#include "ioreq/iolock.h"

struct chardev {
    const char *label;
    bool connected, waiting, closed;
    const struct chardev_fe_ops *ops;
    void *opaque;
    struct iolock *lock;
    char written[FAKE_CHARDEV_BYTES + 1];
    size_t used, room;
    unsigned breaks, accepts;
};

struct chardev *fake_chardev_new(const char *label, bool connected)
{
    struct chardev *chr = calloc(1, sizeof(*chr));

    if (!chr)
        abort();
    chr->label = label;
    chr->connected = connected;
    chr->room = FAKE_CHARDEV_BYTES;
    return chr;
}

void fake_chardev_free(struct chardev *chr)
{
    free(chr);
}

const char *fake_chardev_written(struct chardev *chr, size_t *len)
{
    if (len)
        *len = chr->used;
    return chr->written;
}

void fake_chardev_clear(struct chardev *chr)
{
    memset(chr->written, 0, chr->used);
    chr->used = 0;
}

static void enter(struct chardev *chr)
{
    if (chr->lock)
        iolock_enter(chr->lock);
}

static void leave(struct chardev *chr)
{
    if (chr->lock)
        iolock_leave(chr->lock);
}

void fake_chardev_set_room(struct chardev *chr, size_t bytes)
{
    chr->room = bytes;
    if (!bytes || !chr->waiting || !chr->ops || !chr->ops->writable)
        return;
    chr->waiting = false;
    enter(chr);
    chr->ops->writable(chr->opaque);
    leave(chr);
}

size_t fake_chardev_feed(struct chardev *chr, const void *buf, size_t len)
{
    size_t n;

    if (!chr->ops)
        return 0;
    enter(chr);
    n = chr->ops->can_receive(chr->opaque);
    if (n > len)
        n = len;
    if (n)
        chr->ops->receive(chr->opaque, buf, n);
    leave(chr);
    return n;
}

void fake_chardev_event(struct chardev *chr, enum chardev_event event)
{
    if (event != CHARDEV_BREAK)
        chr->connected = event == CHARDEV_OPENED;
    if (!chr->ops || !chr->ops->event)
        return;
    enter(chr);
    chr->ops->event(chr->opaque, event);
    leave(chr);
}

unsigned fake_chardev_breaks(struct chardev *chr) { return chr->breaks; }
unsigned fake_chardev_accepts(struct chardev *chr) { return chr->accepts; }
bool fake_chardev_attached(struct chardev *chr) { return chr->ops; }

/* ---- the port ---- */

void chardev_attach(struct chardev *chr, const struct chardev_fe_ops *ops, void *opaque,
                    struct iolock *lock)
{
    chr->ops = ops;
    chr->opaque = opaque;
    chr->lock = lock;
}

size_t chardev_write(struct chardev *chr, const void *buf, size_t len)
{
    size_t n = len;

    if (!chr->connected)
        return len;
    if (n > chr->room)
        n = chr->room;
    if (n > FAKE_CHARDEV_BYTES - chr->used)
        n = FAKE_CHARDEV_BYTES - chr->used;
    memcpy(chr->written + chr->used, buf, n);
    chr->used += n;
    chr->room -= n;
    if (n < len)
        chr->waiting = true;
    return n;
}

void chardev_accept_input(struct chardev *chr) { chr->accepts++; }
bool chardev_connected(struct chardev *chr) { return chr->connected; }
void chardev_set_open(struct chardev *chr, bool open) { chr->closed = !open; }
bool chardev_is_open(struct chardev *chr) { return !chr->closed; }
void chardev_send_break(struct chardev *chr) { chr->breaks++; }
const char *chardev_label(const struct chardev *chr) { return chr->label; }
const char *chardev_filename(const struct chardev *chr) { (void)chr; return "fake"; }
