/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register table of the 82540EM (317453, table 13-2), and the bits. The one table makes the enum of places in
 * e1000.reg[], the fields (reset, save, load, dump), the decoding of addresses and what a write can change.
 *
 *   R(name, offset, words, reset value, writable bits, read, write)
 *
 * read and write are functions e1000_NAME() of e1000_regs.c or its neighbours: `stored` is the plain register,
 * `none` reads as 0 or ignores the write, `counter` clears as it is read.
 */
#ifndef HW_NET_E1000_REGS_H
#define HW_NET_E1000_REGS_H

#include <stdint.h>

#define E1000_REGISTERS(R)                                                                         \
    /* general */                                                                                  \
    R(CTRL, 0x0000, 1, 0x00140240, 0x5bfc1be9, stored, set_ctrl)                                   \
    R(STATUS, 0x0008, 1, 0, 0, get_status, none)                                                   \
    R(EECD, 0x0010, 1, 0, 0, get_eecd, set_eecd)                                                   \
    R(EERD, 0x0014, 1, 0, 0, stored, set_eerd)                                                     \
    R(CTRL_EXT, 0x0018, 1, 0, 0x00c7ffff, stored, set_ctrl_ext)                                    \
    R(MDIC, 0x0020, 1, 0x10000000, 0, stored, set_mdic)                                            \
    R(FCAL, 0x0028, 1, 0, 0xffffffff, stored, stored)                                              \
    R(FCAH, 0x002c, 1, 0, 0x0000ffff, stored, stored)                                              \
    R(FCT, 0x0030, 1, 0, 0x0000ffff, stored, stored)                                               \
    R(VET, 0x0038, 1, 0x8100, 0x0000ffff, stored, stored)                                          \
    /* interrupts */                                                                               \
    R(ICR, 0x00c0, 1, 0, 0, get_icr, set_icr)                                                      \
    R(ITR, 0x00c4, 1, 0, 0x0000ffff, stored, set_itr)                                              \
    R(ICS, 0x00c8, 1, 0, 0, none, set_ics)                                                         \
    R(IMS, 0x00d0, 1, 0, 0, stored, set_ims)                                                       \
    R(IMC, 0x00d8, 1, 0, 0, none, set_imc)                                                         \
    /* both directions */                                                                          \
    R(RCTL, 0x0100, 1, 0, 0x06dfb3fe, stored, set_rctl)                                            \
    R(FCTTV, 0x0170, 1, 0, 0x0000ffff, stored, stored)                                             \
    R(TXCW, 0x0178, 1, 0, 0xc000ffff, stored, stored)                                              \
    R(RXCW, 0x0180, 1, 0, 0, stored, none)                                                         \
    R(TCTL, 0x0400, 1, 0, 0x03bffffa, stored, set_tctl)                                            \
    R(TIPG, 0x0410, 1, 0, 0x3fffffff, stored, stored)                                              \
    R(AIT, 0x0458, 1, 0, 0x0000ffff, stored, stored)                                               \
    R(LEDCTL, 0x0e00, 1, 0x07068302, 0xcfcfcfcf, stored, stored)                                   \
    R(PBA, 0x1000, 1, 0x00100030, 0, stored, set_pba)                                              \
    R(FCRTL, 0x2160, 1, 0, 0x8000fff8, stored, stored)                                             \
    R(FCRTH, 0x2168, 1, 0, 0x0000fff8, stored, stored)                                             \
    /* receive */                                                                                  \
    R(RDFH, 0x2410, 1, 0, 0x00001fff, stored, stored)                                              \
    R(RDFT, 0x2418, 1, 0, 0x00001fff, stored, stored)                                              \
    R(RDFHS, 0x2420, 1, 0, 0x00001fff, stored, stored)                                             \
    R(RDFTS, 0x2428, 1, 0, 0x00001fff, stored, stored)                                             \
    R(RDFPC, 0x2430, 1, 0, 0x00001fff, stored, stored)                                             \
    R(RDBAL, 0x2800, 1, 0, 0xfffffff0, stored, set_rx_ring)                                        \
    R(RDBAH, 0x2804, 1, 0, 0xffffffff, stored, set_rx_ring)                                        \
    R(RDLEN, 0x2808, 1, 0, 0x000fff80, stored, set_rx_ring)                                        \
    R(RDH, 0x2810, 1, 0, 0x0000ffff, stored, set_rx_ring)                                          \
    R(RDT, 0x2818, 1, 0, 0x0000ffff, stored, set_rdt)                                              \
    R(RDTR, 0x2820, 1, 0, 0x0000ffff, stored, set_rdtr)                                            \
    R(RXDCTL, 0x2828, 1, 0x01010000, 0x013f3f3f, stored, stored)                                   \
    R(RADV, 0x282c, 1, 0, 0x0000ffff, stored, stored)                                              \
    R(RSRPD, 0x2c00, 1, 0, 0x00000fff, stored, stored)                                             \
    R(RXCSUM, 0x5000, 1, 0, 0x000007ff, stored, stored)                                            \
    R(MTA, 0x5200, 128, 0, 0xffffffff, stored, set_filter)                                         \
    R(RA, 0x5400, 32, 0, 0xffffffff, stored, set_ra)                                               \
    R(VFTA, 0x5600, 128, 0, 0xffffffff, stored, set_filter)                                        \
    /* transmit */                                                                                 \
    R(TXDMAC, 0x3000, 1, 0, 0x00000001, stored, stored)                                            \
    R(TDFH, 0x3410, 1, 0, 0x00001fff, stored, stored)                                              \
    R(TDFT, 0x3418, 1, 0, 0x00001fff, stored, stored)                                              \
    R(TDFHS, 0x3420, 1, 0, 0x00001fff, stored, stored)                                             \
    R(TDFTS, 0x3428, 1, 0, 0x00001fff, stored, stored)                                             \
    R(TDFPC, 0x3430, 1, 0, 0x00001fff, stored, stored)                                             \
    R(TDBAL, 0x3800, 1, 0, 0xfffffff0, stored, stored)                                             \
    R(TDBAH, 0x3804, 1, 0, 0xffffffff, stored, stored)                                             \
    R(TDLEN, 0x3808, 1, 0, 0x000fff80, stored, stored)                                             \
    R(TDH, 0x3810, 1, 0, 0x0000ffff, stored, stored)                                               \
    R(TDT, 0x3818, 1, 0, 0x0000ffff, stored, set_tdt)                                              \
    R(TIDV, 0x3820, 1, 0, 0x0000ffff, stored, set_tidv)                                            \
    R(TXDCTL, 0x3828, 1, 0, 0xff3f3f3f, stored, stored)                                            \
    R(TADV, 0x382c, 1, 0, 0x0000ffff, stored, stored)                                              \
    R(TSPMT, 0x3830, 1, 0x01000400, 0xffffffff, stored, stored)                                    \
    /* wake-up and manageability */                                                                \
    R(WUC, 0x5800, 1, 0, 0x0000000b, stored, stored)                                               \
    R(WUFC, 0x5808, 1, 0, 0x000f00ff, stored, stored)                                              \
    R(WUS, 0x5810, 1, 0, 0, stored, none)                                                          \
    R(MANC, 0x5820, 1, 0, 0xffffffff, stored, stored)                                              \
    R(IPAV, 0x5838, 1, 0, 0x0001000f, stored, stored)                                              \
    R(IP4AT, 0x5840, 8, 0, 0xffffffff, stored, stored)                                             \
    R(IP6AT, 0x5880, 4, 0, 0xffffffff, stored, stored)                                             \
    R(WUPL, 0x5900, 1, 0, 0, stored, none)                                                         \
    R(WUPM, 0x5a00, 32, 0, 0, stored, none)                                                        \
    R(FFLT, 0x5f00, 8, 0, 0x000007ff, stored, set_even)                                            \
    R(FFMT, 0x9000, 256, 0, 0x0000000f, stored, set_even)                                          \
    R(FFVT, 0x9800, 256, 0, 0xffffffff, stored, set_even)                                          \
    E1000_STATISTICS(R)

/* 13.7: each stops at its greatest value and is cleared when it is read; of a pair, when the high half is. */
#define E1000_STATISTICS(R)                                                                        \
    R(CRCERRS, 0x4000, 1, 0, 0, counter, none)                                                     \
    R(ALGNERRC, 0x4004, 1, 0, 0, counter, none)                                                    \
    R(SYMERRS, 0x4008, 1, 0, 0, counter, none)                                                     \
    R(RXERRC, 0x400c, 1, 0, 0, counter, none)                                                      \
    R(MPC, 0x4010, 1, 0, 0, counter, none)                                                         \
    R(SCC, 0x4014, 1, 0, 0, counter, none)                                                         \
    R(ECOL, 0x4018, 1, 0, 0, counter, none)                                                        \
    R(MCC, 0x401c, 1, 0, 0, counter, none)                                                         \
    R(LATECOL, 0x4020, 1, 0, 0, counter, none)                                                     \
    R(COLC, 0x4028, 1, 0, 0, counter, none)                                                        \
    R(DC, 0x4030, 1, 0, 0, counter, none)                                                          \
    R(TNCRS, 0x4034, 1, 0, 0, counter, none)                                                       \
    R(SEC, 0x4038, 1, 0, 0, counter, none)                                                         \
    R(CEXTERR, 0x403c, 1, 0, 0, counter, none)                                                     \
    R(RLEC, 0x4040, 1, 0, 0, counter, none)                                                        \
    R(XONRXC, 0x4048, 1, 0, 0, counter, none)                                                      \
    R(XONTXC, 0x404c, 1, 0, 0, counter, none)                                                      \
    R(XOFFRXC, 0x4050, 1, 0, 0, counter, none)                                                     \
    R(XOFFTXC, 0x4054, 1, 0, 0, counter, none)                                                     \
    R(FCRUC, 0x4058, 1, 0, 0, counter, none)                                                       \
    R(PRC, 0x405c, 6, 0, 0, counter, none) /* PRC64, 127, 255, 511, 1023, 1522 */                  \
    R(GPRC, 0x4074, 1, 0, 0, counter, none)                                                        \
    R(BPRC, 0x4078, 1, 0, 0, counter, none)                                                        \
    R(MPRC, 0x407c, 1, 0, 0, counter, none)                                                        \
    R(GPTC, 0x4080, 1, 0, 0, counter, none)                                                        \
    R(GORC, 0x4088, 2, 0, 0, counter_pair, none)                                                   \
    R(GOTC, 0x4090, 2, 0, 0, counter_pair, none)                                                   \
    R(RNBC, 0x40a0, 1, 0, 0, counter, none)                                                        \
    R(RUC, 0x40a4, 1, 0, 0, counter, none)                                                         \
    R(RFC, 0x40a8, 1, 0, 0, counter, none)                                                         \
    R(ROC, 0x40ac, 1, 0, 0, counter, none)                                                         \
    R(RJC, 0x40b0, 1, 0, 0, counter, none)                                                         \
    R(MGTPRC, 0x40b4, 1, 0, 0, counter, none)                                                      \
    R(MGTPDC, 0x40b8, 1, 0, 0, counter, none)                                                      \
    R(MGTPTC, 0x40bc, 1, 0, 0, counter, none)                                                      \
    R(TOR, 0x40c0, 2, 0, 0, counter_pair, none)                                                    \
    R(TOT, 0x40c8, 2, 0, 0, counter_pair, none)                                                    \
    R(TPR, 0x40d0, 1, 0, 0, counter, none)                                                         \
    R(TPT, 0x40d4, 1, 0, 0, counter, none)                                                         \
    R(PTC, 0x40d8, 6, 0, 0, counter, none) /* PTC64, 127, 255, 511, 1023, 1522 */                  \
    R(MPTC, 0x40f0, 1, 0, 0, counter, none)                                                        \
    R(BPTC, 0x40f4, 1, 0, 0, counter, none)                                                        \
    R(TSCTC, 0x40f8, 1, 0, 0, counter, none)                                                       \
    R(TSCTFC, 0x40fc, 1, 0, 0, counter, none)

/* Where each register's first word is in e1000.reg[]. */
enum {
#define E1000_PLACE(name, off, words, ...) E1000_##name, E1000_##name##_END = E1000_##name + (words) - 1,
    E1000_REGISTERS(E1000_PLACE)
#undef E1000_PLACE
    E1000_WORDS
};

#define E1000_MMIO_BYTES   0x20000
#define E1000_DECODE_BYTES 0xa000 /* nothing is behind this */
#define E1000_IO_BYTES     64

enum {
    CTRL_FULL_DUPLEX = 0x00000001,
    CTRL_SPEED_SHIFT = 8,
    CTRL_FORCE_SPEED = 0x00000800,
    CTRL_FORCE_DUPLEX = 0x00001000,
    CTRL_RESET = 0x04000000,
    CTRL_VLAN_MODE = 0x40000000,
};
#define CTRL_PHY_RESET 0x80000000u
enum {
    STATUS_FULL_DUPLEX = 0x00000001,
    STATUS_LINK_UP = 0x00000002,
    STATUS_TXOFF = 0x00000010,
    STATUS_SPEED_SHIFT = 6,
    STATUS_ASDV_SHIFT = 8,
};
enum { CTRL_EXT_EEPROM_RESET = 0x00002000 };
enum {
    EECD_CLOCK = 0x001,
    EECD_SELECT = 0x002,
    EECD_DATA_IN = 0x004,
    EECD_DATA_OUT = 0x008,
    EECD_FLASH_WRITE = 0x030,
    EECD_REQUEST = 0x040,
    EECD_GRANT = 0x080,
    EECD_PRESENT = 0x100,
};
enum { EERD_START = 0x01, EERD_DONE = 0x10, EERD_ADDRESS_SHIFT = 8, EERD_DATA_SHIFT = 16 };
enum {
    MDIC_REG_SHIFT = 16,
    MDIC_PHY_SHIFT = 21,
    MDIC_OP_MASK = 0x0c000000,
    MDIC_OP_WRITE = 0x04000000,
    MDIC_OP_READ = 0x08000000,
    MDIC_READY = 0x10000000,
    MDIC_INTERRUPT = 0x20000000,
    MDIC_ERROR = 0x40000000,
};
enum {
    INT_TXDW = 0x00001,    /* a transmit descriptor was written back */
    INT_TXQE = 0x00002,    /* the transmit queue is empty */
    INT_LSC = 0x00004,     /* link status change */
    INT_RXDMT0 = 0x00010,  /* receive descriptors below their threshold */
    INT_RXO = 0x00040,     /* receiver overrun */
    INT_RXT0 = 0x00080,    /* receive timer */
    INT_MDAC = 0x00200,    /* MDIO access complete */
    INT_TXD_LOW = 0x08000, /* transmit descriptors down to their threshold */
    INT_SRPD = 0x10000,    /* small receive packet */
    INT_ALL = 0x1ffff,     /* reserved ones too: drivers' self-tests set and see them */
};
enum {
    RCTL_EN = 0x00000002,
    RCTL_SBP = 0x00000004,
    RCTL_UPE = 0x00000008,
    RCTL_MPE = 0x00000010,
    RCTL_LPE = 0x00000020,
    RCTL_LBM_SHIFT = 6,
    RCTL_RDMTS_SHIFT = 8,
    RCTL_MO_SHIFT = 12,
    RCTL_BAM = 0x00008000,
    RCTL_BSIZE_SHIFT = 16,
    RCTL_VFE = 0x00040000,
    RCTL_CFIEN = 0x00080000,
    RCTL_CFI = 0x00100000,
    RCTL_DPF = 0x00400000,
    RCTL_PMCF = 0x00800000,
    RCTL_BSEX = 0x02000000,
    RCTL_SECRC = 0x04000000,
};
enum { TCTL_EN = 0x02, TCTL_PSP = 0x08, TCTL_SWXOFF = 0x00400000 };
enum { RXCSUM_PCSS = 0xff, RXCSUM_IPOFL = 0x100, RXCSUM_TUOFL = 0x200, RXCSUM_IPV6OFL = 0x400 };
#define RAH_VALID        0x80000000u
#define RAH_WRITABLE     0x8003ffffu
#define DELAY_FLUSH      0x80000000u /* RDTR and TIDV: FPD */
#define FCRTL_XON_ENABLE 0x80000000u

#define DESC_BYTES 16u
enum { /* commands of transmit descriptors, the highest byte of the third word */
    TX_EOP = 0x01,
    TX_IC = 0x04,  /* legacy: insert a checksum */
    TX_TSE = 0x04, /* data and context: segmentation */
    TX_RS = 0x08,
    TX_RPS = 0x10,
    TX_DEXT = 0x20,
    TX_VLE = 0x40,
    TX_IDE = 0x80,
};
enum { TUCMD_TCP = 0x01, TUCMD_IPV4 = 0x02 };
enum { DTYP_CONTEXT, DTYP_DATA };
enum { POPTS_IXSM = 0x01, POPTS_TXSM = 0x02 };
enum { TX_STATUS_DD = 0x01 };
enum {
    RX_STATUS_DD = 0x01,
    RX_STATUS_EOP = 0x02,
    RX_STATUS_IXSM = 0x04,
    RX_STATUS_VP = 0x08,
    RX_STATUS_TCPCS = 0x20,
    RX_STATUS_IPCS = 0x40,
    RX_STATUS_PIF = 0x80,
};
enum { RX_ERROR_TCPE = 0x20, RX_ERROR_IPE = 0x40, RX_ERROR_RXE = 0x80 };

#endif
