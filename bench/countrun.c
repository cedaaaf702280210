/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded before an emulator (LD_PRELOAD) to count how often KVM_RUN returns to it: the exits that
 * user space sees. The count is the first eight bytes of the file that BENCH_COUNT names. Used in runs
 * of their own, which are not timed.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t unused, *count = &unused;

__attribute__((constructor)) static void open_count(void)
{
    const char *path = getenv("BENCH_COUNT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p;

    if (fd < 0)
        return;
    p = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        count = p;
    close(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;
    int rc;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    rc = (int)syscall(SYS_ioctl, fd, request, arg);
    if (request == KVM_RUN)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return rc;
}
