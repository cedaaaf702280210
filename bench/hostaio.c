/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostaio FILE SPAN BYTES read|write seq|random direct|buffered SECONDS: the host's own limit for what
 * bench/guest/disk.S does. One request of BYTES at a time, over the first SPAN bytes (powers of two), at
 * the same places: by Linux AIO on O_DIRECT, or by pread() and pwrite() through the page cache. Prints
 * requests, nanoseconds and nanoseconds of processor time.
 */
#include <err.h>
#include <fcntl.h>
#include <libaio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fd;
static void *buffer;
static uint64_t span, bytes;
static bool writes, at_random, direct;
static io_context_t aio;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* As next_sector in bench/guest/disk.S: the upper bits of the generator, or one after the other. */
static uint64_t next_offset(void)
{
    static uint32_t state;
    uint64_t places = span / bytes;

    if (!at_random)
        return state++ % places * bytes;
    state = state * 1664525 + 1013904223;
    return ((uint64_t)state * places >> 32) * bytes;
}

static long transfer_direct(uint64_t off)
{
    struct iocb cb, *list[] = { &cb };
    struct io_event event;

    if (writes)
        io_prep_pwrite(&cb, fd, buffer, bytes, (long long)off);
    else
        io_prep_pread(&cb, fd, buffer, bytes, (long long)off);
    if (io_submit(aio, 1, list) != 1 || io_getevents(aio, 1, 1, &event, NULL) != 1)
        errx(1, "AIO failed");
    return (long)event.res;
}

static long transfer(uint64_t off)
{
    if (direct)
        return transfer_direct(off);
    return writes ? pwrite(fd, buffer, bytes, (off_t)off) : pread(fd, buffer, bytes, (off_t)off);
}

/* Runs for that long; returns how many requests. */
static uint64_t run(double seconds)
{
    int64_t end = clock_ns(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);
    uint64_t n = 0;

    do {
        if (transfer(next_offset()) != (long)bytes)
            errx(1, "transfer failed");
        n++;
    } while (clock_ns(CLOCK_MONOTONIC) < end);
    return n;
}

static uint64_t power_of_two(const char *text)
{
    uint64_t n = strtoull(text, NULL, 0);

    if (!n || n & (n - 1))
        errx(2, "%s is no power of two", text);
    return n;
}

int main(int argc, char **argv)
{
    int64_t wall, cpu;
    uint64_t n;

    if (argc != 8)
        errx(2, "usage: hostaio FILE SPAN BYTES read|write seq|random direct|buffered SECONDS");
    span = power_of_two(argv[2]);
    bytes = power_of_two(argv[3]);
    writes = !strcmp(argv[4], "write");
    at_random = !strcmp(argv[5], "random");
    direct = !strcmp(argv[6], "direct");
    fd = open(argv[1], (writes ? O_RDWR : O_RDONLY) | (direct ? O_DIRECT : 0));
    if (fd < 0 || posix_memalign(&buffer, 4096, bytes) || io_setup(1, &aio) < 0)
        err(1, "%s", argv[1]);
    memset(buffer, 0x5a, bytes);
    run(0.05);
    wall = clock_ns(CLOCK_MONOTONIC);
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    n = run(strtod(argv[7], NULL));
    printf("%llu %lld %lld\n", (unsigned long long)n,
           (long long)(clock_ns(CLOCK_MONOTONIC) - wall),
           (long long)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu));
    return 0;
}
