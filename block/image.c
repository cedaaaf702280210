/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/image.h"

#include <stdarg.h>

G_DEFINE_QUARK(kvm-dm-block-error-quark, block_error)

void block_error(GError **error, int err, const char *path, const char *format, ...)
{
    va_list args;
    char *what;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, block_error_quark(), err, "%s: %s", path, what);
    g_free(what);
}

int image_sync_result(struct image *img, int err)
{
    int none = 0;

    if (err)
        __atomic_compare_exchange_n(&img->sync_error, &none, err, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
    return __atomic_load_n(&img->sync_error, __ATOMIC_SEQ_CST);
}
