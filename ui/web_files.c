/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/web_files.h"

#include <string.h>

#define NOVNC "/usr/share/novnc"
#define MAX_FILES 256
#define MAX_DEPTH 5

/* web_page.S */
extern const char web_index_html[], web_index_html_end[], web_page_js[], web_page_js_end[];
extern const char web_page_css[], web_page_css_end[], web_vt_js[], web_vt_js_end[];
extern const char web_serial_js[], web_serial_js_end[];

static const struct {
    const char *url, *type, *data, *end;
} own[] = {
    {"/", "text/html; charset=utf-8", web_index_html, web_index_html_end},
    {"/page.js", "text/javascript; charset=utf-8", web_page_js, web_page_js_end},
    {"/page.css", "text/css; charset=utf-8", web_page_css, web_page_css_end},
    {"/vt.js", "text/javascript; charset=utf-8", web_vt_js, web_vt_js_end},
    {"/serial.js", "text/javascript; charset=utf-8", web_serial_js, web_serial_js_end},
};

static void free_file(void *opaque)
{
    struct web_file *file = opaque;

    g_free(file->path);
    g_free(file);
}

static void add(GHashTable *files, const char *url, const char *type, const void *data, size_t size,
                const char *path)
{
    struct web_file *file = g_new(struct web_file, 1);

    *file = (struct web_file){type, data, size, g_strdup(path)};
    g_hash_table_insert(files, g_strdup(url), file);
}

/* The modules below a folder; which there are differs from version to version. */
static void add_modules(GHashTable *files, const char *url, const char *path, unsigned depth)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) && g_hash_table_size(files) < MAX_FILES) {
        g_autofree char *inner_url = g_strconcat(url, "/", name, NULL);
        g_autofree char *inner = g_build_filename(path, name, NULL);

        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && depth < MAX_DEPTH)
            add_modules(files, inner_url, inner, depth + 1);
        else if (g_str_has_suffix(name, ".js") && g_file_test(inner, G_FILE_TEST_IS_REGULAR))
            add(files, inner_url, "text/javascript; charset=utf-8", NULL, 0, inner);
    }
    if (dir)
        g_dir_close(dir);
}

GHashTable *web_files_new(GError **error)
{
    GHashTable *files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_file);

    for (unsigned i = 0; i < G_N_ELEMENTS(own); i++)
        add(files, own[i].url, own[i].type, own[i].data, (size_t)(own[i].end - own[i].data), NULL);
    add_modules(files, "/novnc/core", NOVNC "/core", 0);
    add_modules(files, "/novnc/vendor", NOVNC "/vendor", 0);
    if (web_files_find(files, "/novnc/core/rfb.js"))
        return files;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "-display web: noVNC is not in " NOVNC ": apt-get install novnc");
    g_hash_table_unref(files);
    return NULL;
}

const struct web_file *web_files_find(GHashTable *files, const char *url)
{
    return g_hash_table_lookup(files, url);
}
