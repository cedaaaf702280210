/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A multiboot kernel with a driver of virtio-rng: by the legacy ports, by the modern BAR, there with split and, where
 * they are offered, packed rings, and by that BAR at another place. It says on COM1 how many buffers came back and
 * how long a kick took. No interrupts: it polls. VIRTIO 1.2: 2.7, 2.8, 4.1.4.
 */
#include "../demo/demo.h"

enum { ENTRIES = 8, ROUNDS = 200, BYTES = 64, PAGE = 4096 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { WRITE = 2, AVAIL = 0x80, USED = 0x8000 };
enum { VENDOR_CAP = 0x09, COMMON_CFG = 1, NOTIFY_CFG = 2 };
#define F_PACKED (1u << 2) /* bits of the second word of features */
#define F_VERSION_1 (1u << 0)
#define POLLS 200000000u /* a hang detector */

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags, next; /* packed: id, flags */
};

static uint8_t area[4 * PAGE] __attribute__((aligned(PAGE)));
static uint8_t buffer[BYTES];
static uint32_t function;
static volatile uint8_t *common, *doorbell;
static uint16_t port;
static uint16_t made, seen;
static bool packed;

static uint32_t bar(int n)
{
    return pci_read(function, 0x10 + 4 * n) & ~15u;
}

static uint64_t now(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void clear(void *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        ((volatile uint8_t *)at)[i] = 0;
}

/* ---- registers ---- */

static void set8(int at, uint8_t value)
{
    common[at] = value;
}

static void set16(int at, uint16_t value)
{
    *(volatile uint16_t *)(common + at) = value;
}

static void set32(int at, uint32_t value)
{
    *(volatile uint32_t *)(common + at) = value;
}

/* Where the capability of that type says; *more: what follows it. */
static volatile uint8_t *structure(unsigned type, uint32_t *more)
{
    for (int at = pci_read(function, 0x34) & 0xff; at; at = pci_read(function, at) >> 8 & 0xff) {
        uint32_t head = pci_read(function, at);

        if ((head & 0xff) != VENDOR_CAP || head >> 24 != type)
            continue;
        *more = pci_read(function, at + 16);
        return (volatile uint8_t *)(bar(pci_read(function, at + 4) & 0xff) + pci_read(function, at + 8));
    }
    return NULL;
}

static void kick(void)
{
    if (port)
        outw(port + 0x10, 0);
    else
        *(volatile uint16_t *)doorbell = 0;
}

/* ---- start ---- */

static void start_legacy(void)
{
    clear(area, sizeof(area));
    made = seen = 0;
    packed = false;
    port = (uint16_t)(pci_read(function, 0x10) & ~3u);
    outb(port + 0x12, 0);
    outb(port + 0x12, ACKNOWLEDGE | DRIVER);
    outl(port + 4, 0);
    outw(port + 0x0e, 0);
    outl(port + 8, (uint32_t)area / PAGE);
    outb(port + 0x12, ACKNOWLEDGE | DRIVER | DRIVER_OK);
}

static uint32_t offered_high(void)
{
    set32(0, 1);
    return *(volatile uint32_t *)(common + 4);
}

static bool start_modern(uint32_t features_high)
{
    const uint32_t rings[3] = {(uint32_t)area, (uint32_t)area + PAGE, (uint32_t)area + 2 * PAGE};

    clear(area, sizeof(area));
    port = made = seen = 0;
    packed = features_high & F_PACKED;
    set8(0x14, 0);
    set8(0x14, ACKNOWLEDGE | DRIVER);
    for (uint32_t word = 0; word < 2; word++) {
        set32(8, word);
        set32(12, word ? features_high : 0);
    }
    set8(0x14, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    if (!(common[0x14] & FEATURES_OK))
        return false;
    set16(0x16, 0);
    set16(0x18, ENTRIES);
    for (int i = 0; i < 3; i++)
        set32(0x20 + 8 * i, rings[i]);
    set16(0x1c, 1);
    set8(0x14, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    return true;
}

/* ---- rings ---- */

static void offer_split(void)
{
    uint32_t entries = port ? inw(port + 0x0c) : ENTRIES;
    volatile struct desc *d = (volatile struct desc *)area;
    volatile uint16_t *avail = (volatile uint16_t *)(port ? area + 16 * entries : area + PAGE);

    d->gpa = (uint32_t)buffer;
    d->bytes = BYTES;
    d->flags = WRITE;
    avail[2 + made % entries] = 0;
    made++;
    __sync_synchronize();
    avail[1] = made;
}

static uint32_t take_split(void)
{
    uint32_t entries = port ? inw(port + 0x0c) : ENTRIES;
    volatile uint16_t *used = (volatile uint16_t *)(port ? area + PAGE : area + 2 * PAGE);

    for (uint32_t i = 0; used[1] == seen; i++) {
        if (i == POLLS)
            return 0;
        __asm__ volatile("pause");
    }
    __sync_synchronize();
    return ((volatile uint32_t *)used)[1 + 2 * (seen++ % entries) + 1];
}

/* 2.8.1: the wrap counter is 1 in the first round, and turns over with each. */
static void offer_packed(void)
{
    volatile struct desc *d = (volatile struct desc *)area + made % ENTRIES;
    bool wrap = !(made / ENTRIES & 1);

    d->gpa = (uint32_t)buffer;
    d->bytes = BYTES;
    d->flags = made % ENTRIES; /* the id */
    __sync_synchronize();
    d->next = WRITE | (wrap ? AVAIL : USED);
    made++;
}

static uint32_t take_packed(void)
{
    volatile struct desc *d = (volatile struct desc *)area + seen % ENTRIES;
    uint16_t wrap = seen / ENTRIES & 1 ? 0 : AVAIL | USED;

    for (uint32_t i = 0; (d->next & (AVAIL | USED)) != wrap; i++) {
        if (i == POLLS)
            return 0;
        __asm__ volatile("pause");
    }
    __sync_synchronize();
    seen++;
    return d->bytes;
}

static void rounds(const char *what)
{
    uint32_t before = 0, bytes = 0, same = 0, kicks_kcycles = 0;

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start;

        if (packed)
            offer_packed();
        else
            offer_split();
        start = now();
        kick();
        kicks_kcycles += (uint32_t)(now() - start) >> 10;
        bytes += packed ? take_packed() : take_split();
        same += before == crc32(buffer, BYTES);
        before = crc32(buffer, BYTES);
    }
    serial_line("virtio: %s: %u bytes in %u buffers, %u alike, %u kcycles a kick", what, bytes, ROUNDS, same,
                kicks_kcycles / ROUNDS);
}

/* ---- all ---- */

static void move_bar(uint32_t by)
{
    uint32_t at = bar(4) + by;

    pci_write16(function, 4, 0);
    pci_write16(function, 0x20, (uint16_t)at);
    pci_write16(function, 0x22, (uint16_t)(at >> 16));
    pci_write16(function, 4, 7);
    common += by;
    doorbell += by;
}

void mb_main(void);
void mb_main(void)
{
    uint32_t more;

    function = pci_find(0x10051af4);
    if (function == PCI_NONE) {
        serial_line("virtio: no device");
    } else {
        pci_write16(function, 4, 7);
        start_legacy();
        rounds("legacy");
        common = structure(COMMON_CFG, &more);
        doorbell = structure(NOTIFY_CFG, &more);
        if (start_modern(F_VERSION_1))
            rounds("modern");
        move_bar(0x100000);
        rounds("modern moved");
        if (offered_high() & F_PACKED && start_modern(F_VERSION_1 | F_PACKED))
            rounds("packed");
    }
    serial_line("virtio: done");
    for (;;)
        __asm__ volatile("cli; hlt");
}

void *memset(void *to, int byte, size_t bytes);
void *memset(void *to, int byte, size_t bytes)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return start;
}
