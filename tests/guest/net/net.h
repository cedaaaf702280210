/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that only drives a network card: 64-bit freestanding C in a firmware image (-bios), entered by the reset
 * vector (entry.S). bench/net.py measures with it, netguest.py checks with it.
 *
 * All of the C code runs in ring 3: a software KVM emulates ring 0 instruction by instruction (about 1 us each),
 * and ring 3 of long mode runs as it is. So what is measured is the card, not KVM. Ports are opened by the task state
 * segment; entry.S keeps the interrupt handler and the wait for it, the only code in ring 0.
 *
 * The first 4 GiB are mapped to themselves. No static data that is not zero or constant: the image is in ROM.
 */
#ifndef GUEST_NET_H
#define GUEST_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES 1514u /* the longest, without FCS */
#define BUFFER_BYTES 2048u
#define TX_BUFFERS 256u /* made beforehand; a driver points its descriptors at them */

#define IO_BASE 0xc000u /* where the card's BARs are put */
#define MMIO_BASE 0x20000000u
#define NE2000_ISA 0x300u

static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint32_t readl(uint32_t at) { return *(volatile uint32_t *)(uintptr_t)at; }
static inline void writel(uint32_t at, uint32_t v) { *(volatile uint32_t *)(uintptr_t)at = v; }
static inline uint32_t address_of(const volatile void *p) { return (uint32_t)(uintptr_t)p; }

/* Memory that the card reads and writes: in order with what is done before and behind it (x86: no instruction). */
static inline void barrier(void) { __asm__ volatile("" : : : "memory"); }
/* Stores before loads: where a driver says "asleep" and looks once more. */
static inline void full_barrier(void) { __asm__ volatile("lock; addl $0, (%%rsp)" : : : "memory"); }

/* ---- entry.S ---- */

extern volatile uint8_t interrupt_seen; /* set by the handler, which also masks the line at the 8259A */
void interrupt_open(void);              /* unmasks it */
void interrupt_wait(void);              /* sleeps until interrupt_seen is set */

/* ---- cards ---- */

typedef void frame_fn(const uint8_t *frame, uint32_t bytes);

/*
 * A driver as operating systems have it: rings, several frames to a kick, reaping by what is in memory where the
 * card writes there, and an interrupt only to be woken by.
 */
struct nic {
    const char *name;
    uint32_t pci_id; /* device << 16 | vendor; 0: none */
    bool (*start)(uint16_t io, uint32_t mmio);
    unsigned (*tx_room)(void); /* frames that can be put now; takes back what is sent */
    void (*tx_put)(const uint8_t *frame, uint32_t bytes);
    void (*tx_kick)(void);
    unsigned (*rx)(unsigned budget, frame_fn *take); /* up to so many frames; gives the buffers back */
    void (*irq_off)(void);                           /* after an interrupt: acknowledges and masks, in the card */
    void (*irq_on)(void); /* from now on (the caller then looks once more before it sleeps) */
};

extern const struct nic nic_e1000, nic_rtl8139cp, nic_rtl8139c, nic_pcnet, nic_ne2k_pci, nic_ne2k_isa, nic_virtio;

extern const uint8_t own_mac[6];
extern uint8_t tx_buffer[TX_BUFFERS][BUFFER_BYTES];

/* pci.c. The card on bus 0, its BARs and its interrupt set up as firmware would; NULL: none that is known. */
const struct nic *find_nic(bool c_mode, uint16_t *io, uint32_t *mmio);
uint32_t pci_read(uint32_t function, unsigned offset); /* dword */
extern uint32_t nic_function; /* that of the card */

void copy(void *to, const void *from, uint32_t bytes);
void say(const char *text); /* on the debug console */
void give_up(const char *text) __attribute__((noreturn));

#endif
