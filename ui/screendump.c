/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/screendump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef CONFIG_PNG
#include <png.h>
#endif

static void pack_row(const struct surface *s, uint32_t y, uint8_t *rgb)
{
    const uint32_t *row = s->pixels + (size_t)y * s->stride;

    for (uint32_t x = 0; x < s->width; x++) {
        *rgb++ = row[x] >> 16;
        *rgb++ = row[x] >> 8;
        *rgb++ = row[x];
    }
}

static bool write_ppm(const struct surface *s, FILE *file, uint8_t *rgb)
{
    fprintf(file, "P6\n%u %u\n255\n", s->width, s->height);
    for (uint32_t y = 0; y < s->height; y++) {
        pack_row(s, y, rgb);
        if (fwrite(rgb, 3, s->width, file) != s->width)
            return false;
    }
    return fflush(file) == 0;
}

#ifdef CONFIG_PNG
/* libpng reports by longjmp: nothing that changes after setjmp is used behind it. */
static bool write_png_to(png_structp png, png_infop info, const struct surface *s, FILE *file,
                         uint8_t *rgb)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_init_io(png, file);
    png_set_compression_level(png, 3);
    png_set_IHDR(png, info, s->width, s->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t y = 0; y < s->height; y++) {
        pack_row(s, y, rgb);
        png_write_row(png, rgb);
    }
    png_write_end(png, info);
    return fflush(file) == 0;
}

static void png_failed(png_structp png, png_const_charp text)
{
    (void)text; /* errno says it better */
    png_longjmp(png, 1);
}

static void png_quiet(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static bool write_png(const struct surface *s, FILE *file, uint8_t *rgb)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_failed, png_quiet);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool ok = info && write_png_to(png, info, s, file, rgb);

    png_destroy_write_struct(&png, &info);
    return ok;
}
#else
static bool write_png(const struct surface *s, FILE *file, uint8_t *rgb)
{
    (void)s;
    (void)file;
    (void)rgb;
    return false;
}
#endif

static bool fail(GError **error, const char *path, const char *what, int err)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s '%s': %s", what, path,
                g_strerror(err));
    return false;
}

static bool png_known(GError **error)
{
#ifdef CONFIG_PNG
    (void)error;
    return true;
#else
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                "this build has no PNG (libpng was left out): use format ppm");
    return false;
#endif
}

bool screendump_write(const struct surface *s, const char *path, bool png, GError **error)
{
    struct stat st;
    uint8_t *rgb;
    FILE *file;
    bool ok;
    int err;

    if (png && !png_known(error))
        return false;
    if (!s->pixels || !s->width || !s->height) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "there is no picture to dump");
        return false;
    }
    file = fopen(path, "we");
    if (!file)
        return fail(error, path, "cannot create", errno);
    rgb = g_malloc((gsize)s->width * 3);
    errno = 0;
    ok = png ? write_png(s, file, rgb) : write_ppm(s, file, rgb);
    err = errno;
    g_free(rgb);
    if (!ok && fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode))
        unlink(path);
    if (fclose(file) != 0 && ok) {
        ok = false;
        err = errno;
        unlink(path);
    }
    return ok || fail(error, path, "cannot write", err ? err : EIO);
}
