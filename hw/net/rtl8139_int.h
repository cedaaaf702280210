/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the RTL8139C+; for hw/net/rtl8139*.c only.
 *
 *   rtl8139.c         PCI function, life of the device   rtl8139_tx.c       transmitter; C mode
 *   rtl8139_regs.c    the registers' table               rtl8139_cptx.c     transmit rings of C+ mode
 *   rtl8139_irq.c     causes, pin, timer                 rtl8139_rx.c       filter; receive ring of C mode
 *   rtl8139_cfg.c     9346CR, CONFIGx, PHY               rtl8139_cprx.c     receive ring of C+ mode
 *   rtl8139_eeprom.c  what the 93C46 has in it           rtl8139_headers.c  IPv4, TCP, UDP in a frame
 *   rtl8139_tally.c   counters and their dump
 *
 * The transmitter's states and who changes them (rtl8139_tx.c):
 *
 *   OFF  --CR.TE set--> IDLE               any --CR.TE cleared, reset--> OFF
 *   IDLE --the wire is full--> WIRE_BUSY   a frame stays where it is: in its descriptors, nothing is copied
 *   WIRE_BUSY --the wire has room, or the poll timer--> IDLE, and its work goes on
 *
 * The receiver's (rtl8139_rx.c):
 *
 *   OFF  --CR.RE set--> ON (ring pointers as new)   any --CR.RE cleared, reset--> OFF
 *   ON   --a frame finds no room--> HELD            the wire keeps it, as a sender does that got a PAUSE (DS
 *                                                   "Flow Control"); RXOVW or RDU tells the guest once
 *   HELD --there is room for it--> ON               seen at any register's write, and by the poll timer, since
 *                                                   descriptors of C+ mode are given without a doorbell
 *
 * Invariants: rtl8139_check().
 */
#ifndef HW_NET_RTL8139_INT_H
#define HW_NET_RTL8139_INT_H

#include "hw/net/ether.h"
#include "hw/net/microwire.h"
#include "hw/net/rtl8139.h"
#include "net/net.h"

#define RTL_REG_BYTES 256
#define RTL_MAX_RX_BYTES 4096 /* with FCS; what is longer is an error (LONG) */
#define RTL_RING_ENTRIES 64
#define RTL_DESC_BYTES 16
#define RTL_TX_REGS 4

enum { RTL_VENDOR = 0x10ec, RTL_DEVICE = 0x8139, RTL_SUBSYSTEM_VENDOR = 0x1af4, RTL_SUBSYSTEM = 0x1100 };
enum {
    RTL_REVISION_C = 0x10, RTL_REVISION_CPLUS = 0x20, RTL_MIN_GRANT = 32, RTL_MAX_LATENCY = 64, RTL_PMC = 0x0602,
    RTL_PM_CAP = 0x50,
};
enum { CONFIG0_RESET = 0x00, CONFIG1_RESET = 0x0d, CONFIG3_RESET = 0x01, CONFIG4_RESET = 0x00, CONFIG5_RESET = 0x00 };
enum { PHY2_PARM_RESET = 0x00 };
#define PHY1_PARM_RESET 0x78fa8388u /* as 8139too knows them */
#define TW_PARM_RESET   0xcb38de43u

enum {
    CR_BUFE = 0x01, CR_TE = 0x04, CR_RE = 0x08, CR_RST = 0x10,
};
enum { /* ISR, IMR */
    INT_ROK = 0x0001, INT_RER = 0x0002, INT_TOK = 0x0004, INT_TER = 0x0008,
    INT_RXOVW = 0x0010, /* C mode */
    INT_RDU = 0x0010,   /* C+ mode: receive descriptor unavailable */
    INT_PUN_LINKCHG = 0x0020, INT_FOVW = 0x0040,
    INT_TDU = 0x0080,   /* C+ mode: transmit descriptor unavailable */
    INT_SWINT = 0x0100, /* C+ mode */
    INT_LENCHG = 0x2000, INT_TIMEOUT = 0x4000, INT_SERR = 0x8000, INT_ALL = 0xe1ff,
};
enum { /* TSD */
    TSD_SIZE = 0x1fff, TSD_OWN = 0x2000, TSD_TUN = 0x4000, TSD_TOK = 0x8000, TSD_ERTXTH = 0x003f0000,
    TSD_TABT = 0x40000000, TSD_WRITABLE = TSD_SIZE | TSD_OWN | TSD_ERTXTH,
};
#define TSD_CRS  0x80000000u
#define TSD_BITS (TSD_CRS | TSD_TABT | TSD_TOK | TSD_TUN | TSD_WRITABLE)
enum {
    TCR_CRC = 0x00010000, TCR_LBK = 0x00060000, TCR_WRITABLE = 0x030f07f0,
    TCR_VERSION_C = 0x74000000, TCR_VERSION_CPLUS = 0x74800000,
};
enum {
    RCR_AAP = 0x01, RCR_APM = 0x02, RCR_AM = 0x04, RCR_AB = 0x08, RCR_AR = 0x10, RCR_AER = 0x20, RCR_WRAP = 0x80,
    RCR_RBLEN_SHIFT = 11, RCR_RBLEN = 3, RCR_WRITABLE = 0x0f03ffbf,
};
enum { EEM_NORMAL, EEM_AUTOLOAD, EEM_PROGRAM, EEM_CONFIG };
enum { CR9346_EEM_SHIFT = 6, CR9346_EECS = 0x08, CR9346_EESK = 0x04, CR9346_EEDI = 0x02, CR9346_EEDO = 0x01 };
enum { CONFIG1_PMEN = 0x01 };
enum { MSR_LINKB = 0x04, MSR_SPEED_10 = 0x08, MSR_FIXED = 0xd0 };
enum { BMCR_RESET = 0x8000, BMCR_SPEED = 0x2000, BMCR_ANE = 0x1000, BMCR_RESTART = 0x0200, BMCR_DUPLEX = 0x0100 };
enum {
    CSCR_LINK = 0x0400, CSCR_CHANGED = 0x0800, CSCR_WRITABLE = 0x03cd, CSCR_RESET = 0x0340,
};
enum {
    CPCR_TX = 0x01, CPCR_RX = 0x02, CPCR_MULRW = 0x08, CPCR_DAC = 0x10, CPCR_RXCHKSUM = 0x20, CPCR_RXVLAN = 0x40,
    CPCR_WRITABLE = 0x7b,
};
enum { TPPOLL_HPQ = 0x80, TPPOLL_NPQ = 0x40, TPPOLL_FSWINT = 0x01 };
enum { DTCCR_CMD = 0x08 };
enum { /* first word of a descriptor of C+ mode, both directions */
    CP_EOR = 0x40000000, CP_FS = 0x20000000, CP_LS = 0x10000000,
};
#define CP_OWN 0x80000000u

enum rtl8139_tx_state { RTL_TX_OFF, RTL_TX_IDLE, RTL_TX_WIRE_BUSY };
enum rtl8139_rx_state { RTL_RX_OFF, RTL_RX_ON, RTL_RX_HELD };
enum rtl8139_queue { RTL_NORMAL, RTL_HIGH, RTL_QUEUES };

struct rtl8139_tally { /* DS "DTCCR", in the order of the dump; the host's byte order */
    uint64_t tx_ok, rx_ok, tx_err;
    uint32_t rx_err;
    uint16_t missed, fae;
    uint32_t tx_1col, tx_mcol;
    uint64_t rx_ok_phy, rx_ok_brd;
    uint32_t rx_ok_mul;
    uint16_t tx_abt, tx_undrn;
};

struct rtl8139_reg;

struct rtl8139 {
    struct pci_device pci; /* first */
    struct netport *port;
    bool c_only; /* the configuration's */
    struct microwire eeprom;

    uint8_t idr[6], mar[8];
    uint32_t tsd[RTL_TX_REGS], tsad[RTL_TX_REGS]; /* tsad: TNPDS and THPDS in C+ mode */
    uint32_t dtccr[2], rbstart, tcr, rcr, timerint, mpc;
    uint16_t erbcr, capr, cbr, imr, isr, multint;
    uint8_t ersr, cr, cr9346, config1, config3, config4, config5;
    uint16_t bmcr, anar, nwaytr, cscr;
    uint32_t phy1_parm, tw_parm;
    uint8_t phy2_parm;
    uint8_t wake_crc[8], wake_lsb[8], wake_mask[64]; /* kept for their reader: nothing sleeps here */
    uint16_t cpcr;
    uint32_t rdsar[2];
    uint8_t etthr;

    uint8_t tx_state, rx_state; /* enum rtl8139_tx_state, rtl8139_rx_state */
    uint8_t tx_next;            /* C mode: the descriptor that is sent next */
    uint8_t tx_index[RTL_QUEUES], rx_index; /* C+ mode: places in the rings */
    uint8_t tx_poll;            /* C+ mode: queues asked for by TPPOLL and not emptied yet, its bits */
    uint16_t held_bytes;        /* of the frame that the wire holds, with FCS; HELD only */
    bool clock_halted;          /* HLTCLK */
    bool link_changed;          /* since the cause was acknowledged: tells link change from packet underrun */
    int64_t tctr_zero_ns;       /* when TCTR was 0 */
    int64_t poll_ns;            /* when the poll timer fires; -1: not armed */
    struct rtl8139_tally tally;

    /* Derived, or of no meaning between two entries. */
    uint8_t power; /* the D state before the write of PMCSR under way */
    struct vtimer timer, poll;
    struct io_region io, mmio;
    struct io_ops ops;
    uint8_t widths[RTL_REG_BYTES], reg_at[RTL_REG_BYTES];
    uint8_t frame[NET_MAX_FRAME_BYTES]; /* a private copy of what is sent */
};

/* ---- rtl8139.c ---- */
bool rtl8139_running(const struct rtl8139 *r); /* clock on, power state D0 */
void rtl8139_soft_reset(struct rtl8139 *r);
void rtl8139_show_capability(struct rtl8139 *r); /* CONFIG1.PMEn has changed */

/* ---- rtl8139_regs.c ---- */
void rtl8139_regs_init(struct rtl8139 *r); /* ops, widths and the index of the table */

/* ---- rtl8139_irq.c ---- */
void rtl8139_raise(struct rtl8139 *r, unsigned causes);
void rtl8139_acknowledge(struct rtl8139 *r, unsigned causes);
void rtl8139_pin_update(struct rtl8139 *r);
void rtl8139_dma_failed(struct rtl8139 *r, const char *what, uint64_t gpa); /* SERR */
uint32_t rtl8139_tctr(const struct rtl8139 *r);
void rtl8139_timer_update(struct rtl8139 *r);
void rtl8139_timer_fired(void *opaque);
void rtl8139_poll_update(struct rtl8139 *r); /* arms or cancels by the states */
void rtl8139_poll_fired(void *opaque);

/* ---- rtl8139_eeprom.c ---- */
/* As bought and programmed by the card's maker: ids, the address, configuration, a checksum. */
void rtl8139_eeprom_program(struct rtl8139 *r, const uint8_t mac[ETHER_ADDRESS_BYTES]);
uint8_t rtl8139_eeprom_byte(const struct rtl8139 *r, unsigned offset);

/* ---- rtl8139_cfg.c ---- */
void rtl8139_autoload(struct rtl8139 *r);
bool rtl8139_unlocked(const struct rtl8139 *r);
uint32_t rtl8139_read_9346cr(const struct rtl8139 *r);
void rtl8139_write_9346cr(struct rtl8139 *r, uint32_t value);
uint32_t rtl8139_msr(const struct rtl8139 *r);
uint32_t rtl8139_bmsr(const struct rtl8139 *r);
uint32_t rtl8139_anlpar(const struct rtl8139 *r);
uint32_t rtl8139_aner(const struct rtl8139 *r);
uint32_t rtl8139_cscr(const struct rtl8139 *r);
void rtl8139_write_bmcr(struct rtl8139 *r, uint32_t value);
void rtl8139_phy_reset(struct rtl8139 *r);
void rtl8139_link_changed(void *opaque, bool up);

/* ---- rtl8139_tx.c, rtl8139_cptx.c ---- */
void rtl8139_tx_enable(struct rtl8139 *r, bool on);
void rtl8139_write_tsd(struct rtl8139 *r, unsigned n, uint32_t value);
uint32_t rtl8139_tsad_summary(const struct rtl8139 *r);
void rtl8139_tx_run(struct rtl8139 *r); /* whatever is ready; stops when the wire is full */
void rtl8139_tx_wire_ready(void *opaque);
enum rtl8139_sent { RTL_SENT, RTL_SENT_NO_CARRIER, RTL_SENT_BUSY, RTL_SENT_FAULTY };
/* To the wire, or back to itself. */
enum rtl8139_sent rtl8139_put_on_wire(struct rtl8139 *r, const struct iovec *iov, int iovcnt,
                                      const struct net_offload *off);
/* False: the frame in r->frame is not fit to be sent. */
bool rtl8139_strip_fcs(const struct rtl8139 *r, size_t *len);
void rtl8139_tx_count(struct rtl8139 *r, enum rtl8139_sent how);
void rtl8139_write_tppoll(struct rtl8139 *r, uint32_t value);
/* False: the wire is full. */
bool rtl8139_cptx_run(struct rtl8139 *r);
uint64_t rtl8139_address(const struct rtl8139 *r, uint32_t low, uint32_t high);

/* ---- rtl8139_rx.c, rtl8139_cprx.c ---- */
enum { RX_BAR = 1, RX_PAM = 2, RX_MAR = 4 }; /* whom a frame is for; in the order of the status bits */
enum rtl8139_rx_result { RTL_RX_TAKEN, RTL_RX_DROPPED, RTL_RX_NO_ROOM };
void rtl8139_rx_enable(struct rtl8139 *r, bool on);
bool rtl8139_buffer_empty(const struct rtl8139 *r);
void rtl8139_write_capr(struct rtl8139 *r, uint32_t value);
bool rtl8139_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off);
void rtl8139_rx_filter(void *opaque, struct net_rx_filter *filter);
/* Something may have made room: tells the wire if it did. */
void rtl8139_rx_look(struct rtl8139 *r);
unsigned rtl8139_no_room_cause(const struct rtl8139 *r); /* RXOVW or RDU */
void rtl8139_rx_missed(struct rtl8139 *r);
/* The frame as it is stored: padding behind it, then its FCS. Pieces used, at most RTL_RX_PIECES. */
enum { RTL_RX_PIECES = 4 };
int rtl8139_rx_pieces(const uint8_t *frame, size_t len, bool untag, uint8_t fcs[ETHER_FCS_BYTES],
                      struct iovec pieces[RTL_RX_PIECES]);
/* *bytes: what it takes, with FCS. */
enum rtl8139_rx_result rtl8139_cprx_store(struct rtl8139 *r, const uint8_t *frame, size_t len, unsigned whom,
                                          size_t *bytes);
bool rtl8139_cprx_has_room(struct rtl8139 *r, size_t bytes);

/* ---- rtl8139_headers.c ---- */
struct rtl8139_headers { /* of an IPv4 frame; all offsets checked against the frame */
    size_t l3, l4, end; /* IP, what it carries, the datagram's end */
    size_t payload;     /* behind the TCP or UDP header */
    uint8_t protocol;   /* 0: a fragment, or neither TCP nor UDP */
    bool l4_bad;        /* TCP or UDP, but its own lengths are wrong */
};
enum rtl8139_parsed { RTL_NOT_IP, RTL_BAD_IP, RTL_IP };
enum { IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17 };
enum rtl8139_parsed rtl8139_parse(const uint8_t *frame, size_t len, struct rtl8139_headers *h);
/* Of addresses, protocol and length, as ether_sum() has it. */
uint32_t rtl8139_pseudo_sum(const uint8_t *frame, const struct rtl8139_headers *h);

/* ---- rtl8139_tally.c ---- */
void rtl8139_write_dtccr(struct rtl8139 *r, uint32_t value);

#endif
