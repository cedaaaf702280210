/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug's rules: what fails, and when. Source of names and meanings: QEMU's documentation
 * (docs/devel/blkdebug.rst, BlockdevOptionsBlkdebug).
 *
 * There is one state, a number, at first 1. Each event is looked up in all rules whose `state` is the
 * present one, or is not given:
 *   inject-error   becomes active; those that were active before are not any more
 *   set-state      changes the state, after the whole event
 * An I/O that meets an active rule by its type and sector fails with the rule's errno; with once=on the
 * rule is gone then.
 */
#ifndef BLOCK_BLKDEBUG_RULES_H
#define BLOCK_BLKDEBUG_RULES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/image.h"

/* Events of blkdebug itself, after those of enum image_event. */
enum {
    BLKDEBUG_EVENT_PWRITEV = IMAGE_EVENTS, /* before each write */
    BLKDEBUG_EVENT_PWRITEV_ZERO,           /* before each write of zeroes */
    BLKDEBUG_EVENT_PWRITEV_DONE,           /* after either */
    BLKDEBUG_EVENT_NONE,                   /* once, when the node is opened */
    BLKDEBUG_EVENTS
};

enum blkdebug_io {
    BLKDEBUG_IO_READ,
    BLKDEBUG_IO_WRITE,
    BLKDEBUG_IO_WRITE_ZEROES,
    BLKDEBUG_IO_DISCARD,
    BLKDEBUG_IO_FLUSH,
    BLKDEBUG_IO_BLOCK_STATUS, /* only by rules that name it */
    BLKDEBUG_IOS
};

#define BLKDEBUG_RULES_MAX 1024u
#define BLKDEBUG_CONFIG_MAX (256u << 10) /* bytes */

struct blkdebug_rules;
struct blkdebug_rules *blkdebug_rules_new(void);
void blkdebug_rules_free(struct blkdebug_rules *rules);

/*
 * Adds the rules of a configuration file:
 *
 *   [inject-error]            [set-state]
 *   event = "read_aio"        event = "write_aio"
 *   errno = "5"               state = "1"
 *   once = "on"               new_state = "2"
 *
 * False with *error, "SHOWN: line N: what".
 */
bool blkdebug_rules_read(struct blkdebug_rules *rules, const char *text, const char *shown,
                         GError **error);

/* Adds those of options: "inject-error.0.event", "set-state.0.new_state"; other names are left alone. */
bool blkdebug_rules_options(struct blkdebug_rules *rules, GHashTable *opts, const char *shown,
                            GError **error);

/* Any thread. */
void blkdebug_rules_event(struct blkdebug_rules *rules, unsigned event);
/* 0: go on; else the errno that this I/O fails with. bytes 0 (flush): rules with a sector do not apply. */
int blkdebug_rules_check(struct blkdebug_rules *rules, enum blkdebug_io io, uint64_t off,
                         uint64_t bytes);

#endif
