// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the Linux guest: what comes out of the keyboard and the pointer.
 *
 *   inputctl keys COUNT SECONDS      the first COUNT bytes of /dev/tty1 in raw mode, as CRC-32 of each 100, and what
 *                                    the keyboard's evdev told meanwhile; ends, too, when nothing comes for SECONDS
 *   inputctl pointer SECONDS         a line for each report of every mouse, until the right button goes up
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define MAX_DEVICES 32
#define BLOCK_BYTES 100

/* Opens event device n if its name has this word in it; -1 if not. */
static int open_event(unsigned n, const char *word)
{
    char path[32], name[128] = "";
    int fd;

    snprintf(path, sizeof(path), "/dev/input/event%u", n);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) >= 0 && strstr(name, word))
        return fd;
    close(fd);
    return -1;
}

/* ---- keys ---- */

static struct {
    unsigned presses, releases, repeats, lost;
    unsigned wrong; /* a press of a key that is down, or a release of one that is not */
    bool down[KEY_CNT];
} keyboard;

static void note_key(const struct input_event *e)
{
    if (e->type == EV_SYN && e->code == SYN_DROPPED)
        keyboard.lost++;
    if (e->type != EV_KEY || e->code >= KEY_CNT)
        return;
    keyboard.presses += e->value == 1;
    keyboard.releases += e->value == 0;
    keyboard.repeats += e->value == 2;
    keyboard.wrong += e->value < 2 && keyboard.down[e->code] == (e->value == 1);
    keyboard.down[e->code] = e->value != 0;
}

static void read_keyboard(int fd)
{
    struct input_event e[64];
    ssize_t n;

    while ((n = read(fd, e, sizeof(e))) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof(e[0]); i++)
            note_key(&e[i]);
    }
}

static uint32_t crc32_of(const uint8_t *data, unsigned count)
{
    uint32_t crc = ~0u;

    for (unsigned i = 0; i < count; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void print_sums(const uint8_t *text, unsigned count)
{
    for (unsigned i = 0; i < count; i += BLOCK_BYTES)
        printf("lab: typed: %08x\n", crc32_of(text + i, count - i < BLOCK_BYTES ? count - i : BLOCK_BYTES));
}

static int open_raw_tty(void)
{
    int fd = open("/dev/tty1", O_RDWR | O_NONBLOCK | O_NOCTTY);
    struct termios raw;

    if (fd < 0 || tcgetattr(fd, &raw) < 0)
        return -1;
    cfmakeraw(&raw);
    return tcsetattr(fd, TCSAFLUSH, &raw) < 0 ? -1 : fd;
}

static int keys(unsigned count, int seconds)
{
    struct pollfd fds[2] = {{open_raw_tty(), POLLIN, 0}, {-1, POLLIN, 0}};
    uint8_t *text = calloc(1, count);
    unsigned got = 0;
    ssize_t n;

    for (unsigned i = 0; i < MAX_DEVICES && fds[1].fd < 0; i++)
        fds[1].fd = open_event(i, "keyboard");
    if (!text || fds[0].fd < 0 || fds[1].fd < 0) {
        printf("lab: FAIL: no tty1, or no keyboard\n");
        return 1;
    }
    printf("lab: ready\n");
    fflush(stdout);
    while (got < count && poll(fds, 2, seconds * 1000) > 0) {
        n = read(fds[0].fd, text + got, count - got);
        got += n > 0 ? (unsigned)n : 0;
        read_keyboard(fds[1].fd);
    }
    while (poll(fds, 2, 1000) > 0) { /* the last release, and what should not be there */
        uint8_t more;

        read_keyboard(fds[1].fd);
        if (read(fds[0].fd, &more, 1) == 1)
            printf("lab: typed too much: %02x\n", more);
    }
    print_sums(text, got);
    printf("lab: %u typed, %u presses, %u releases, %u repeats, %u wrong, %u lost\n", got, keyboard.presses,
           keyboard.releases, keyboard.repeats, keyboard.wrong, keyboard.lost);
    return 0;
}

/* ---- pointer ---- */

struct mouse {
    int rel[REL_CNT], abs[2];
    bool moved, placed, clicked;
    unsigned buttons; /* bit 0: BTN_LEFT */
};

static void print_report(struct mouse *m, unsigned n)
{
    if (!m->moved && !m->placed && !m->clicked)
        return;
    printf("lab: mouse%u:", n);
    if (m->placed)
        printf(" abs %d %d", m->abs[0], m->abs[1]);
    if (m->moved)
        printf(" rel %d %d wheel %d", m->rel[REL_X], m->rel[REL_Y], m->rel[REL_WHEEL]);
    printf(" buttons %02x\n", m->buttons);
    fflush(stdout);
    memset(m->rel, 0, sizeof(m->rel));
    m->moved = m->placed = m->clicked = false;
}

/* True: the right button went up. */
static bool note_mouse(struct mouse *m, unsigned n, const struct input_event *e)
{
    if (e->type == EV_REL && e->code < REL_CNT) {
        m->rel[e->code] += e->value;
        m->moved = true;
    } else if (e->type == EV_ABS && e->code <= ABS_Y) {
        m->abs[e->code] = e->value;
        m->placed = true;
    } else if (e->type == EV_KEY && e->code >= BTN_LEFT && e->code < BTN_LEFT + 8) {
        unsigned bit = 1u << (e->code - BTN_LEFT);

        m->buttons = e->value ? m->buttons | bit : m->buttons & ~bit;
        m->clicked = true;
        if (e->code == BTN_RIGHT && !e->value)
            return true;
    } else if (e->type == EV_SYN && e->code == SYN_DROPPED) {
        printf("lab: FAIL: mouse%u: events lost\n", n);
    } else if (e->type == EV_SYN) {
        print_report(m, n);
    }
    return false;
}

static int pointer(int seconds)
{
    static struct mouse mice[MAX_DEVICES];
    struct pollfd fds[MAX_DEVICES];
    unsigned count = 0;

    for (unsigned i = 0; i < MAX_DEVICES; i++) {
        int fd = open_event(i, "Mouse");

        if (fd >= 0)
            fds[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    printf("lab: ready with %u mice\n", count);
    fflush(stdout);
    while (poll(fds, count, seconds * 1000) > 0) {
        for (unsigned n = 0; n < count; n++) {
            struct input_event e;

            while (read(fds[n].fd, &e, sizeof(e)) == sizeof(e)) {
                if (note_mouse(&mice[n], n, &e)) {
                    print_report(&mice[n], n);
                    return 0;
                }
            }
        }
    }
    printf("lab: FAIL: no right click\n");
    return 1;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "keys"))
        return keys((unsigned)atoi(argv[2]), atoi(argv[3]));
    if (argc == 3 && !strcmp(argv[1], "pointer"))
        return pointer(atoi(argv[2]));
    fprintf(stderr, "usage: inputctl keys COUNT SECONDS | pointer SECONDS\n");
    return 2;
}
