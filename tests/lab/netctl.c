// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What busybox has not for the job "net":
 *
 *   netctl serve PORT                              the other end of the next two, until it is killed
 *   netctl flood ADDRESS PORT COUNT BYTES WINDOW   sends UDP datagrams that come back, at most WINDOW of them unanswered;
 *                                                  says how many did, late or not as they were sent
 *   netctl bulk ADDRESS PORT down|up MIB           moves so much by TCP; each byte has its value, which the end that
 *                                                  gets it checks
 *   netctl listen INTERFACE [GROUP...]             joins multicast addresses (aa:bb:...), then says the names of the
 *                                                  frames of type 88b5 hexadecimal that the card lets through, up
 *                                                  to one that is called "end"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_TYPE 0x88b5 /* IEEE 802 local experimental */
#define MAX_BYTES 65507
#define PATIENCE_MS 10000 /* without an answer, what is under way is lost */

static int fault(const char *what)
{
    printf("lab: FAIL: netctl: %s: %s\n", what, strerror(errno));
    return 1;
}

/* ---- bulk ---- */

#define BLOCK 65536

/* What either end has of the stream: its next eight bytes come from `state`, by xorshift64*. */
struct stream {
    uint64_t state, right, wrong;
    uint8_t block[BLOCK];
};

static void next_block(struct stream *s)
{
    for (unsigned i = 0; i < BLOCK; i += 8) {
        uint64_t word;

        s->state ^= s->state >> 12;
        s->state ^= s->state << 25;
        s->state ^= s->state >> 27;
        word = s->state * 0x2545f4914f6cdd1dull;
        memcpy(s->block + i, &word, 8);
    }
}

static int write_all(int fd, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(fd, (const char *)data + done, bytes - done);

        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

static int read_all(int fd, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = read(fd, (char *)data + done, bytes - done);

        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

static void count_right(struct stream *s, const uint8_t *got)
{
    if (!memcmp(got, s->block, BLOCK)) {
        s->right += BLOCK;
        return;
    }
    for (unsigned i = 0; i < BLOCK; i++) {
        if (got[i] == s->block[i])
            s->right++;
        else
            s->wrong++;
    }
}

/* Whole blocks; a line every 64 MiB if `progress`, for who waits. Fewer than wanted are right if the connection ends. */
static void move(int fd, struct stream *s, uint64_t bytes, int out, int progress)
{
    static uint8_t got[BLOCK];

    s->state = 0x9e3779b97f4a7c15ull;
    s->right = s->wrong = 0;
    for (uint64_t done = 0; done < bytes; done += BLOCK) {
        next_block(s);
        if ((out ? write_all(fd, s->block, BLOCK) : read_all(fd, got, BLOCK)) < 0)
            return;
        if (!out)
            count_right(s, got);
        if (progress && done && done % (64u << 20) == 0)
            printf("lab: TCP: %llu MiB\n", (unsigned long long)done >> 20);
    }
}

struct request {
    uint64_t bytes, up;
};

/* A connection of the server: a stream down, or one up and then what was right of it. */
static void serve_one(int fd)
{
    static struct stream s;
    struct request r;

    if (read_all(fd, &r, sizeof(r)) < 0)
        return;
    move(fd, &s, r.bytes, !r.up, 0);
    if (r.up) {
        const uint64_t answer[2] = {s.right, s.wrong};

        write_all(fd, answer, sizeof(answer));
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int bulk(const char *address, unsigned port, const char *way, unsigned mib)
{
    static struct stream s;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct request r = {.bytes = (uint64_t)mib << 20, .up = !strcmp(way, "up")};
    uint64_t answer[2] = {0, 0}, start = now_ms(), took_ms;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0 || write_all(fd, &r, sizeof(r)) < 0)
        return fault("bulk");
    move(fd, &s, r.bytes, (int)r.up, 1);
    if (!r.up) {
        answer[0] = s.right;
        answer[1] = s.wrong;
    } else if (read_all(fd, answer, sizeof(answer)) < 0) {
        return fault("no answer to the stream");
    }
    took_ms = now_ms() - start + 1;
    printf("lab: TCP %s: %llu bytes right, %llu wrong, %llu KiB/s\n", way, (unsigned long long)answer[0],
           (unsigned long long)answer[1], (unsigned long long)(r.bytes * 1000 / 1024 / took_ms));
    return 0;
}

static int serve_streams(unsigned port)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(fd, 4) < 0)
        return fault("serve");
    for (;;) {
        int connection = accept(fd, NULL, NULL);

        if (connection >= 0) {
            serve_one(connection);
            close(connection);
        }
    }
}

/* ---- echo ---- */

static int echo(unsigned port)
{
    static uint8_t data[MAX_BYTES];
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, peer;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
        return fault("echo");
    for (;;) {
        socklen_t size = sizeof(peer);
        ssize_t got = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &size);

        if (got >= 0)
            sendto(fd, data, (size_t)got, 0, (struct sockaddr *)&peer, size);
    }
}

/* Datagrams by a child, which ends with this process. */
static int serve(unsigned port)
{
    pid_t parent = getpid();

    signal(SIGPIPE, SIG_IGN);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return getppid() == parent ? echo(port) : 1;
    }
    return serve_streams(port);
}

/* ---- flood ---- */

struct flood {
    int fd;
    uint32_t count, bytes, window;
    uint32_t sent, next; /* next: the number that the next answer should have */
    uint32_t answered, late, wrong;
};

/* Number in the first four bytes, then bytes that depend on it and their place. */
static void fill(uint8_t *data, uint32_t number, uint32_t bytes)
{
    memcpy(data, &number, sizeof(number));
    for (uint32_t i = sizeof(number); i < bytes; i++)
        data[i] = (uint8_t)(number * 7 + i);
}

static void take_answer(struct flood *f, const uint8_t *data, ssize_t got)
{
    static uint8_t right[MAX_BYTES];
    uint32_t number = 0;

    if (got >= (ssize_t)sizeof(number))
        memcpy(&number, data, sizeof(number));
    fill(right, number, f->bytes);
    if (got != (ssize_t)f->bytes || number >= f->sent || memcmp(data, right, f->bytes)) {
        f->wrong++;
        return;
    }
    f->answered++;
    if (number < f->next)
        f->late++;
    else
        f->next = number + 1;
}

static int flood(struct flood *f, const char *address, unsigned port)
{
    static uint8_t data[MAX_BYTES];
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    f->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (f->fd < 0 || inet_pton(AF_INET, address, &peer.sin_addr) != 1 || f->bytes < 4 || f->bytes > MAX_BYTES ||
        connect(f->fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
        return fault("flood");
    while (f->answered + f->wrong < f->count) {
        struct pollfd p = {.fd = f->fd, .events = POLLIN};
        uint32_t unanswered = f->sent - f->answered - f->wrong;
        int may_send = f->sent < f->count && unanswered < f->window;
        int ready = poll(&p, 1, may_send ? 0 : PATIENCE_MS);

        if (ready > 0) {
            take_answer(f, data, recv(f->fd, data, sizeof(data), 0));
        } else if (may_send) {
            fill(data, f->sent, f->bytes);
            if (send(f->fd, data, f->bytes, 0) == (ssize_t)f->bytes)
                f->sent++;
        } else {
            break;
        }
    }
    printf("lab: flood of %u bytes, window %u: %u of %u, %u late, %u wrong\n", f->bytes, f->window, f->answered,
           f->count, f->late, f->wrong);
    return 0;
}

/* ---- listen ---- */

static int join(int fd, int index, const char *group)
{
    struct packet_mreq request = {.mr_ifindex = index, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6};
    unsigned a[6];

    if (sscanf(group, "%x:%x:%x:%x:%x:%x", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) != 6)
        return -1;
    for (int i = 0; i < 6; i++)
        request.mr_address[i] = (uint8_t)a[i];
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request));
}

static int listen_frames(const char *interface, char **groups)
{
    struct sockaddr_ll own = {.sll_family = AF_PACKET, .sll_protocol = htons(FRAME_TYPE)};
    int fd = socket(AF_PACKET, SOCK_DGRAM, htons(FRAME_TYPE));
    char name[128];

    own.sll_ifindex = (int)if_nametoindex(interface);
    if (fd < 0 || !own.sll_ifindex || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
        return fault("listen");
    for (; *groups; groups++) {
        if (join(fd, own.sll_ifindex, *groups) < 0)
            return fault(*groups);
    }
    printf("lab: ask frames\n");
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (poll(&p, 1, 60000) <= 0)
            return fault("no end of the frames");
        got = recv(fd, name, sizeof(name) - 1, 0);
        if (got <= 0)
            return fault("recv");
        name[got] = '\0';
        if (!strcmp(name, "end"))
            return 0;
        printf("lab: frame: %s\n", name);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve((unsigned)atoi(argv[2]));
    if (argc == 6 && !strcmp(argv[1], "bulk"))
        return bulk(argv[2], (unsigned)atoi(argv[3]), argv[4], (unsigned)atoi(argv[5]));
    if (argc == 7 && !strcmp(argv[1], "flood")) {
        struct flood f = {.count = (uint32_t)atoi(argv[4]), .bytes = (uint32_t)atoi(argv[5]),
                          .window = (uint32_t)atoi(argv[6])};

        return flood(&f, argv[2], (unsigned)atoi(argv[3]));
    }
    if (argc >= 3 && !strcmp(argv[1], "listen"))
        return listen_frames(argv[2], argv + 3);
    errno = EINVAL;
    return fault("arguments");
}
