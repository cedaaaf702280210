/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image locks: between two opens of ours, and with QEMU's own tools in both directions. */
#include "block_util.h"

#include <signal.h>
#include <sys/wait.h>

static int refresh(void **state)
{
    (void)state;
    make_image(64 << 10);
    return 0;
}

static struct block_options options(bool readonly, bool snapshot, bool locking)
{
    struct block_options opt = plain_options();

    opt.readonly = readonly;
    opt.snapshot = snapshot;
    opt.locking = locking;
    return opt;
}

static void refused(const struct block_options *opt, const char *what)
{
    GError *error = NULL;

    assert_null(block_open(opt, &error));
    if (!strstr(error->message, what))
        fail_msg("'%s' does not say '%s'", error->message, what);
    assert_non_null(strstr(error->message, image_path));
    assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static void accepted(const struct block_options *opt)
{
    block_close(open_block(opt));
}

static void test_ours(void **state)
{
    struct block_options writer = options(false, false, true), reader = options(true, false, true);
    struct block_options temp = options(false, true, true), careless = options(false, false, false);
    struct block *blk, *other;

    (void)state;
    blk = open_block(&writer);
    refused(&writer, "another process that writes to it");
    refused(&reader, "another process that writes to it");
    refused(&temp, "another process that writes to it");
    accepted(&careless);
    refused(&writer,
            "another process that writes to it"); /* closing the careless one took no lock away */
    block_close(blk);

    blk = open_block(&reader);
    other = open_block(&temp);
    accepted(&reader);
    refused(&writer, "allows no other to write to it");
    block_close(blk);
    refused(&writer, "snapshot=on, or");
    block_close(other);
    accepted(&writer);
}

/* ---- QEMU's tools -------------------------------------------------------------------------- */

static bool have_tools(void)
{
    static const char *const tools[] = { "qemu-io", "qemu-img" };

    for (int i = 0; i < 2; i++) {
        char *path = g_find_program_in_path(tools[i]);

        if (!path) {
            print_message("%s is not installed\n", tools[i]);
            return false;
        }
        g_free(path);
    }
    return true;
}

/* Runs it; exit status 0 or not, all output in *out. */
static bool run(const char *command, char **out)
{
    char *line = g_strdup_printf("%s 2>&1", command);
    FILE *f = popen(line, "r");
    char text[4096];
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    *out = g_strdup(text);
    g_free(line);
    return pclose(f) == 0;
}

static void tool(const char *format, const char *says)
{
    char *command = g_strdup_printf(format, image_path), *out;
    bool good = run(command, &out);

    if (!says && !good)
        fail_msg("%s: %s", command, out);
    if (says && (good || !strstr(out, says)))
        fail_msg("%s should have been refused with '%s': %s", command, says, out);
    g_free(out);
    g_free(command);
}

static void test_qemu_respects_ours(void **state)
{
    struct block_options opt = options(false, false, true);
    struct block *blk;

    (void)state;
    if (!have_tools())
        skip();
    blk = open_block(&opt);
    tool("qemu-io -f raw -c 'write 0 512' %s", "Failed to get");
    tool("qemu-io -r -f raw -c 'read 0 512' %s", NULL); /* it minds no writer, as beside a QEMU */
    tool("qemu-img info -f raw %s", NULL);
    tool("qemu-img resize -f raw %s +64k", "Failed to get");
    block_close(blk);
    tool("qemu-io -f raw -c 'write 0 512' %s", NULL);

    opt.readonly = true;
    blk = open_block(&opt);
    tool("qemu-io -r -f raw -c 'read 0 512' %s", NULL);
    tool("qemu-img info -f raw %s", NULL);
    tool("qemu-io -f raw -c 'write 0 512' %s", "Failed to get \"write\" lock");
    tool("qemu-img resize -f raw %s +64k", "Failed to get");
    block_close(blk);

    opt = options(false, false, false);
    blk = open_block(&opt); /* without locking we are in nobody's way */
    tool("qemu-io -f raw -c 'write 0 512' %s", NULL);
    block_close(blk);
}

/* A qemu-io that has the image open until its input ends. */
struct holder {
    pid_t pid;
    int in;
};

static struct holder hold_open(const char *mode)
{
    int to[2], from[2];
    struct holder h;
    char c;

    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    h.pid = fork();
    assert_true(h.pid >= 0);
    if (h.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        if (*mode)
            execlp("qemu-io", "qemu-io", mode, "-f", "raw", image_path, NULL);
        else
            execlp("qemu-io", "qemu-io", "-f", "raw", image_path, NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    h.in = to[1];
    /* Its answer tells that the file is open. */
    assert_int_equal(write(h.in, "length\n", 7), 7);
    do
        assert_int_equal(read(from[0], &c, 1), 1);
    while (c != 'K'); /* "64 KiB" */
    close(from[0]);
    return h;
}

static void let_go(struct holder h)
{
    int status;

    close(h.in);
    while (waitpid(h.pid, &status, 0) < 0 && errno == EINTR)
        ;
}

/*
 * qemu-io itself shares everything, so only what it does counts: as a writer we refuse to be beside
 * it, in either role; as a reader it is no reader's problem.
 */
static void test_we_respect_qemu(void **state)
{
    struct block_options writer = options(false, false, true), reader = options(true, false, true);
    struct holder h;

    (void)state;
    if (!have_tools())
        skip();
    signal(SIGPIPE, SIG_IGN);
    h = hold_open("");
    refused(&writer, "another process that writes to it");
    refused(&reader, "another process that writes to it");
    let_go(h);
    accepted(&writer);

    h = hold_open("-r");
    accepted(&reader);
    let_go(h);
    accepted(&writer);
}

/* QEMU proper: its disks deny writing to others, as ours do. */
static void test_we_respect_qemu_system(void **state)
{
    struct block_options writer = options(false, false, true), reader = options(true, false, true);
    char *path = g_find_program_in_path("qemu-system-x86_64");

    (void)state;
    if (!path) {
        print_message("qemu-system-x86_64 is not installed\n");
        skip();
    }
    g_free(path);
    for (int ro = 0; ro < 2; ro++) {
        char *drive = g_strdup_printf("file=%s,format=raw,if=none,id=d,readonly=%s", image_path,
                                      ro ? "on" : "off");
        int to[2], from[2];
        char c;
        pid_t pid;

        assert_int_equal(pipe2(to, O_CLOEXEC), 0);
        assert_int_equal(pipe2(from, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            dup2(to[0], 0);
            dup2(from[1], 1);
            execlp("qemu-system-x86_64", "qemu-system-x86_64", "-S", "-nodefaults", "-display",
                   "none", "-accel", "tcg", "-m", "16", "-qmp", "stdio", "-drive", drive, "-device",
                   ro ? "ide-cd,drive=d" : "ide-hd,drive=d", NULL);
            _exit(127);
        }
        close(from[1]);
        assert_true(write(to[1], "{'execute':'qmp_capabilities'}\n", 31) == 31);
        do /* past the greeting; the answer to the command comes when all is open */
            assert_int_equal(read(from[0], &c, 1), 1);
        while (c != '\n');
        assert_int_equal(read(from[0], &c, 1), 1);
        if (ro) {
            accepted(&reader);
            refused(&writer, "allows no other to write to it");
        } else {
            refused(&reader, "another process that writes to it");
            refused(&writer, "another process that writes to it");
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        g_free(drive);
    }
    accepted(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ours, refresh),
        cmocka_unit_test_setup(test_qemu_respects_ours, refresh),
        cmocka_unit_test_setup(test_we_respect_qemu, refresh),
        cmocka_unit_test_setup(test_we_respect_qemu_system, refresh),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
