/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VM is meant: -s, else $KVM_DM_SOCKET, else the only socket in the usual directories. */
#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/ctl.h"

static bool is_socket(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISSOCK(st.st_mode);
}

static GPtrArray *directories(void)
{
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");

    if (runtime && *runtime)
        g_ptr_array_add(dirs, g_build_filename(runtime, "kvm-dm", NULL));
    g_ptr_array_add(dirs, g_strdup("/run/kvm-dm"));
    return dirs;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_sockets(GPtrArray *found, const char *dir)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *name;

    while (d && (name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        if (is_socket(path))
            g_ptr_array_add(found, g_steal_pointer(&path));
    }
}

/* A name without a slash may be that of a socket in one of the directories, ".sock" left out or not. */
static char *find_by_name(const char *name, GPtrArray *dirs)
{
    static const char *const suffixes[] = {"", ".sock", ".qmp"};

    for (guint i = 0; i < dirs->len; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(suffixes); k++) {
            g_autofree char *file = g_strconcat(name, suffixes[k], NULL);
            g_autofree char *path = g_build_filename(g_ptr_array_index(dirs, i), file, NULL);

            if (is_socket(path))
                return g_steal_pointer(&path);
        }
    }
    return NULL;
}

static char *find_only(GPtrArray *dirs, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *list = NULL;
    bool several;

    for (guint i = 0; i < dirs->len; i++)
        add_sockets(found, g_ptr_array_index(dirs, i));
    if (found->len == 1)
        return g_strdup(g_ptr_array_index(found, 0));
    several = found->len > 1;
    g_ptr_array_sort(found, by_name);
    g_ptr_array_add(found, NULL);
    g_ptr_array_add(dirs, NULL);
    list = g_strjoinv(several ? " " : " nor ", (char **)(several ? found : dirs)->pdata);
    if (several)
        ctl_fail(error, CTL_USAGE, "which VM? -s SOCKET, one of: %s", list);
    else
        ctl_fail(error, CTL_NO_VM, "no socket: give -s SOCKET or set KVM_DM_SOCKET; there is none in %s",
                 list);
    return NULL;
}

char *socket_find(const char *given, GError **error)
{
    g_autoptr(GPtrArray) dirs = directories();
    char *path = NULL;

    if (!given)
        given = g_getenv("KVM_DM_SOCKET");
    if (!given || !*given)
        return find_only(dirs, error);
    if (g_str_has_prefix(given, "unix:"))
        given += 5;
    if (!strchr(given, '/') && !is_socket(given))
        path = find_by_name(given, dirs);
    return path ? path : g_strdup(given);
}
