/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between file.c (I/O) and file_open.c (which file, for whom); nobody else. */
#ifndef BLOCK_FILE_INT_H
#define BLOCK_FILE_INT_H

#include <pthread.h>

#include "block/drivers.h"

#define FILE_BOUNCE_BYTES (256u << 10) /* the largest alignment that O_DIRECT may ask for, too */

struct file {
    struct image img;
    char *path;
    int fd;
    bool is_device, writable, locked, locked_to_write;
    int no_nowait; /* atomic: the file system cannot RWF_NOWAIT */
    /* Under a format two writes may share one block of the device's; one at a time reads and changes
     * it. (A disk's own writes are kept apart by the queue: grain_bytes.) */
    pthread_mutex_t partial;
};

static inline struct file *file_of(struct image *img)
{
    return (struct file *)img;
}

extern const struct image_ops file_ops;
bool image_file_permit(struct image *img, bool write, GError **error);

#endif
