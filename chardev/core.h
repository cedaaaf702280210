/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all character back ends share; for files of this folder only.
 *
 * Output: chardev_write() copies into a bounded ring under chr->lock (a leaf lock). On the main
 * loop's thread it goes out at once; from a vCPU's it goes out in one piece a millisecond later, or
 * at once when the ring is full: a guest that prints byte by byte costs one system call per batch.
 * Input: read on the main loop into a small ring, offered to the front end as it can take it. So an
 * escape sequence works even when the guest does not read.
 */
#ifndef CHARDEV_CORE_H
#define CHARDEV_CORE_H

#include <glib.h>
#include <pthread.h>
#include <sys/types.h>

#include "chardev/chardev.h"
#include "host/opts.h"

#define CHARDEV_OUT_BYTES 65536u
#define CHARDEV_IN_BYTES  4096u

struct chardev_ops {
    /* Instead of write(2) to out_fd: count, or -1 with errno; EAGAIN: not now. chr->lock held. */
    ssize_t (*write)(struct chardev *chr, const uint8_t *buf, size_t len);
    /* Instead of the ring: as chardev_write(). No lock held. */
    size_t (*forward)(struct chardev *chr, const void *buf, size_t len);
    /* Takes out of fresh input what is not for the front end; returns what is left. Main loop. */
    size_t (*filter)(struct chardev *chr, uint8_t *buf, size_t len);
    /* Instead of read(2) from in_fd. */
    ssize_t (*read)(struct chardev *chr, uint8_t *buf, size_t len);
    /* Input ended. True: output goes on all the same. */
    bool (*input_ended)(struct chardev *chr);
    /* The peer is gone, CLOSED has been told: close, and wait for the next if there can be one. */
    void (*hangup)(struct chardev *chr);
    /* May be called on any thread, the front end's lock held. */
    void (*send_break)(struct chardev *chr);
    void (*accept_input)(struct chardev *chr);
    uint64_t (*dropped)(struct chardev *chr); /* beside chr->dropped */
    void (*free)(struct chardev *chr); /* closes what is the back end's own */
};

struct seriallog;

struct chardev {
    const struct chardev_ops *ops;
    char *label, *filename;
    GThread *main_thread;
    GSource *work; /* the deferred part, on the main loop */

    /* Main loop's thread only. */
    const struct chardev_fe_ops *fe;
    void *fe_opaque;
    struct iolock *fe_lock;
    int in_fd, out_fd; /* of the connected peer; -1: none. Closed by the back end */
    guint in_watch, out_watch;
    bool announce; /* OPENED is due */
    bool in_over;  /* input has ended, and CLOSED is due for it */
    uint8_t in[CHARDEV_IN_BYTES];
    size_t in_used;

    int passed_fd; /* that came with the newest input and nobody has taken; -1: none */

    bool fe_closed;  /* atomic: the guest does not have the front end open */
    bool in_stalled; /* atomic: input waits for chardev_accept_input() */

    pthread_mutex_t lock; /* guards the rest */
    bool connected;       /* atomic too, for chardev_connected() */
    bool broken;          /* a write failed: the main loop hangs up */
    bool blocked;         /* a write would have blocked: the main loop watches */
    bool double_ff;       /* telnet: a byte 0xff goes out twice */
    bool fe_waiting;      /* the front end got a short write */
    gint64 work_at_us;    /* when `work` runs; G_MAXINT64: not */
    gint64 worked_at_us;  /* when it last did */
    uint8_t *out;
    size_t out_size, out_head, out_used;
    uint8_t *backlog;     /* the last of the output, for the next peer; NULL: none is kept */
    size_t backlog_size, backlog_head, backlog_used;
    size_t backlog_unseen; /* of it, the last so many bytes went to no peer */
    uint64_t dropped;     /* bytes: nobody there, or lost with a peer */

    struct seriallog *own_log, *log; /* of back end "file"; of logfile=. Set while opening, else NULL */
    uint64_t lost; /* atomic: bytes that somebody would have got, for the notice */
    uint64_t told_lost;
    gint64 told_lost_at_us;
};

/* Common part of a new back end. chr is zeroed memory from the back end's own struct. */
void chardev_init(struct chardev *chr, const struct chardev_ops *ops, const char *label);
void chardev_set_filename(struct chardev *chr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Before the first peer: each new peer gets the last `bytes` of what was written before it came. */
void chardev_keep_backlog(struct chardev *chr, size_t bytes);
/* chardev_write() only, chr->lock held: buf was taken. */
void chardev_backlog_put(struct chardev *chr, const uint8_t *buf, size_t len);

/* Main loop: a peer is there, with these descriptors (non-blocking, or such that a write of any
 * size cannot block for long; -1: none, or ops->write). Old input is dropped, OPENED follows. */
void chardev_peer_opened(struct chardev *chr, int in_fd, int out_fd);
/* Main loop: the peer went away: CLOSED is told, queued output dropped, ops->hangup called. */
void chardev_peer_gone(struct chardev *chr);
/* Main loop: bytes from the peer, at most chardev_input_room(). Goes through no filter. */
void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len);
size_t chardev_input_room(const struct chardev *chr);
void chardev_tell(struct chardev *chr, enum chardev_event event); /* main loop: to the front end */
/* Any thread: the deferred part runs soon (output, input, notices). */
void chardev_kick(struct chardev *chr);

/* Any thread, any lock held: bytes of a peer or a log are lost; a notice follows, at most one per second. */
void chardev_note_lost(struct chardev *chr, uint64_t bytes);

/* A line to the user, through chardev_set_log_hook(). */
void chardev_log(const struct chardev *chr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails with one line: "chardev LABEL: ...". Always returns NULL. */
void *chardev_fail(GError **error, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* write(2) without SIGPIPE and without blocking, whatever fd is. */
ssize_t chardev_write_fd(int fd, const uint8_t *buf, size_t len);

/* Options, already checked by chardev_open(); also by the words of older forms ("yes"). */
bool chardev_opt_bool(GHashTable *opts, const char *key, bool otherwise);
uint64_t chardev_opt_size(const char *word); /* "64k" in bytes */

/* The back ends' open functions, for the table. */
struct chardev *chardev_null_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_memory_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_file_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_stdio_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_pty_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_socket_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_udp_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_pipe_open(const char *label, GHashTable *opts, GError **error);
struct chardev *chardev_ringbuf_open(const char *label, GHashTable *opts, GError **error);

/* stdio: the escape key is left to a mux in front of it. */
void chardev_stdio_no_escape(struct chardev *chr);
/* What Ctrl-A x does. */
void chardev_quit(void);

#endif
