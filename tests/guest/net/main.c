/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest does for ever, or for the test once:
 *   -DSEND=BYTES   sends frames of that length, BATCH to a kick where the card has rings
 *   -DRECEIVE      receives
 *   -DTEST         sends COUNT frames of many lengths, then receives COUNT like them, and ends by the debug port
 * A byte goes to the debug console for every MARK_FRAMES (SLOW_MARK_FRAMES, the test's TEST_MARK) received, or sent. -DC_MODE drives an RTL8139 the older way.
 * Frames are UDP from 10.0.2.15 to 10.0.2.2, as a user-mode network knows them.
 */
#include "net.h"
#include "pattern.h"

#define DEBUG_CONSOLE 0x402
#define DEBUG_EXIT 0xf4
#define BATCH 64u
#define MARK_FRAMES 128u
#define SLOW_MARK_FRAMES 8u /* of an NE2000: in QEMU a frame of 1514 bytes is 777 exits */
#ifdef C_MODE
#define RTL_C true
#else
#define RTL_C false
#endif

const uint8_t own_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
uint8_t tx_buffer[TX_BUFFERS][BUFFER_BYTES];
volatile uint8_t interrupt_seen;
static const struct nic *nic;
static uint32_t frames, mark_frames;

void copy(void *to, const void *from, uint32_t bytes)
{
    uint64_t n = bytes;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

void say(const char *text)
{
    while (*text)
        outb(DEBUG_CONSOLE, (uint8_t)*text++);
}

static void finish(uint8_t code)
{
    outl(DEBUG_EXIT, code);
    for (;;)
        interrupt_wait();
}

void give_up(const char *text)
{
    say(text);
    finish(GUEST_FAILED);
    __builtin_unreachable();
}

/* ---- sleeping ---- */

/*
 * The card is quiet, so that its pin rises anew (an ISA line is edge-triggered). Ours may be open already: what comes
 * from here on counts.
 */
static void listen(void)
{
    interrupt_seen = 0;
    nic->irq_on();
    interrupt_open();
}

/* One interrupt at the most between two calls; the card is told, as its handler would. */
static void serve_interrupt(void)
{
    if (!interrupt_seen)
        return;
    nic->irq_off();
    nic->tx_room();
    listen();
}

/* Interrupts are on while it sends. */
static void wait_for_room(unsigned frames_wanted)
{
    serve_interrupt();
    while (nic->tx_room() < frames_wanted) {
        interrupt_wait();
        serve_interrupt();
    }
}

/* As NAPI: no interrupts while there are frames. */
__attribute__((unused)) static void receive_some(unsigned budget, frame_fn *take)
{
    if (nic->rx(budget, take))
        return;
    listen();
    if (!nic->rx(budget, take))
        interrupt_wait();
    nic->irq_off();
}

/* ---- frames ---- */

static void put16(uint8_t *to, uint32_t v)
{
    to[0] = (uint8_t)(v >> 8);
    to[1] = (uint8_t)v;
}

__attribute__((unused)) static void make_header(uint8_t *f, uint32_t bytes)
{
    static const uint8_t head[] = {0x52, 0x55, 0x0a, 0, 2, 2, 0, 0, 0, 0, 0, 0, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17,
                                   0, 0, 10, 0, 2, 15, 10, 0, 2, 2};
    uint32_t sum = 0;

    copy(f, head, sizeof(head));
    copy(f + 6, own_mac, sizeof(own_mac));
    put16(f + 16, bytes - 14);
    for (unsigned i = 14; i < 34; i += 2)
        sum += (uint32_t)f[i] << 8 | f[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    put16(f + 24, ~(sum + (sum >> 16)));
    put16(f + 34, GUEST_PORT);
    put16(f + 36, GUEST_PORT);
    put16(f + 38, bytes - 34);
    put16(f + 40, 0); /* no checksum */
}

/* "10.0.2.15 is at own_mac": a user-mode network sends to whom it knows. */
static void announce(void)
{
    static const uint8_t arp[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    static uint8_t f[60]; /* of its own: a card may still read it when the first other frame is made */

    for (unsigned i = 0; i < 60; i++)
        f[i] = i < 6 ? 0xff : 0;
    copy(f + 6, own_mac, 6);
    copy(f + 12, arp, sizeof(arp));
    copy(f + 22, own_mac, 6);
    put16(f + 28, 10 << 8);
    put16(f + 30, 2 << 8 | 15);
    put16(f + 38, 10 << 8);
    put16(f + 40, 2 << 8 | 15);
    nic->tx_put(f, 60);
    nic->tx_kick();
    wait_for_room(1);
}

/* ---- modes ---- */

#ifndef TEST
static void count_frame(void)
{
    if (!(++frames % mark_frames))
        outb(DEBUG_CONSOLE, '.');
}
#endif

#if defined(SEND)
static void run(void)
{
    unsigned all = nic->tx_room(), batch = all < BATCH ? (all + 1) / 2 : BATCH;

    for (unsigned i = 0; i < TX_BUFFERS; i++)
        make_header(tx_buffer[i], SEND);
    for (;;) {
        unsigned room;

        wait_for_room(batch);
        room = nic->tx_room();
        for (unsigned n = room < BATCH ? room : BATCH; n; n--) {
            uint8_t *frame = tx_buffer[frames % TX_BUFFERS];

            *(uint32_t *)(frame + PATTERN_AT) = frames;
            nic->tx_put(frame, SEND);
            count_frame();
        }
        nic->tx_kick();
    }
}
#elif defined(RECEIVE)
static uint32_t last_number;

static void look_at(const uint8_t *frame, uint32_t bytes)
{
    if (bytes >= PATTERN_AT + 4)
        last_number = *(const uint32_t *)(frame + PATTERN_AT);
    count_frame();
}

static void run(void)
{
    nic->irq_off();
    for (;;)
        receive_some(64, look_at);
}
#else
static void check_frame(const uint8_t *frame, uint32_t bytes)
{
    uint32_t n = frames++;

    if (n >= TEST_FRAMES)
        give_up("more frames than were sent\n");
    if (bytes != pattern_bytes(n))
        give_up("a frame has another length\n");
    for (uint32_t i = PATTERN_AT; i < bytes; i++) {
        if (frame[i] != pattern_byte(n, i))
            give_up("a frame has other contents\n");
    }
    if (!(frames % TEST_MARK))
        say(".");
}

/* A buffer is used again when all are sent: the smallest ring is smaller. */
static void run(void)
{
    for (uint32_t n = 0; n < TEST_FRAMES; n++) {
        uint8_t *frame = tx_buffer[n % TX_BUFFERS];

        wait_for_room(1);
        make_header(frame, pattern_bytes(n));
        for (uint32_t i = PATTERN_AT; i < pattern_bytes(n); i++)
            frame[i] = pattern_byte(n, i);
        nic->tx_put(frame, pattern_bytes(n));
        if (n % 3 == 0 || n + 1 == TEST_FRAMES || nic->tx_room() == 0)
            nic->tx_kick();
    }
    say("sent\n");
    nic->irq_off();
    while (frames < TEST_FRAMES)
        receive_some(64, check_frame);
    say("received\n");
    finish(GUEST_OK);
}
#endif

void main(void);
void main(void)
{
    uint16_t io;
    uint32_t mmio;

    nic = find_nic(RTL_C, &io, &mmio);
    if (!nic)
        give_up("no card that is known\n");
    mark_frames = io == NE2000_ISA || nic == &nic_ne2k_pci ? SLOW_MARK_FRAMES : MARK_FRAMES;
    if (!nic->start(io, mmio))
        give_up("the card does not start\n");
    say(nic->name);
    say("\n");
    listen();
    announce();
    run();
}
