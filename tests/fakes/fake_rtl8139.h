/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An RTL8139C+ in slot 3, its ports at 0xc000, its memory window at 0xe0000000, 1 MiB of RAM, a wire that the test
 * plays. Each access goes through the dispatch tables and is followed by a check of all invariants, which fails the
 * test. For unit tests with cmocka.
 */
#ifndef TESTS_FAKES_FAKE_RTL8139_H
#define TESTS_FAKES_FAKE_RTL8139_H

#include "hw/net/rtl8139.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"

#define NIC_DEVFN PCI_DEVFN(3, 0)
#define NIC_PORT 0xc000
#define NIC_MMIO 0xe0000000u
#define NIC_LINE 34 /* 32 + ((slot - 1 + pin) & 3) */
#define NIC_RAM (1 << 20)

enum { /* registers */
    IDR = 0x00, MAR = 0x08, DTCCR = 0x10, TSD = 0x10, TSAD = 0x20, TNPDS = 0x20, THPDS = 0x28, RBSTART = 0x30,
    ERBCR = 0x34, ERSR = 0x36, CR = 0x37, CAPR = 0x38, CBR = 0x3a, IMR = 0x3c, ISR = 0x3e, TCR = 0x40, RCR = 0x44,
    TCTR = 0x48, MPC = 0x4c, CR9346 = 0x50, CONFIG0 = 0x51, CONFIG1 = 0x52, TIMERINT = 0x54, MSR = 0x58,
    CONFIG3 = 0x59, CONFIG4 = 0x5a, HLTCLK = 0x5b, MULINT = 0x5c, RERID = 0x5e, TSADS = 0x60, BMCR = 0x62,
    BMSR = 0x64, ANAR = 0x66, ANLPAR = 0x68, ANER = 0x6a, CSCR = 0x74, CONFIG5 = 0xd8, TPPOLL = 0xd9, CPCR = 0xe0,
    RDSAR = 0xe4,
};
enum {
    ROK = 0x0001, RER = 0x0002, TOK = 0x0004, TER = 0x0008, RXOVW = 0x0010, RDU = 0x0010, LINKCHG = 0x0020,
    FOVW = 0x0040, TDU = 0x0080, SWINT = 0x0100, TIMEOUT = 0x4000, SERR = 0x8000,
};
enum { BUFE = 0x01, TE = 0x04, RE = 0x08, RST = 0x10 };
enum { AAP = 0x01, APM = 0x02, AM = 0x04, AB = 0x08, WRAP = 0x80 };
#define DESC_OWN 0x80000000u
enum { DESC_EOR = 0x40000000, DESC_FS = 0x20000000, DESC_LS = 0x10000000 };

struct nic {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *port; /* NULL: made without a cable */
    struct device *dev;
};

extern const uint8_t nic_mac[6];

struct nic *nic_new(void);
struct nic *nic_new_without_cable(void);
struct nic *nic_new_c_only(void); /* an RTL8139C */
void nic_free(struct nic *n);
void nic_check(struct nic *n);

uint32_t nic_in(struct nic *n, unsigned reg, unsigned size);
void nic_out(struct nic *n, unsigned reg, unsigned size, uint32_t value);
uint32_t nic_config(struct nic *n, unsigned off, unsigned size);
void nic_set_config(struct nic *n, unsigned off, unsigned size, uint32_t value);
bool nic_line(const struct nic *n);
/* ISR as it is, then acknowledged. */
unsigned nic_causes(struct nic *n);

uint32_t nic_get32(const struct nic *n, uint32_t at);
void nic_put32(struct nic *n, uint32_t at, uint32_t value);
/* Bytes that tell frames and places apart. */
void nic_pattern(uint8_t *p, size_t len, unsigned salt);
/* A frame to `dst` of so many bytes, filled by nic_pattern(); len >= 14. */
void nic_frame(uint8_t *frame, size_t len, const uint8_t dst[6], unsigned salt);
/* An IPv4 frame with TCP or UDP (by protocol), right checksums and a pattern as payload; its length. */
size_t nic_ip_frame(uint8_t *frame, uint8_t protocol, size_t payload, unsigned salt);
uint16_t nic_ip_sum(const uint8_t *p, size_t len, uint32_t start); /* of bytes: complemented, for a field that is 0 */
uint32_t nic_fcs(const uint8_t *p, size_t len);                    /* bit by bit */
bool nic_feed(struct nic *n, const void *frame, size_t len);

/* C mode: RE and TE on, ring at 0x10000 of 8 KiB << rblen, RCR flags. */
#define NIC_RING 0x10000u
void nic_start_c(struct nic *n, unsigned rblen, unsigned rcr);
/* C+ mode: rings at these places, RE and TE on, RCR of AAP, APM, AM, AB, every hash. */
#define NIC_TX_RING 0x1000u
#define NIC_HIGH_RING 0x2000u
#define NIC_RX_RING 0x3000u
void nic_start_cp(struct nic *n, unsigned cpcr);
/* A descriptor of a ring. */
void nic_desc(struct nic *n, uint32_t ring, unsigned index, uint32_t command, uint32_t tag, uint32_t buffer);

#endif
