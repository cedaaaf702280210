/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/seriallog.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"
#include "chardev/seriallog_file.h"
#include "host/fdset.h"

#define DEFAULT_LIMIT_BYTES (1ull << 30)
#define MIN_ROTATE_BYTES    4096u
#define MAX_ROTATE_COUNT    1000u
#define MAX_PREFIX_BYTES    64u
#define BATCH_US            1000  /* what comes in that time goes out together */
#define RETRY_US            20000 /* a FIFO or a device was full, or another process has it */
#define LAST_CHANCE_MS      200

enum stamp { STAMP_NONE, STAMP_UTC, STAMP_MONOTONIC };

struct seriallog {
    struct chardev *chr;
    GSource *alarm; /* on the main loop */
    char *prefix;   /* NULL: none */
    enum stamp stamp;
    bool queued, lines;
    bool reopen_on_hangup;
    uint64_t limit_bytes; /* 0: none */

    pthread_mutex_t lock; /* guards the rest; a leaf but for chr->lock, which may be held before it */
    struct logfile file;
    uint64_t written_bytes, dropped_bytes;
    bool told_limit, told_error, told_full;
    gint64 alarm_at_us; /* G_MAXINT64: not */
    uint8_t *queue;
    size_t used;
    size_t chunk_left; /* of what is at the queue's head: begun, and to be written in one piece */
    bool reopen_due;
    char line[SERIALLOG_LINE_BYTES];
    size_t line_used; /* 0: no line has begun */
    bool after_cr;
    gint64 line_began_us;
};

static GPtrArray *logs; /* main loop's thread */

/* ---- the alarm ---- */

static void arm(struct seriallog *l, gint64 at_us)
{
    if (at_us >= l->alarm_at_us)
        return;
    l->alarm_at_us = at_us;
    g_source_set_ready_time(l->alarm, at_us);
}

/* ---- output ---- */

static size_t drop(struct seriallog *l, size_t len, bool *told, const char *why)
{
    l->dropped_bytes += len;
    if (!*told)
        chardev_log(l->chr, "writing %s: %s; what cannot be written is dropped", l->file.path, why);
    *told = true;
    chardev_note_lost(l->chr, len);
    return len;
}

/* Writes once, and returns how many bytes are done with; 0: not now. */
static size_t put(struct seriallog *l, const uint8_t *buf, size_t len)
{
    size_t part = len;
    ssize_t n;

    if (l->limit_bytes) {
        part = MIN(len, l->limit_bytes - l->written_bytes);
        if (!part || (l->lines && part < len))
            return drop(l, len, &l->told_limit, "the limit is reached (option limit=)");
    }
    logfile_rotate_if_due(&l->file, part);
    do
        n = write(l->file.fd, buf, part);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        l->written_bytes += (uint64_t)n;
        l->file.mid_line = buf[n - 1] != '\n';
    } else if (n == 0 || errno != EAGAIN) {
        return drop(l, len, &l->told_error, g_strerror(n ? errno : EIO));
    }
    return n > 0 ? (size_t)n : 0;
}

/* The most that goes out in one piece: whole lines as far as there are ends of lines. */
static size_t next_chunk(const struct seriallog *l, const uint8_t *buf, size_t len)
{
    size_t most = MIN(len, SERIALLOG_LINE_BYTES), n = most;

    if (!l->lines && !l->file.rotate_bytes)
        return len;
    while (n && buf[n - 1] != '\n')
        n--;
    return n ? n : most;
}

/* A device has no append mode: whoever writes a line locks it until the whole line is out. */
static size_t put_chunk(struct seriallog *l, const uint8_t *buf)
{
    bool locks = l->lines && l->file.device;
    size_t n;

    if (locks && flock(l->file.fd, LOCK_EX | LOCK_NB))
        return 0;
    n = put(l, buf, l->chunk_left);
    l->chunk_left -= n;
    if (locks && !l->chunk_left)
        flock(l->file.fd, LOCK_UN);
    return n;
}

static bool reopen(struct seriallog *l)
{
    l->reopen_due = false;
    if (logfile_reopen(&l->file))
        return true;
    chardev_log(l->chr, "cannot reopen %s: %s; the old one goes on", l->file.path, g_strerror(errno));
    return false;
}

static void drain(struct seriallog *l)
{
    size_t at = 0, n = 1;

    while (at < l->used && n) {
        if (!l->chunk_left && l->reopen_due)
            reopen(l);
        if (!l->chunk_left)
            l->chunk_left = next_chunk(l, l->queue + at, l->used - at);
        n = put_chunk(l, l->queue + at);
        at += n;
    }
    l->used -= at;
    memmove(l->queue, l->queue + at, l->used);
    if (l->used)
        arm(l, g_get_monotonic_time() + RETRY_US);
}

/* ---- lines ---- */

static void enqueue(struct seriallog *l, const void *buf, size_t len)
{
    if (len > SERIALLOG_QUEUE_BYTES - l->used)
        drain(l);
    if (len > SERIALLOG_QUEUE_BYTES - l->used) {
        drop(l, len, &l->told_full, "nobody takes it");
        return;
    }
    memcpy(l->queue + l->used, buf, len);
    l->used += len;
    arm(l, g_get_monotonic_time() + BATCH_US);
}

static void add_stamp(struct seriallog *l)
{
    char *to = l->line + l->line_used;
    size_t room = sizeof(l->line) - l->line_used;
    struct timespec now;
    struct tm tm;

    clock_gettime(l->stamp == STAMP_UTC ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    if (l->stamp == STAMP_MONOTONIC) {
        l->line_used += (size_t)g_snprintf(to, room, "[%5lld.%06ld] ", (long long)now.tv_sec, now.tv_nsec / 1000);
        return;
    }
    gmtime_r(&now.tv_sec, &tm);
    l->line_used += strftime(to, room, "%Y-%m-%dT%H:%M:%S", &tm);
    to = l->line + l->line_used;
    l->line_used += (size_t)g_snprintf(to, sizeof(l->line) - l->line_used, ".%06ldZ ", now.tv_nsec / 1000);
}

static void begin_line(struct seriallog *l)
{
    if (l->prefix)
        l->line_used = (size_t)g_snprintf(l->line, sizeof(l->line), "%s: ", l->prefix);
    if (l->stamp)
        add_stamp(l);
    l->line_began_us = g_get_monotonic_time();
    arm(l, l->line_began_us + SERIALLOG_PARTIAL_US);
}

static void end_line(struct seriallog *l)
{
    l->line[l->line_used++] = '\n';
    enqueue(l, l->line, l->line_used);
    l->line_used = 0;
}

/* A carriage return ends a line, too: on a terminal it could write over the prefix. With a line feed it is one end. */
static void take_byte(struct seriallog *l, uint8_t byte)
{
    bool one_end = byte == '\n' && l->after_cr;

    l->after_cr = byte == '\r';
    if (one_end || (byte == '\r' && !l->line_used))
        return;
    if (!l->line_used)
        begin_line(l);
    if (byte == '\n' || byte == '\r') {
        end_line(l);
        return;
    }
    l->line[l->line_used++] = (char)byte;
    if (l->line_used == sizeof(l->line) - 1)
        end_line(l);
}

ssize_t seriallog_write(struct seriallog *l, const uint8_t *buf, size_t len)
{
    ssize_t done = (ssize_t)len;

    pthread_mutex_lock(&l->lock);
    if (l->lines) {
        for (size_t i = 0; i < len; i++)
            take_byte(l, buf[i]);
    } else if (l->queued) {
        for (size_t at = 0, part; at < len; at += part) {
            part = MIN(len - at, SERIALLOG_LINE_BYTES);
            enqueue(l, buf + at, part);
        }
    } else {
        done = (ssize_t)put(l, buf, next_chunk(l, buf, len));
    }
    pthread_mutex_unlock(&l->lock);
    if (done || !len)
        return done;
    errno = EAGAIN;
    return -1;
}

static gboolean ring(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    struct seriallog *l = *(struct seriallog **)(source + 1);
    gint64 now = g_get_monotonic_time();

    (void)unused, (void)unused_data;
    pthread_mutex_lock(&l->lock);
    l->alarm_at_us = G_MAXINT64;
    g_source_set_ready_time(source, -1);
    if (l->line_used && now >= l->line_began_us + SERIALLOG_PARTIAL_US)
        end_line(l);
    drain(l);
    if (l->line_used)
        arm(l, l->line_began_us + SERIALLOG_PARTIAL_US);
    pthread_mutex_unlock(&l->lock);
    return G_SOURCE_CONTINUE;
}

/* ---- for the monitor ---- */

uint64_t seriallog_dropped(struct seriallog *l)
{
    uint64_t n = 0;

    if (!l)
        return 0;
    pthread_mutex_lock(&l->lock);
    n = l->dropped_bytes;
    pthread_mutex_unlock(&l->lock);
    return n;
}

int seriallog_fd(const struct seriallog *l)
{
    return l->file.fd;
}

bool chardev_logs_want_hangup(void)
{
    for (guint i = 0; logs && i < logs->len; i++) {
        if (((struct seriallog *)g_ptr_array_index(logs, i))->reopen_on_hangup)
            return true;
    }
    return false;
}

static bool reopen_now_or_later(struct seriallog *l)
{
    bool ok = true;

    pthread_mutex_lock(&l->lock);
    drain(l); /* what came before goes into the old one */
    if (l->chunk_left)
        l->reopen_due = true;
    else
        ok = reopen(l);
    pthread_mutex_unlock(&l->lock);
    return ok;
}

bool chardev_reopen_logs(bool hangup)
{
    bool ok = true;

    for (guint i = 0; logs && i < logs->len; i++) {
        struct seriallog *l = g_ptr_array_index(logs, i);

        if (!hangup || l->reopen_on_hangup)
            ok = reopen_now_or_later(l) && ok;
    }
    return ok;
}

/* ---- life ---- */

static bool parse_stamp(const char *word, enum stamp *stamp)
{
    static const struct {
        const char *word;
        enum stamp stamp;
    } words[] = {{"off", STAMP_NONE}, {"on", STAMP_UTC}, {"utc", STAMP_UTC}, {"monotonic", STAMP_MONOTONIC}};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        *stamp = words[i].stamp;
        if (!strcmp(word, words[i].word))
            return true;
    }
    return false;
}

static bool is_prefix(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((uint8_t)*p < 0x20 || *p == 0x7f)
            return false;
    }
    return strlen(text) <= MAX_PREFIX_BYTES;
}

/* Reads the options; NULL, or what is wrong with them. */
static const char *configure(struct seriallog *l, GHashTable *opts)
{
    const char *stamp = opts_get(opts, "timestamps"), *limit = opts_get(opts, "limit");
    const char *size = opts_get(opts, "rotate-size"), *count = opts_get(opts, "rotate-count");
    const char *prefix = opts_get(opts, "line-prefix");

    if (stamp && !parse_stamp(stamp, &l->stamp))
        return "timestamps= must be off, on, utc or monotonic";
    if (prefix && !is_prefix(prefix))
        return "line-prefix= must be at most 64 bytes without control characters";
    if (size && chardev_opt_size(size) < MIN_ROTATE_BYTES)
        return "rotate-size= must be at least 4k";
    if (count && !size)
        return "rotate-count= needs rotate-size=";
    if (size && fdset_of_path(l->file.path) >= 0)
        return "rotate-size= needs a path: a passed descriptor has no name to shift";
    l->file.rotate_bytes = size ? chardev_opt_size(size) : 0;
    l->file.late_bytes = SERIALLOG_LINE_BYTES;
    l->file.rotate_count = count ? (unsigned)g_ascii_strtoull(count, NULL, 10) : 5;
    if (l->file.rotate_count < 1 || l->file.rotate_count > MAX_ROTATE_COUNT)
        return "rotate-count= must be 1 to 1000";
    l->prefix = g_strdup(prefix);
    l->lines = l->prefix || l->stamp;
    l->reopen_on_hangup = chardev_opt_bool(opts, "reopen", false);
    l->limit_bytes = limit ? chardev_opt_size(limit) : size ? 0 : DEFAULT_LIMIT_BYTES;
    return NULL;
}

static bool is_regular(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static bool open_file(struct seriallog *l, bool append, GHashTable *opts, GError **error)
{
    const char *label = chardev_label(l->chr), *why = configure(l, opts);

    if (why)
        chardev_fail(error, label, "%s", why);
    else if (!logfile_open(&l->file, append))
        chardev_fail(error, label, "cannot write %s: %s", l->file.path, g_strerror(errno));
    else if (l->file.rotate_bytes && !is_regular(l->file.fd))
        chardev_fail(error, label, "rotate-size= needs a regular file, which %s is not", l->file.path);
    else
        return true;
    return false;
}

static void start_alarm(struct seriallog *l)
{
    static GSourceFuncs funcs = {NULL, NULL, ring, NULL, NULL, NULL};

    l->alarm_at_us = G_MAXINT64;
    l->alarm = g_source_new(&funcs, sizeof(GSource) + sizeof(struct seriallog *));
    *(struct seriallog **)(l->alarm + 1) = l;
    g_source_attach(l->alarm, NULL);
}

struct seriallog *seriallog_open(struct chardev *chr, const char *path, bool append, bool queued, GHashTable *opts,
                                 GError **error)
{
    struct seriallog *l = g_new0(struct seriallog, 1);

    l->chr = chr;
    l->queued = queued;
    l->file.path = g_strdup(path);
    l->file.fd = -1;
    l->queue = g_malloc(SERIALLOG_QUEUE_BYTES);
    pthread_mutex_init(&l->lock, NULL);
    start_alarm(l);
    if (!logs)
        logs = g_ptr_array_new();
    g_ptr_array_add(logs, l);
    if (open_file(l, append, opts, error))
        return l;
    seriallog_close(l);
    return NULL;
}

static void last_chance(struct seriallog *l)
{
    gint64 until = g_get_monotonic_time() + LAST_CHANCE_MS * 1000;

    if (l->line_used)
        end_line(l);
    for (drain(l); l->used && g_get_monotonic_time() < until; drain(l))
        g_usleep(5000);
}

void seriallog_close(struct seriallog *l)
{
    if (!l)
        return;
    if (l->file.fd >= 0)
        last_chance(l);
    g_ptr_array_remove(logs, l);
    if (!logs->len)
        g_clear_pointer(&logs, g_ptr_array_unref);
    g_source_destroy(l->alarm);
    g_source_unref(l->alarm);
    logfile_close(&l->file);
    pthread_mutex_destroy(&l->lock);
    g_free(l->queue);
    g_free(l->prefix);
    g_free(l);
}
