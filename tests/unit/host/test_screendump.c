/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>
#ifdef CONFIG_PNG
#include <png.h>
#endif

#include "ioreq/iolock.h"
#include "ui/screendump.h"

static char *dir;

static struct surface picture(uint32_t width, uint32_t height)
{
    struct surface s = {0};

    assert_true(surface_resize(&s, width, height));
    for (uint32_t i = 0; i < width * height; i++)
        s.pixels[i] = i * 0x010305 & 0xffffff;
    return s;
}

static void test_resize(void **state)
{
    struct surface s = {0};
    uint32_t *pixels;

    (void)state;
    assert_true(surface_resize(&s, 10, 20));
    assert_int_equal(s.stride, 10);
    pixels = s.pixels;
    assert_false(surface_resize(&s, SURFACE_MAX_WIDTH + 1, 1));
    assert_false(surface_resize(&s, 1, SURFACE_MAX_HEIGHT + 1));
    assert_false(surface_resize(&s, 0, 5));
    assert_ptr_equal(s.pixels, pixels);
    assert_int_equal(s.width, 10);
    assert_true(surface_resize(&s, 10, 20));
    assert_ptr_equal(s.pixels, pixels);
    assert_true(surface_resize(&s, 30, 1));
    s.pixels[29] = 1;
    surface_free(&s);
    assert_null(s.pixels);
}

static void note_unlocked(void *opaque)
{
    struct display_source *source = opaque;

    assert_false(iolock_held(source->lock));
    source->chip = source;
}

/* What KVM still holds is carried out before the device is entered, not inside. */
static void test_enter(void **state)
{
    struct display_source source = {.lock = iolock_new()};

    (void)state;
    display_enter(&source);
    assert_true(iolock_held(source.lock));
    display_leave(&source);
    assert_false(iolock_held(source.lock));
    source.catch_up = note_unlocked;
    source.catch_up_opaque = &source;
    display_enter(&source);
    assert_ptr_equal(source.chip, &source);
    display_leave(&source);
    iolock_free(source.lock);
}

static void test_ppm(void **state)
{
    struct surface s = picture(3, 2);
    char *path = g_build_filename(dir, "a.ppm", NULL), *content;
    gsize length;

    (void)state;
    /* A longer file that is there is cut. */
    assert_true(g_file_set_contents(path, "0123456789012345678901234567890123456789", -1, NULL));
    s.pixels[4] = 0x123456;
    assert_true(screendump_write(&s, path, false, NULL));
    assert_true(g_file_get_contents(path, &content, &length, NULL));
    assert_int_equal(length, 11 + 18);
    assert_memory_equal(content, "P6\n3 2\n255\n", 11);
    assert_memory_equal(content + 11 + 4 * 3, "\x12\x34\x56", 3);
    g_free(content);
    g_unlink(path);
    g_free(path);
    surface_free(&s);
}

#ifdef CONFIG_PNG
static void test_png(void **state)
{
    struct surface s = picture(33, 17);
    char *path = g_build_filename(dir, "a.png", NULL);
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t rgb[33 * 17 * 3];

    (void)state;
    assert_true(screendump_write(&s, path, true, NULL));
    assert_true(png_image_begin_read_from_file(&image, path));
    assert_int_equal(image.width, 33);
    assert_int_equal(image.height, 17);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    for (unsigned i = 0; i < 33 * 17; i++)
        assert_int_equal(rgb[i * 3] << 16 | rgb[i * 3 + 1] << 8 | rgb[i * 3 + 2], s.pixels[i]);
    g_unlink(path);
    g_free(path);
    surface_free(&s);
}
#endif

static void expect_error(const struct surface *s, const char *path, bool png, const char *what)
{
    GError *error = NULL;

    assert_false(screendump_write(s, path, png, &error));
    assert_non_null(error);
    if (!strstr(error->message, what))
        fail_msg("'%s' does not say '%s'", error->message, what);
    assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static void test_errors(void **state)
{
    struct surface s = picture(640, 480), none = {0};
    struct rlimit old, small = {1000, RLIM_INFINITY};
    char *path = g_build_filename(dir, "no", "such", NULL), *short_path;

    (void)state;
    expect_error(&s, path, false, path);
    expect_error(&s, dir, false, "cannot create");
    expect_error(&none, "/dev/null", false, "no picture");
    expect_error(&s, "/dev/full", false, "No space left");
    /* A short write: an error, and no half of a picture. */
    short_path = g_build_filename(dir, "short", NULL);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    expect_error(&s, short_path, false, "cannot write");
#ifdef CONFIG_PNG
    expect_error(&s, short_path, true, "cannot write");
    expect_error(&s, "/dev/full", true, "cannot write");
#else
    expect_error(&s, short_path, true, "libpng");
#endif
    setrlimit(RLIMIT_FSIZE, &old);
    assert_false(g_file_test(short_path, G_FILE_TEST_EXISTS));
    g_free(short_path);
    g_free(path);
    surface_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_enter),
        cmocka_unit_test(test_ppm),
#ifdef CONFIG_PNG
        cmocka_unit_test(test_png),
#endif
        cmocka_unit_test(test_errors),
    };
    int failed;

    dir = g_dir_make_tmp("screendump-XXXXXX", NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_rmdir(dir);
    g_free(dir);
    return failed;
}
