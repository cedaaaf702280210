/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net over PCI, version 1 (virtio 1.2, 4.1 and 5.1): split rings of 256 with event index, mergeable buffers,
 * interrupts by the pin; as Linux's virtio_net but for the offloads.
 */
#include "net.h"

#define RING 256u
#define HEADER_BYTES 12u
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4 };
enum { FEATURE_SELECT = 0x08, FEATURE = 0x0c, STATUS = 0x14, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a,
       QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY = 0x1e, QUEUE_DESC = 0x20, QUEUE_DRIVER = 0x28, QUEUE_DEVICE = 0x30 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
#define FEATURES_LOW (1u << 5 | 1u << 15 | 1u << 29) /* MAC, mergeable buffers, event index */
#define FEATURES_HIGH 1u                             /* version 1 */
enum { DESC_NEXT = 1, DESC_WRITE = 2 };

struct desc {
    uint32_t address, address_high, bytes;
    uint16_t flags, next;
};
struct queue {
    struct desc desc[RING];
    struct {
        volatile uint16_t flags, index, ring[RING], used_event;
    } avail;
    struct {
        volatile uint16_t flags, index;
        volatile uint32_t ring[RING][2];
        volatile uint16_t avail_event;
    } used __attribute__((aligned(4)));
    uint16_t seen, kicked, number;
    uint32_t notify;
} __attribute__((aligned(16)));

static struct queue receive, transmit;
static uint8_t rx_buffer[RING][BUFFER_BYTES], tx_header[HEADER_BYTES];
static uint32_t common, isr, notify_base, notify_multiplier;
static uint16_t tx_free; /* pairs of descriptors */

static uint8_t get8(uint32_t at) { return *(volatile uint8_t *)(uintptr_t)at; }
static void set8(uint32_t at, uint8_t v) { *(volatile uint8_t *)(uintptr_t)at = v; }
static uint16_t get16(uint32_t at) { return *(volatile uint16_t *)(uintptr_t)at; }
static void set16(uint32_t at, uint16_t v) { *(volatile uint16_t *)(uintptr_t)at = v; }

/* Where the capabilities say that the register blocks are. */
static bool find_registers(void)
{
    unsigned at = pci_read(nic_function, 0x34) & 0xfc;

    for (unsigned i = 0; at && i < 16; i++) {
        uint32_t head = pci_read(nic_function, at);
        unsigned kind = head >> 24;

        if ((head & 0xff) == 9 && kind >= CAP_COMMON && kind <= CAP_ISR) {
            unsigned bar = pci_read(nic_function, at + 4) & 0xff;
            uint32_t address = (pci_read(nic_function, 0x10 + bar * 4) & ~15u) + pci_read(nic_function, at + 8);

            if (kind == CAP_COMMON) {
                common = address;
            } else if (kind == CAP_ISR) {
                isr = address;
            } else {
                notify_base = address;
                notify_multiplier = pci_read(nic_function, at + 16);
            }
        }
        at = head >> 8 & 0xfc;
    }
    return common && isr && notify_base;
}

static void start_queue(struct queue *q, uint16_t n)
{
    q->number = n;
    set16(common + QUEUE_SELECT, n);
    set16(common + QUEUE_SIZE, RING);
    set16(common + QUEUE_VECTOR, 0xffff);
    writel(common + QUEUE_DESC, address_of(q->desc));
    writel(common + QUEUE_DESC + 4, 0);
    writel(common + QUEUE_DRIVER, address_of(&q->avail));
    writel(common + QUEUE_DRIVER + 4, 0);
    writel(common + QUEUE_DEVICE, address_of(&q->used));
    writel(common + QUEUE_DEVICE + 4, 0);
    q->notify = notify_base + get16(common + QUEUE_NOTIFY) * notify_multiplier;
    set16(common + QUEUE_ENABLE, 1);
}

static bool negotiate(void)
{
    set8(common + STATUS, 0);
    while (get8(common + STATUS))
        ;
    set8(common + STATUS, ACKNOWLEDGE | DRIVER);
    writel(common + FEATURE_SELECT, 0);
    writel(common + FEATURE, FEATURES_LOW);
    writel(common + FEATURE_SELECT, 1);
    writel(common + FEATURE, FEATURES_HIGH);
    set8(common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    return get8(common + STATUS) & FEATURES_OK;
}

/* Everything up to avail.index, if the device asked to be told of it (virtio 1.2, 2.7.10). */
static void kick(struct queue *q)
{
    uint16_t index = q->avail.index, from = q->kicked;

    q->kicked = index;
    full_barrier();
    if ((uint16_t)(index - q->used.avail_event - 1) < (uint16_t)(index - from))
        set16(q->notify, q->number);
}

static void offer(struct queue *q, uint16_t head)
{
    q->avail.ring[q->avail.index % RING] = head;
    barrier();
    q->avail.index++;
}

static bool start(uint16_t io, uint32_t mmio)
{
    (void)io, (void)mmio;
    if (!find_registers() || !negotiate())
        return false;
    start_queue(&receive, 0);
    start_queue(&transmit, 1);
    set8(common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    for (unsigned i = 0; i < RING; i++) {
        receive.desc[i] = (struct desc){.address = address_of(rx_buffer[i]), .bytes = BUFFER_BYTES, .flags = DESC_WRITE};
        offer(&receive, i);
        transmit.desc[i] = (struct desc){.address = address_of(tx_header), .bytes = HEADER_BYTES, .flags = DESC_NEXT,
                                         .next = i + 1};
    }
    kick(&receive);
    tx_free = RING / 2;
    return true;
}

/* Frames go out in order, so used entries need not be looked at. Pair n is descriptors 2n and 2n + 1. */
static unsigned tx_room(void)
{
    uint16_t done = transmit.used.index - transmit.seen;

    transmit.seen += done;
    tx_free += done;
    return tx_free;
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    uint16_t head = transmit.avail.index % (RING / 2) * 2;

    transmit.desc[head + 1] = (struct desc){.address = address_of(frame), .bytes = bytes};
    offer(&transmit, head);
    tx_free--;
}

static void tx_kick(void)
{
    kick(&transmit);
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    unsigned n = 0;

    for (; n < budget && receive.seen != receive.used.index; n++) {
        uint32_t head;

        barrier();
        head = receive.used.ring[receive.seen % RING][0];
        take(rx_buffer[head % RING] + HEADER_BYTES, receive.used.ring[receive.seen % RING][1] - HEADER_BYTES);
        receive.seen++;
        offer(&receive, head);
    }
    if (n)
        kick(&receive);
    return n;
}

/* An event index behind what was seen asks for no interrupt for 32768 entries. */
static void irq_off(void)
{
    get8(isr);
    receive.avail.used_event = receive.seen - 1;
    transmit.avail.used_event = transmit.seen - 1;
}

/* Of transmitted frames one is wanted when three quarters of them are done, as Linux's driver. */
static void irq_on(void)
{
    receive.avail.used_event = receive.seen;
    transmit.avail.used_event = transmit.seen + (uint16_t)(transmit.avail.index - transmit.seen) * 3 / 4;
    full_barrier();
}

const struct nic nic_virtio = {"virtio-net", 0x10001af4, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
