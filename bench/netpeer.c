/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of a network bench, without much work of its own: takes frames and counts them, or gives frames for
 * ever. bench/net.py starts it in the emulator's network namespace.
 *
 *   netpeer sink   stream PATH | unix PATH REMOTE | udp PORT            BYTES COUNT
 *   netpeer source stream PATH | unix PATH REMOTE | udp PORT | packet IF BYTES COUNT MARKS
 *
 * BYTES: of a frame (of a datagram's payload with udp). COUNT: a file whose first eight bytes are how many there were.
 * MARKS: a file that grows by a byte for MARK_FRAMES frames that the guest has seen; where nothing else holds a sender
 * back (udp, packet), no more than WINDOW frames are under way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define MAX_BYTES 1600
#define MARK_FRAMES 128 /* tests/guest/net/main.c */
#define WINDOW 512
#define STALLED_NS 50000000 /* then what was under way is taken as lost */
#define STREAM_BYTES (256 << 10)
#define LENGTH_BYTES 4

static uint64_t *count;
static size_t frame_bytes;
static uint8_t frame[MAX_BYTES];

static void fail(const char *what)
{
    fprintf(stderr, "netpeer: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- sockets ---- */

static struct sockaddr_un path_address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return a;
}

static int accept_stream(const char *path)
{
    struct sockaddr_un a = path_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
        fail(path);
    peer = accept(fd, NULL, NULL);
    if (peer < 0)
        fail(path);
    return peer;
}

/* The emulator's socket may come later. */
static int open_unix(const char *path, const char *remote)
{
    struct sockaddr_un a = path_address(path), b = path_address(remote);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        fail(path);
    for (int i = 0; connect(fd, (struct sockaddr *)&b, sizeof(b)); i++) {
        if (i == 2000)
            fail(remote);
        usleep(5000);
    }
    return fd;
}

static int open_udp(const char *port, int sink)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 4 << 20;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (fd < 0 || (sink ? bind(fd, (struct sockaddr *)&a, sizeof(a)) : connect(fd, (struct sockaddr *)&a, sizeof(a))))
        fail("udp");
    return fd;
}

static int open_packet(const char *interface)
{
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1; /* protocol 0: receives nothing */

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        fail(interface);
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
    return fd;
}

/* ---- taking ---- */

static void take_datagrams(int fd)
{
    static uint8_t buffer[BATCH][MAX_BYTES];
    struct mmsghdr message[BATCH] = {0};
    struct iovec iov[BATCH];
    int n;

    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){buffer[i], MAX_BYTES};
        message[i].msg_hdr.msg_iov = &iov[i];
        message[i].msg_hdr.msg_iovlen = 1;
    }
    while ((n = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL)) > 0)
        *(volatile uint64_t *)count += (uint64_t)n;
}

static void take_stream(int fd)
{
    static uint8_t buffer[STREAM_BYTES];
    uint64_t bytes = 0;
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        bytes += (uint64_t)n;
        *(volatile uint64_t *)count = bytes / (LENGTH_BYTES + frame_bytes);
    }
}

/* ---- giving ---- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t seen_by_guest(int marks)
{
    struct stat st;

    return fstat(marks, &st) ? 0 : (uint64_t)st.st_size * MARK_FRAMES;
}

/* `lost` is what is under way and never arrives. */
static void wait_for_window(int marks, uint64_t sent, uint64_t *lost)
{
    uint64_t seen = seen_by_guest(marks), since = now_ns();

    while (sent - *lost > seen + WINDOW) {
        uint64_t now = seen_by_guest(marks);

        if (now != seen)
            since = now_ns();
        else if (now_ns() - since > STALLED_NS)
            *lost = sent - seen;
        seen = now;
        usleep(20);
    }
}

static void give_datagrams(int fd, int marks)
{
    struct mmsghdr message[BATCH] = {0};
    struct iovec iov = {frame, frame_bytes};
    uint64_t lost = 0;

    for (int i = 0; i < BATCH; i++) {
        message[i].msg_hdr.msg_iov = &iov;
        message[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        int n;

        if (marks >= 0)
            wait_for_window(marks, *count, &lost);
        n = sendmmsg(fd, message, BATCH, 0);
        if (n < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
            return;
        if (n < 0)
            usleep(1000); /* nobody there yet, or full */
        else
            *(volatile uint64_t *)count += (uint64_t)n;
    }
}

static void give_stream(int fd)
{
    static uint8_t buffer[STREAM_BYTES];
    size_t step = LENGTH_BYTES + frame_bytes, frames = sizeof(buffer) / step;
    uint32_t length = htonl((uint32_t)frame_bytes);

    for (size_t i = 0; i < frames; i++) {
        memcpy(buffer + i * step, &length, sizeof(length));
        memcpy(buffer + i * step + LENGTH_BYTES, frame, frame_bytes);
    }
    for (;;) {
        for (size_t at = 0; at < frames * step;) {
            ssize_t n = write(fd, buffer + at, frames * step - at);

            if (n < 0)
                return;
            at += (size_t)n;
        }
        *(volatile uint64_t *)count += frames;
    }
}

/* As the guest's (tests/guest/net/main.c), the other way. */
static void make_frame(void)
{
    static const uint8_t head[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x52, 0x55, 0x0a, 0,  2, 2, 8, 0, 0x45,
                                   0,    0,    0,    0,    0,    0,    0,    64,   17,   0,  0, 10, 0, 2, 2,
                                   10,   0,    2,    15};
    uint16_t bytes = htons((uint16_t)(frame_bytes - 14));

    memcpy(frame, head, sizeof(head));
    memcpy(frame + 16, &bytes, sizeof(bytes));
}

int main(int argc, char **argv)
{
    int source = argc > 1 && !strcmp(argv[1], "source"), at = 4, fd, counter, marks = -1;
    const char *kind = argc > 2 ? argv[2] : "";

    if (argc < 6)
        return 2;
    at += !strcmp(kind, "unix");
    if (argc != at + 2 + source)
        return 2;
    frame_bytes = (size_t)atoi(argv[at]);
    counter = open(argv[at + 1], O_RDWR);
    count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, counter, 0);
    if (count == MAP_FAILED || frame_bytes > MAX_BYTES)
        fail(argv[at + 1]);
    if (source)
        make_frame();
    if (!strcmp(kind, "stream"))
        fd = accept_stream(argv[3]);
    else if (!strcmp(kind, "unix"))
        fd = open_unix(argv[3], argv[4]);
    else if (!strcmp(kind, "udp"))
        fd = open_udp(argv[3], !source);
    else
        fd = open_packet(argv[3]);
    if (source && (!strcmp(kind, "udp") || !strcmp(kind, "packet")))
        marks = open(argv[at + 2], O_RDONLY);
    if (!strcmp(kind, "stream"))
        (source ? give_stream : take_stream)(fd);
    else if (source)
        give_datagrams(fd, marks);
    else
        take_datagrams(fd);
    return 0;
}
