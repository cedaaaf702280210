/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel with any file: refused or loaded within RAM. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dm/machine/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[] = "/tmp/kvm-dm-fuzz-XXXXXX";
    static int fd = -1;
    const uint64_t ram = 32u << 20;
    struct kernel_image k;
    g_autoptr(GError) error = NULL;

    if (fd < 0)
        fd = mkstemp(path);
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        return 0;
    if (kernel_load(path, NULL, "a b", ram, &k, &error)) {
        if ((uint64_t)k.kernel.addr + k.kernel.size > ram)
            abort();
        kernel_clear(&k);
    }
    return 0;
}
