/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial logs in this process: floods, threads, full disks and size limits, rings that wrap, notices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"

static char *dir, *path;
static unsigned log_lines, notices;
static uint64_t noticed_bytes;

static void log_line(const char *line)
{
    (void)line;
    log_lines++;
}

static void lost(void *opaque, struct chardev *chr, uint64_t bytes)
{
    (void)opaque;
    assert_string_equal(chardev_label(chr), "serial0");
    notices++;
    noticed_bytes += bytes;
}

static int setup(void **state)
{
    (void)state;
    unlink(path);
    log_lines = notices = 0;
    noticed_bytes = 0;
    return 0;
}

static struct chardev *open_words(const char *backend, const char *words)
{
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(words, ",", 0);
    GError *error = NULL;
    struct chardev *chr;

    for (char **p = pairs; *p; p++) {
        char *equals = strchr(*p, '=');

        *equals = 0;
        g_hash_table_replace(opts, g_strdup(*p), g_strdup(!strcmp(equals + 1, "LOG") ? path : equals + 1));
    }
    chr = chardev_open(backend, "serial0", opts, &error);
    if (!chr)
        fail_msg("%s", error->message);
    return chr;
}

static void run_ms(unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(500);
    }
}

static off_t size_of(const char *name)
{
    struct stat st;

    return stat(name, &st) ? -1 : st.st_size;
}

/* ---- threads ---- */

#define LINES 20000

struct writer {
    struct chardev *chr;
    bool over;
};

/* As a vCPU: byte by byte in pieces of all sizes, on a thread that has no main loop. */
static void *write_lines(void *opaque)
{
    struct writer *w = opaque;

    for (unsigned i = 0; i < LINES; i++) {
        g_autofree char *text = g_strdup_printf("line %u%.*s\n", i, (int)(i % 50),
                                                "..................................................");
        size_t len = strlen(text);

        for (size_t at = 0, part; at < len; at += part) {
            part = MIN(len - at, 1 + i % 7);
            assert_int_equal(chardev_write(w->chr, text + at, part), part);
        }
    }
    __atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void check_lines(const char *prefix)
{
    g_autofree char *content = NULL;
    g_auto(GStrv) lines = NULL;

    assert_true(g_file_get_contents(path, &content, NULL, NULL));
    lines = g_strsplit(content, "\n", 0);
    assert_int_equal(g_strv_length(lines), LINES + 1);
    for (unsigned i = 0; i < LINES; i++) {
        g_autofree char *text = g_strdup_printf("%sline %u%.*s", prefix, i, (int)(i % 50),
                                                "..................................................");

        assert_string_equal(lines[i], text);
    }
}

static void from_a_thread(const char *backend, const char *options, const char *prefix)
{
    struct writer w = {open_words(backend, options), false};
    pthread_t thread;

    pthread_create(&thread, NULL, write_lines, &w);
    while (!__atomic_load_n(&w.over, __ATOMIC_ACQUIRE))
        run_ms(2);
    pthread_join(thread, NULL);
    assert_int_equal(chardev_dropped(w.chr), 0);
    chardev_free(w.chr);
    check_lines(prefix);
}

static void test_thread(void **state)
{
    (void)state;
    from_a_thread("null", "logfile=LOG", "");
    from_a_thread("ringbuf", "logfile=LOG,line-prefix=vm,logappend=off,size=4M", "vm: ");
    unlink(path);
    from_a_thread("null", "logfile=LOG,line-prefix=vm", "vm: ");
}

/* Nobody turns the main loop: the writer itself empties the queue when it is full. */
static void test_stuck_main_loop(void **state)
{
    struct writer w = {open_words("null", "logfile=LOG,line-prefix=a"), false};

    (void)state;
    write_lines(&w);
    assert_int_equal(chardev_dropped(w.chr), 0);
    chardev_free(w.chr);
    check_lines("a: ");
}

/* ---- what the host does not take ---- */

/* U-06: 100 MB and a million line ends stay within the limit, with one line of log and few notices. */
static void test_flood(void **state)
{
    struct chardev *chr = open_words("null", "logfile=LOG,limit=1M,line-prefix=vm1");
    g_autofree char *block = g_malloc(100000);
    uint64_t dropped;

    (void)state;
    for (int i = 0; i < 100000; i++)
        block[i] = i % 100 == 99 ? '\n' : 'x';
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(chardev_write(chr, block, 100000), 100000);
        if (i % 100 == 0)
            run_ms(1);
    }
    run_ms(5);
    assert_true(size_of(path) <= 1 << 20 && size_of(path) > (1 << 20) - 4096);
    dropped = chardev_dropped(chr);
    assert_int_equal(dropped, 1000ull * 100000 + 1000000 * strlen("vm1: ") - (uint64_t)size_of(path));
    assert_int_equal(log_lines, 1);
    assert_true(notices >= 1 && notices <= 40 && noticed_bytes <= dropped);
    chardev_free(chr);
}

/* the size limit of the process, and a disk that is full. */
static void test_host_limits(void **state)
{
    struct rlimit before, small;
    struct chardev *chr;

    (void)state;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){65536, before.rlim_max};
    chr = open_words("null", "logfile=LOG,timestamps=on");
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(chardev_write(chr, "twelve bytes\n", 13), 13);
    run_ms(50);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(size_of(path), 65536);
    assert_int_equal(log_lines, 1);
    assert_true(chardev_dropped(chr) > 13 * 10000);
    chardev_free(chr);

    chr = open_words("null", "logfile=/dev/full,line-prefix=v");
    chardev_write(chr, "abc\n", 4);
    run_ms(20);
    assert_int_equal(chardev_dropped(chr), 7);
    run_ms(20);
    assert_int_equal(notices, 2); /* each back end has its own rate */
    chardev_write(chr, "abc\n", 4);
    run_ms(300);
    assert_int_equal(notices, 2);
    run_ms(1000);
    assert_int_equal(notices, 3);
    chardev_free(chr);
}

/* ---- rings ---- */

static void test_ringbuf_wraps(void **state)
{
    struct chardev *chr = open_words("ringbuf", "size=64");
    char sent[8192], got[64];
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 13 + i / 256);
    for (size_t part = 1; part < 100; part++) {
        size_t before = chardev_ringbuf_used(chr), kept;

        assert_int_equal(chardev_write(chr, sent + total, part), part);
        total += part;
        kept = MIN(64, before + part);
        assert_int_equal(chardev_ringbuf_used(chr), kept);
        assert_int_equal(chardev_ringbuf_take(chr, got, 1 + part % 60), MIN(kept, 1 + part % 60));
        assert_memory_equal(got, sent + total - kept, MIN(kept, 1 + part % 60));
    }
    chardev_free(chr);
}

/* A rotated log that only ever had whole lines has them all, whatever the pieces were. */
static void test_rotated_lines(void **state)
{
    struct chardev *chr = open_words("null", "logfile=LOG,rotate-size=8k,rotate-count=3,line-prefix=r");
    g_autofree char *third = g_strconcat(path, ".3", NULL), *fourth = g_strconcat(path, ".4", NULL);
    g_autofree char *content = NULL;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        g_autofree char *line = g_strdup_printf("number %04u\n", i);

        chardev_write(chr, line, strlen(line));
    }
    chardev_free(chr);
    assert_true(size_of(path) <= 8192 && size_of(third) <= 8192 && size_of(third) > 4096);
    assert_int_equal(size_of(fourth), -1);
    assert_true(g_file_get_contents(path, &content, NULL, NULL));
    assert_true(g_str_has_prefix(content, "r: number ") && g_str_has_suffix(content, "r: number 2999\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_thread, setup),        cmocka_unit_test_setup(test_stuck_main_loop, setup),
        cmocka_unit_test_setup(test_flood, setup),         cmocka_unit_test_setup(test_host_limits, setup),
        cmocka_unit_test_setup(test_ringbuf_wraps, setup), cmocka_unit_test_setup(test_rotated_lines, setup),
    };
    g_autofree char *command = NULL;
    int rc;

    dir = g_dir_make_tmp("kvm-dm-chardev-log-XXXXXX", NULL);
    path = g_build_filename(dir, "log", NULL);
    command = g_strdup_printf("rm -rf '%s'", dir);
    chardev_set_log_hook(log_line);
    chardev_set_lost_hook(lost, NULL);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (system(command))
        rc++;
    g_free(path);
    g_free(dir);
    return rc;
}
