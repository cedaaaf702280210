/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/tlscreds.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "block/image.h"

static GPtrArray *all; /* of struct tls_creds */

struct tls_creds *tls_creds_copy(const struct tls_creds *creds)
{
    struct tls_creds *copy = g_new(struct tls_creds, 1);

    *copy = *creds;
    copy->id = g_strdup(creds->id);
    copy->dir = g_strdup(creds->dir);
    copy->username = g_strdup(creds->username);
    return copy;
}

void tls_creds_free(struct tls_creds *creds)
{
    if (!creds)
        return;
    g_free(creds->id);
    g_free(creds->dir);
    g_free(creds->username);
    g_free(creds);
}

static unsigned index_of(const char *id)
{
    unsigned i = 0;

    while (all && i < all->len && strcmp(((struct tls_creds *)all->pdata[i])->id, id))
        i++;
    return i;
}

const struct tls_creds *tls_creds_find(const char *id)
{
    unsigned i = index_of(id);

    return all && i < all->len ? all->pdata[i] : NULL;
}

bool tls_creds_add(const struct tls_creds *creds, GError **error)
{
    const char *needed = creds->psk ? "keys.psk" : "ca-cert.pem";
    g_autofree char *file = NULL;

    if (tls_creds_find(creds->id)) {
        block_error(error, EEXIST, creds->id, "the id is taken");
        return false;
    }
    if (!creds->dir || !*creds->dir) {
        block_error(error, EINVAL, creds->id, "dir=, where %s is, is missing", needed);
        return false;
    }
    file = g_build_filename(creds->dir, needed, NULL);
    if (access(file, R_OK) < 0) {
        block_error(error, errno, file, "%s", g_strerror(errno));
        return false;
    }
    if (!all)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)tls_creds_free);
    g_ptr_array_add(all, tls_creds_copy(creds));
    return true;
}

bool tls_creds_remove(const char *id)
{
    if (!tls_creds_find(id))
        return false;
    g_ptr_array_remove_index_fast(all, index_of(id));
    return true;
}

void tls_creds_clear(void)
{
    g_clear_pointer(&all, g_ptr_array_unref);
}
