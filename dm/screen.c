/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/screen.h"

#include "dm/machine/firmware.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/vm.h"

#include <zlib.h>

#define MAX_ROM_BYTES (256u * 1024)
#define MAX_PF2_BYTES (16u * 1024 * 1024)
#define MAX_PSF_BYTES (256u * 1024)

/* The guest's video BIOS has the fonts that its text modes begin with. */
static void learn_bios_fonts(struct glyph_book *book)
{
    g_autoptr(GError) error = NULL;
    uint8_t *rom = NULL;
    size_t size = 0;

    if (firmware_read_rom("-vga", "vgabios-stdvga.bin", MAX_ROM_BYTES, &rom, &size, &error))
        glyph_book_add_rom(book, rom, size);
    g_free(rom);
}

/* One for all who read the screen. */
static struct glyph_book *get_book(void)
{
    static struct glyph_book *book;

    if (!book) {
        book = glyph_book_new();
        learn_bios_fonts(book);
    }
    return book;
}

/* Read when the first graphics mode is looked at: a large file, and most guests need none of it. */
static void learn_grub_font(struct glyph_book *book)
{
    static const char *const paths[] = {"/usr/share/grub/unicode.pf2", "/boot/grub/fonts/unicode.pf2",
                                        "/usr/share/grub/ascii.pf2"};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GMappedFile) file = g_mapped_file_new(paths[i], FALSE, NULL);

        if (file && g_mapped_file_get_length(file) <= MAX_PF2_BYTES &&
            glyph_book_add_pf2(book, (const uint8_t *)g_mapped_file_get_contents(file),
                               g_mapped_file_get_length(file)))
            return;
    }
}

/* Those that Linux draws with in graphics modes: its own is much like VGA's, Debian loads Fixed. */
static void learn_console_fonts(struct glyph_book *book)
{
    static const char *const names[] = {"Uni2-VGA16", "Uni2-Fixed16", "Uni2-Terminus16", "Uni2-TerminusBold16"};
    g_autofree uint8_t *data = g_malloc(MAX_PSF_BYTES);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("/usr/share/consolefonts/%s.psf.gz", names[i]);
        gzFile file = gzopen(path, "rb");
        int bytes = file ? gzread(file, data, MAX_PSF_BYTES) : -1;

        if (bytes > 0)
            glyph_book_add_psf(book, data, (size_t)bytes);
        if (file)
            gzclose(file);
    }
}

const struct glyph_book *screen_glyphs(void)
{
    return get_book();
}

struct screen_reader *screen_now(struct vm *vm, enum screen_depth depth, GError **error)
{
    static struct screen_reader *reader;
    static bool all_known;
    struct glyph_book *book = get_book();
    struct display_source *source = vm_display(vm);

    if (!source)
        return qmp_fail(error, "no graphic console found (-vga none)");
    if (!reader)
        reader = screen_reader_new(book);
    screen_read(reader, source);
    if (reader->text_mode || depth == SCREEN_CELLS)
        return reader;
    if (!all_known) {
        learn_grub_font(book);
        learn_console_fonts(book);
    }
    all_known = true;
    screen_recognise(reader);
    return reader;
}
