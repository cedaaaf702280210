/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded by test_faults_host.py: lets the n-th call of a function of the C library fail, as a host
 * would. The file $FAIL_LIBC is mapped: per function (in the order of enum call) three 32-bit numbers, n
 * (0: none fails), the error, how many calls fail from the n-th on; and a fourth, calls seen so far.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { PREADV, PWRITEV, FDATASYNC, FALLOCATE, MEMALIGN, THREAD, SUBMIT, CALLS };

struct plan {
    unsigned from, err, times, seen;
};

static struct plan *plans;

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("FAIL_LIBC");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, CALLS * sizeof(*plans), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED)
        plans = map;
    if (fd >= 0)
        close(fd);
}

/* 0, or the error that this call is to end with. */
static int due(enum call call)
{
    struct plan *p = plans ? &plans[call] : NULL;
    unsigned n;

    if (!p || !__atomic_load_n(&p->from, __ATOMIC_SEQ_CST))
        return 0;
    n = __atomic_add_fetch(&p->seen, 1, __ATOMIC_SEQ_CST);
    return n >= p->from && n - p->from < p->times ? (int)p->err : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(call)                                                                                 \
    do {                                                                                           \
        int err = due(call);                                                                       \
        if (err) {                                                                                 \
            errno = err;                                                                           \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

ssize_t preadv(int fd, const struct iovec *iov, int n, off_t off)
{
    FAIL(PREADV);
    return REAL(preadv)(fd, iov, n, off);
}

ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t off)
{
    FAIL(PREADV);
    return REAL(preadv64)(fd, iov, n, off);
}

/* Only asked for what is at hand: it says that nothing is, so that all reads take the long way. */
ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
    (void)fd, (void)iov, (void)n, (void)off, (void)flags;
    errno = EAGAIN;
    return -1;
}

ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
    return preadv2(fd, iov, n, off, flags);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
    FAIL(PWRITEV);
    return REAL(pwritev)(fd, iov, n, off);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t off)
{
    FAIL(PWRITEV);
    return REAL(pwritev64)(fd, iov, n, off);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
    FAIL(PWRITEV);
    return REAL(pwritev2)(fd, iov, n, off, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
    FAIL(PWRITEV);
    return REAL(pwritev64v2)(fd, iov, n, off, flags);
}

int fdatasync(int fd)
{
    FAIL(FDATASYNC);
    return REAL(fdatasync)(fd);
}

int fallocate(int fd, int mode, off_t off, off_t bytes)
{
    FAIL(FALLOCATE);
    return REAL(fallocate)(fd, mode, off, bytes);
}

int fallocate64(int fd, int mode, off64_t off, off64_t bytes)
{
    FAIL(FALLOCATE);
    return REAL(fallocate64)(fd, mode, off, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
    int err = due(MEMALIGN);

    return err ? err : REAL(posix_memalign)(out, align, bytes);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int err = due(THREAD);

    return err ? err : REAL(pthread_create)(thread, attr, run, arg);
}

int io_submit(io_context_t ctx, long n, struct iocb **iocbs)
{
    int err = due(SUBMIT);

    return err ? -err : REAL(io_submit)(ctx, n, iocbs);
}
