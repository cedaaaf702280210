/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/config/devprops.h"

#include <string.h>

#define PROP_BUS(word) { .name = "bus", .type = OPT_ENUM, .values = word, .help = "where it sits" }

/* What a host error does: as -drive's, and before it. */
#define PROP_POLICY                                                                                \
    {.name = "werror", .type = OPT_ENUM, .values = "auto|enospc|report|stop|ignore",               \
     .help = "what a failed write does", .fallback = "auto: as -drive says, else enospc"},         \
    {.name = "rerror", .type = OPT_ENUM, .values = "auto|report|stop|ignore",                      \
     .help = "what a failed read does", .fallback = "auto: as -drive says, else report"}

/* Of every network card; a driver that has "netdev" among its properties is one. */
#define PROP_NIC                                                                                   \
    {.name = "netdev", .type = OPT_STRING, .help = "id of the -netdev it is plugged into",         \
     .fallback = "no cable"},                                                                      \
    {.name = "mac", .type = OPT_STRING, .help = "its address", .fallback = "52:54:00:12:34:56, and counting on"}

/* Of one on PCI. */
#define PROP_PCI_NIC                                                                               \
    PROP_NIC,                                                                                      \
    {.name = "addr", .type = OPT_STRING, .help = "PCI slot: 0x3", .fallback = "the first free"},   \
    {.name = "bootindex", .type = OPT_NUMBER, .min = -1, .max = INT32_MAX,                         \
     .help = "place in the boot order, lowest first; -1: none", .fallback = "-1"},                 \
    {.name = "romfile", .type = OPT_STRING, .help = "option ROM to boot from the network; empty: none", \
     .fallback = "iPXE, if Debian's ipxe-qemu is installed"},                                      \
    {.name = "rombar", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "0: no option ROM", .fallback = "1"}, \
    PROP_BUS("pci.0")

static const struct opt_desc ne2k_isa_props[] = {
    PROP_NIC,
    {.name = "iobase", .type = OPT_NUMBER, .min = 0x100, .max = 0xffe0, .help = "first of 32 I/O ports",
     .fallback = "0x300, then 0x320, 0x340, 0x360, 0x280, 0x380"},
    {.name = "irq", .type = OPT_NUMBER, .min = 2, .max = 15, .help = "interrupt line",
     .fallback = "9, then 10, 11, 3, 4, 5"},
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc pci_nic_props[] = {PROP_PCI_NIC, OPT_END};

static const struct opt_desc pcnet_props[] = {
    PROP_PCI_NIC,
    {.name = "chip", .type = OPT_ENUM, .values = "am79c970a|am79c973",
     .help = "PCnet-PCI II; PCnet-FAST III, which has a PHY and 100 Mbit/s", .fallback = "am79c970a"},
    OPT_END,
};

static const struct opt_desc e1000_props[] = {PROP_PCI_NIC, OPT_END};

static const struct opt_desc isa_serial_props[] = {
    {.name = "chardev", .type = OPT_STRING, .help = "id of the -chardev at its other end"},
    {.name = "index", .type = OPT_NUMBER, .min = 0, .max = 3,
     .help = "0 is COM1; sets address and line",
     .fallback = "the next free"},
    {.name = "iobase", .type = OPT_NUMBER, .min = 0, .max = 0xfff8, .help = "first I/O port",
     .fallback = "by index: 0x3f8, 0x2f8, 0x3e8, 0x2e8"},
    {.name = "irq", .type = OPT_NUMBER, .min = 0, .max = 15, .help = "interrupt line",
     .fallback = "by index: 4, 3, 4, 3"},
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc ide_hd_props[] = {
    {.name = "drive", .type = OPT_STRING,
     .help = "id of the -drive, or node-name of the -blockdev"},
    {.name = "bus", .type = OPT_STRING,
     .help = "channel: ide.0, ide.1; X.0, X.1 of a controller with id=X",
     .fallback = "the first with room"},
    {.name = "unit", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "0 master, 1 slave",
     .fallback = "the first free"},
    {.name = "bootindex", .type = OPT_NUMBER, .min = -1, .max = INT32_MAX,
     .help = "place in the boot order, lowest first; -1: none", .fallback = "-1"},
    {.name = "serial", .type = OPT_STRING, .max = 20, .help = "serial number, up to 20 characters"},
    {.name = "ver", .type = OPT_STRING, .max = 8, .help = "firmware revision, up to 8 characters"},
    {.name = "model", .type = OPT_STRING, .max = 40, .help = "model, up to 40 characters"},
    {.name = "wwn", .type = OPT_NUMBER, .help = "world-wide name; 0: none", .fallback = "0"},
    {.name = "cyls", .type = OPT_NUMBER, .min = 0, .max = 65535, .help = "cylinders; 0: by size",
     .fallback = "0"},
    {.name = "heads", .type = OPT_NUMBER, .min = 0, .max = 16, .help = "heads", .fallback = "0"},
    {.name = "secs", .type = OPT_NUMBER, .min = 0, .max = 255, .help = "sectors per track",
     .fallback = "0"},
    {.name = "bios-chs-trans", .type = OPT_ENUM, .values = "auto|none|lba|large|rechs",
     .help = "how the BIOS translates the geometry", .fallback = "auto"},
    {.name = "lcyls", .type = OPT_NUMBER, .min = 0, .max = 1024,
     .help = "cylinders as the BIOS tells them; 0: by translation", .fallback = "0"},
    {.name = "lheads", .type = OPT_NUMBER, .min = 0, .max = 255, .help = "heads as the BIOS tells them",
     .fallback = "0"},
    {.name = "lsecs", .type = OPT_NUMBER, .min = 0, .max = 63,
     .help = "sectors per track as the BIOS tells them", .fallback = "0"},
    {.name = "rotation_rate", .type = OPT_NUMBER, .min = 0, .max = 65534,
     .help = "rotations per minute; 1: does not rotate; 0: not said", .fallback = "0"},
    {.name = "logical_block_size", .type = OPT_SIZE, .min = 512, .max = 32768,
     .help = "bytes; 512 is the only one that IDE has", .fallback = "512"},
    {.name = "physical_block_size", .type = OPT_SIZE, .min = 512, .max = 2097152,
     .help = "bytes, a power of two", .fallback = "512"},
    {.name = "discard_granularity", .type = OPT_SIZE, .min = 0, .max = 2147483647,
     .help = "bytes: 512; 0: no TRIM", .fallback = "512"},
    {.name = "share-rw", .type = OPT_ENUM, .values = "off",
     .help = "others may write to the image"},
    {.name = "write-cache", .type = OPT_ENUM, .values = "auto|on|off",
     .help = "volatile write cache shown to the guest", .fallback = "auto"},
    PROP_POLICY,
    OPT_END,
};

static const struct opt_desc ide_cd_props[] = {
    {.name = "drive", .type = OPT_STRING,
     .help = "id of the -drive, or node-name of the -blockdev", .fallback = "an empty drive"},
    {.name = "bus", .type = OPT_STRING,
     .help = "channel: ide.0, ide.1; X.0, X.1 of a controller with id=X",
     .fallback = "the first with room"},
    {.name = "unit", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "0 master, 1 slave",
     .fallback = "the first free"},
    {.name = "bootindex", .type = OPT_NUMBER, .min = -1, .max = INT32_MAX,
     .help = "place in the boot order, lowest first; -1: none", .fallback = "-1"},
    {.name = "serial", .type = OPT_STRING, .max = 20, .help = "serial number, up to 20 characters"},
    {.name = "ver", .type = OPT_STRING, .max = 8, .help = "firmware revision, up to 8 characters"},
    {.name = "model", .type = OPT_STRING, .max = 40, .help = "model, up to 40 characters"},
    {.name = "wwn", .type = OPT_NUMBER, .help = "world-wide name; 0: none", .fallback = "0"},
    {.name = "logical_block_size", .type = OPT_SIZE, .min = 512, .max = 32768,
     .help = "bytes; 512 is the only one that IDE has", .fallback = "512"},
    {.name = "physical_block_size", .type = OPT_SIZE, .min = 512, .max = 512,
     .help = "bytes; 512", .fallback = "512"},
    {.name = "write-cache", .type = OPT_ENUM, .values = "auto|on|off",
     .help = "without effect: nothing is written", .fallback = "auto"},
    PROP_POLICY,
    OPT_END,
};

static const struct opt_desc cmd646_props[] = {
    {.name = "addr", .type = OPT_STRING, .help = "PCI slot: 0x3", .fallback = "the first free"},
    {.name = "secondary", .type = OPT_NUMBER, .min = 0, .max = 1,
     .help = "1: its second channel is there", .fallback = "1"},
    PROP_BUS("pci.0"),
    OPT_END,
};

static const struct opt_desc isa_ide_props[] = {
    {.name = "iobase", .type = OPT_NUMBER, .min = 8, .max = 0xfff8,
     .help = "first of the 8 ports of the command block",
     .fallback = "the next free of 0x1e8, 0x168"},
    {.name = "iobase2", .type = OPT_NUMBER, .min = 1, .max = 0xffff, .help = "control port",
     .fallback = "iobase + 0x206"},
    {.name = "irq", .type = OPT_NUMBER, .min = 3, .max = 15, .help = "interrupt line",
     .fallback = "by iobase: 11, 10"},
    PROP_BUS("isa.0"),
    OPT_END,
};

#define FLOPPY_TYPES "auto|144|288|120|360|none"

static const struct opt_desc floppy_props[] = {
    {.name = "drive", .type = OPT_STRING,
     .help = "id of the -drive, or node-name of the -blockdev", .fallback = "an empty drive"},
    {.name = "unit", .type = OPT_NUMBER, .min = 0, .max = 1, .help = "0: A, 1: B",
     .fallback = "the first free"},
    {.name = "drive-type", .type = OPT_ENUM, .values = FLOPPY_TYPES,
     .help = "the drive; auto: by the medium at the start", .fallback = "auto"},
    {.name = "bootindex", .type = OPT_NUMBER, .min = -1, .max = INT32_MAX,
     .help = "place in the boot order, lowest first; -1: none", .fallback = "-1"},
    PROP_BUS("floppy-bus.0"),
    {.name = "share-rw", .type = OPT_ENUM, .values = "off",
     .help = "others may write to the image"},
    {.name = "write-cache", .type = OPT_ENUM, .values = "auto",
     .help = "a floppy drive has none"},
    PROP_POLICY,
    OPT_END,
};

/* For -global: the controller is a part of the machine. */
static const struct opt_desc isa_fdc_props[] = {
    {.name = "fdtypeA", .type = OPT_ENUM, .values = FLOPPY_TYPES,
     .help = "drive A, if it is not a -device", .fallback = "auto"},
    {.name = "fdtypeB", .type = OPT_ENUM, .values = FLOPPY_TYPES,
     .help = "drive B, if it is not a -device", .fallback = "auto"},
    {.name = "fallback", .type = OPT_ENUM, .values = "144|288|120|360",
     .help = "what auto is without a medium", .fallback = "288"},
    OPT_END,
};

static const struct opt_desc rtl8139_props[] = {
    PROP_PCI_NIC,
    {.name = "chip", .type = OPT_ENUM, .values = "rtl8139c+|rtl8139c",
     .help = "rtl8139c: without C+ mode, for drivers that know no other (8139too)", .fallback = "rtl8139c+"},
    OPT_END,
};

static const struct opt_desc vga_props[] = {
    {.name = "vgamem_mb", .type = OPT_NUMBER, .min = 1, .max = 512,
     .help = "video memory in MiB, a power of two", .fallback = "16"},
    {.name = "addr", .type = OPT_STRING, .help = "PCI slot[.function]: 0x2", .fallback = "0x2"},
    PROP_BUS("pci.0"),
    OPT_END,
};

static const struct opt_desc isa_vga_props[] = {
    {.name = "vgamem_mb", .type = OPT_NUMBER, .min = 1, .max = 512,
     .help = "video memory in MiB, a power of two", .fallback = "16"},
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc debug_exit_props[] = {
    {.name = "iobase", .type = OPT_NUMBER, .min = 0, .max = 0xffff,
     .help = "I/O port; a value written there ends the process with (value << 1) | 1",
     .fallback = "0x501"},
    {.name = "iosize", .type = OPT_NUMBER, .min = 1, .max = 4, .help = "bytes", .fallback = "2"},
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc ib700_props[] = {
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc pc_testdev_props[] = {
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc pvpanic_props[] = {
    {.name = "ioport", .type = OPT_NUMBER, .min = 0, .max = 0xffff, .help = "I/O port", .fallback = "0x505"},
    {.name = "events", .type = OPT_NUMBER, .min = 0, .max = 3,
     .help = "what the guest may tell: 1 panics, 2 crashes that it handles itself", .fallback = "3"},
    PROP_BUS("isa.0"),
    OPT_END,
};

static const struct opt_desc debugcon_props[] = {
    {.name = "chardev", .type = OPT_STRING, .help = "id of the -chardev that gets the text"},
    {.name = "iobase", .type = OPT_NUMBER, .min = 0, .max = 0xffff, .help = "I/O port",
     .fallback = "0xe9"},
    {.name = "readback", .type = OPT_NUMBER, .min = 0, .max = 255,
     .help = "what reading the port gives", .fallback = "0xe9"},
    PROP_BUS("isa.0"),
    OPT_END,
};

/* What is the truth may be said; the contrary is refused. */
static const struct opt_desc piix4_pm_props[] = {
    {.name = "disable_s3", .type = OPT_ENUM, .values = "1|on", .help = "no S3 sleep is offered"},
    {.name = "disable_s4", .type = OPT_ENUM, .values = "1|on", .help = "no S4 sleep is offered"},
    OPT_END,
};

static const struct opt_desc kvm_pit_props[] = {
    {.name = "lost_tick_policy", .type = OPT_ENUM, .values = "delay",
     .help = "late ticks are delivered later"},
    OPT_END,
};

/* One that is there unless it is taken away. */
#define FEATURE(name_, help_)                                                                      \
    {.name = name_, .type = OPT_ENUM, .values = "on|off", .help = help_, .fallback = "on"}

/* Of every virtio device on PCI. */
/* Doorbells take KVM milliseconds to switch: not for devices whose kicks are few. */
#define PROP_VIRTIO(ioeventfd)                                                                     \
    {.name = "disable-legacy", .type = OPT_ENUM, .values = "on|off",                               \
     .help = "on: only by the registers of virtio 1.0 and later", .fallback = "off"},              \
    {.name = "disable-modern", .type = OPT_ENUM, .values = "on|off",                               \
     .help = "on: only by the ports of virtio before 1.0", .fallback = "off"},                     \
    FEATURE("indirect_desc", "indirect descriptors"), FEATURE("event_idx", "notification by index"), \
    {.name = "vectors", .type = OPT_NUMBER, .min = 0, .max = 16,                                   \
     .help = "of MSI-X; 0: interrupts by the pin only", .fallback = "one per queue, and one"},     \
    {.name = "packed", .type = OPT_ENUM, .values = "on|off",                                       \
     .help = "packed rings are offered to drivers of virtio 1.1 and later", .fallback = "off"},    \
    {.name = "ioeventfd", .type = OPT_ENUM, .values = "on|off",                                    \
     .help = "off: the vCPU that kicks waits until the device has looked", .fallback = ioeventfd}

#define PROP_PCI_PLACE                                                                             \
    {.name = "addr", .type = OPT_STRING, .help = "PCI slot: 0x3", .fallback = "the first free"},   \
    PROP_BUS("pci.0")

static const struct opt_desc virtio_net_props[] = {
    PROP_PCI_NIC,
    {.name = "mq", .type = OPT_ENUM, .values = "on|off",
     .help = "a queue pair per queue of the netdev, up to 4", .fallback = "off"},
    FEATURE("csum", "the guest may leave checksums to the card"),
    FEATURE("host_tso4", "and the cutting of TCP segments"),
    FEATURE("host_tso6", "those of IPv6"),
    FEATURE("host_ecn", "with ECN"),
    {.name = "host_ufo", .type = OPT_ENUM, .values = "off", .help = "cutting of UDP datagrams"},
    {.name = "gso", .type = OPT_ENUM, .values = "off", .help = "the old name of all of these"},
    FEATURE("guest_csum", "frames without checksum may come from the host itself"),
    FEATURE("guest_tso4", "and large TCP segments"),
    FEATURE("guest_tso6", "those of IPv6"),
    FEATURE("guest_ecn", "with ECN"),
    {.name = "guest_ufo", .type = OPT_ENUM, .values = "off", .help = "large UDP datagrams"},
    FEATURE("mrg_rxbuf", "a frame may fill several buffers"),
    FEATURE("status", "the guest sees the cable"),
    FEATURE("ctrl_vq", "control queue; without it none of the following"),
    FEATURE("ctrl_rx", "filters"),
    FEATURE("ctrl_rx_extra", "more of them"),
    FEATURE("ctrl_vlan", "filter of VLANs"),
    FEATURE("ctrl_mac_addr", "the guest may change the address"),
    FEATURE("ctrl_guest_offloads", "the guest may change its offloads while it runs"),
    FEATURE("guest_announce", "the guest is asked to say where it is when the cable comes back"),
    {.name = "rx_queue_size", .type = OPT_NUMBER, .min = 256, .max = 256, .help = "entries", .fallback = "256"},
    {.name = "tx_queue_size", .type = OPT_NUMBER, .min = 256, .max = 256, .help = "entries", .fallback = "256"},
    PROP_VIRTIO("on"),
    OPT_END,
};

static const struct opt_desc virtio_rng_props[] = {
    PROP_PCI_PLACE,
    {.name = "rng", .type = OPT_STRING, .help = "id of an -object rng-random or rng-builtin",
     .fallback = "the host kernel's random numbers"},
    {.name = "max-bytes", .type = OPT_NUMBER, .min = 1, .max = INT64_MAX,
     .help = "most that the guest gets in a period", .fallback = "any number"},
    {.name = "period", .type = OPT_NUMBER, .min = 1, .max = UINT32_MAX, .help = "in milliseconds",
     .fallback = "65536"},
    PROP_VIRTIO("on"),
    OPT_END,
};

static const struct opt_desc virtio_balloon_props[] = {
    {.name = "deflate-on-oom", .type = OPT_ENUM, .values = "on|off",
     .help = "on: a guest that runs out of memory may take pages back", .fallback = "off"},
    {.name = "free-page-reporting", .type = OPT_ENUM, .values = "on|off",
     .help = "on: the guest tells which pages are free, and the host has them until they are used", .fallback = "off"},
    {.name = "page-poison", .type = OPT_ENUM, .values = "on|off",
     .help = "the guest tells what free pages have to contain", .fallback = "on"},
    {.name = "free-page-hint", .type = OPT_ENUM, .values = "off", .help = "hints for a migration"},
    {.name = "guest-stats-polling-interval", .type = OPT_NUMBER, .min = 0, .max = UINT32_MAX,
     .help = "seconds from one look at the guest's statistics to the next; 0: none", .fallback = "0"},
    PROP_PCI_PLACE,
    PROP_VIRTIO("off"),
    OPT_END,
};

static const struct opt_desc virtio_serial_props[] = {
    {.name = "max_ports", .type = OPT_NUMBER, .min = 1, .max = 15,
     .help = "numbers of ports, from 0 on; 1: no more than a console", .fallback = "15"},
    {.name = "emergency-write", .type = OPT_ENUM, .values = "on|off",
     .help = "a guest without a driver can print on the first virtconsole", .fallback = "on"},
    PROP_PCI_PLACE,
    PROP_VIRTIO("off"),
    OPT_END,
};

static const struct opt_desc virtio_port_props[] = {
    {.name = "chardev", .type = OPT_STRING, .help = "id of the -chardev at its other end", .fallback = "nobody"},
    {.name = "name", .type = OPT_STRING, .max = 128,
     .help = "by which the guest finds it: org.qemu.guest_agent.0", .fallback = "none"},
    {.name = "nr", .type = OPT_NUMBER, .min = 0, .max = 511, .help = "its number; 0 is for a virtconsole only",
     .fallback = "the first free"},
    {.name = "bus", .type = OPT_STRING, .help = "X.0 of a virtio-serial-pci with id=X", .fallback = "the first"},
    OPT_END,
};

static const struct opt_desc virtio_blk_props[] = {
    {.name = "drive", .type = OPT_STRING,
     .help = "id of the -drive, or node-name of the -blockdev"},
    {.name = "bootindex", .type = OPT_NUMBER, .min = -1, .max = INT32_MAX,
     .help = "place in the boot order, lowest first; -1: none", .fallback = "-1"},
    {.name = "serial", .type = OPT_STRING, .max = 20, .help = "serial number, up to 20 characters"},
    {.name = "num-queues", .type = OPT_NUMBER, .min = 1, .max = 8, .help = "request queues", .fallback = "1"},
    {.name = "queue-size", .type = OPT_NUMBER, .min = 4, .max = 256,
     .help = "entries of each, a power of two", .fallback = "256"},
    {.name = "logical_block_size", .type = OPT_SIZE, .min = 512, .max = 512, .help = "bytes; 512", .fallback = "512"},
    {.name = "physical_block_size", .type = OPT_SIZE, .min = 512, .max = 2097152,
     .help = "bytes, a power of two", .fallback = "512"},
    {.name = "discard", .type = OPT_ENUM, .values = "on|off", .help = "discard is offered", .fallback = "on"},
    {.name = "write-zeroes", .type = OPT_ENUM, .values = "on|off",
     .help = "write zeroes is offered", .fallback = "on"},
    {.name = "share-rw", .type = OPT_ENUM, .values = "off",
     .help = "others may write to the image"},
    {.name = "write-cache", .type = OPT_ENUM, .values = "auto|on|off",
     .help = "volatile write cache shown to the guest", .fallback = "auto"},
    {.name = "scsi", .type = OPT_ENUM, .values = "off", .help = "SCSI commands pass through"},
    PROP_POLICY,
    PROP_PCI_PLACE,
    PROP_VIRTIO("on"),
    OPT_END,
};

static const struct opt_desc no_props[] = {OPT_END};

static const struct device_desc devices[] = {
    {"cmd646-ide", "pci-device", "PCI", "CMD PCI-0646, two more IDE channels", true, cmd646_props},
    {"e1000", "pci-device", "PCI", "Intel 82540EM gigabit Ethernet", true, e1000_props},
    {"floppy", "device", "floppy-bus", "floppy drive", true, floppy_props},
    {"ib700", "isa-device", "ISA", "watchdog of the IB700", true, ib700_props},
    {"ide-cd", "ide-device", "IDE", "ATAPI CD and DVD drive", true, ide_cd_props},
    {"ide-hd", "ide-device", "IDE", "ATA hard disk", true, ide_hd_props},
    {"isa-debug-exit", "isa-device", "ISA", "port that ends the process", true, debug_exit_props},
    {"isa-debugcon", "isa-device", "ISA", "port that prints characters", true, debugcon_props},
    {"isa-ide", "isa-device", "ISA", "one more IDE channel, without DMA", true, isa_ide_props},
    {"isa-serial", "isa-device", "ISA", "serial port, 16550A", true, isa_serial_props},
    {"isa-vga", "isa-device", "ISA", "standard VGA for machine isapc", true, isa_vga_props},
    {"ne2k_isa", "isa-device", "ISA", "network card, NE2000", true, ne2k_isa_props},
    {"ne2k_pci", "pci-device", "PCI", "network card, Realtek RTL8029AS", true, pci_nic_props},
    {"pc-testdev", "isa-device", "ISA", "registers and interrupt lines for kvm-unit-tests", true, pc_testdev_props},
    {"pcnet", "pci-device", "PCI", "network card, AMD PCnet", true, pcnet_props},
    {"pvpanic", "isa-device", "ISA", "port by which the guest says that it crashed", true, pvpanic_props},
    {"rtl8139", "pci-device", "PCI", "Realtek RTL8139C+ Fast Ethernet", true, rtl8139_props},
    {"VGA", "pci-device", "PCI", "standard VGA with Bochs extensions", true, vga_props},
    {"virtio-balloon-pci", "virtio-pci", "PCI", "memory balloon", true, virtio_balloon_props},
    {"virtio-blk-pci", "virtio-pci", "PCI", "paravirtual disk", true, virtio_blk_props},
    {"virtio-net-pci", "virtio-pci", "PCI", "paravirtual network card", true, virtio_net_props},
    {"virtio-rng-pci", "virtio-pci", "PCI", "entropy from the host", true, virtio_rng_props},
    {"virtio-serial-pci", "virtio-pci", "PCI", "bus of consoles and channels", true, virtio_serial_props},
    {"virtconsole", "virtserialport", "virtio-serial-bus", "console, hvc0 of Linux", true, virtio_port_props},
    {"virtserialport", "virtio-serial-port", "virtio-serial-bus", "channel by name", true, virtio_port_props},
    {"PIIX4_PM", "pci-device", "PCI", "power management", false, piix4_pm_props},
    {"kvm-pit", "isa-device", "ISA", "interval timer, in the kernel", false, kvm_pit_props},
    {"kvm-i8259", "isa-device", "ISA", "interrupt controller, in the kernel", false, no_props},
    {"kvm-ioapic", "sys-bus-device", "System", "I/O APIC, in the kernel", false, no_props},
    {"i440FX-pcihost", "pci-host-bridge", "System", "PCI host bridge", false, no_props},
    {"i440FX", "pci-device", "PCI", "host bridge's PCI function", false, no_props},
    {"PIIX3", "pci-device", "PCI", "PCI to ISA bridge", false, no_props},
    {"piix3-ide", "pci-device", "PCI", "IDE controller with bus master", false, no_props},
    {"isa-fdc", "isa-device", "ISA", "floppy controller, 82077AA", false, isa_fdc_props},
    {"i8042", "isa-device", "ISA", "keyboard and mouse controller", false, no_props},
    {"vmmouse", "isa-device", "ISA", "absolute pointer on VMware's port", false, no_props},
    {"i8257", "isa-device", "ISA", "DMA controller registers", false, no_props},
    {"mc146818rtc", "isa-device", "ISA", "clock and CMOS memory", false, no_props},
    {"port92", "isa-device", "ISA", "A20 gate and fast reset", false, no_props},
    {"fw_cfg_io", "fw_cfg", "System", "configuration for the firmware", false, no_props},
};

const struct device_desc *device_descs(unsigned *count)
{
    *count = G_N_ELEMENTS(devices);
    return devices;
}

const struct device_desc *device_desc_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        if (!strcmp(devices[i].name, name))
            return &devices[i];
    }
    return NULL;
}

/* By pattern, the first that matches. */
static const struct {
    const char *pattern, *text;
} refusals[] = {
    {"ide-drive", "use ide-hd"},
    {"e1000*", "use e1000, which is the 82540EM"},
    {"virtio-net*", "use virtio-net-pci"},
    {"virtio-balloon*", "use virtio-balloon-pci"},
    {"virtio-blk*", "use virtio-blk-pci"},
    {"virtio-rng*", "use virtio-rng-pci"},
    {"virtio-vga*", "use VGA"},
    {"virtio-gpu*", "use VGA"},
    {"virtio-serial*", "use virtio-serial-pci"},
    {"virtio*", "there are virtio-balloon-pci, virtio-blk-pci, virtio-net-pci, virtio-rng-pci and virtio-serial-pci"},
    {"scsi-*", "there is no SCSI; ide-hd works"},
    {"lsi*", "there is no SCSI; ide-hd works"},
    {"nvme*", "there is no NVMe; ide-hd works"},
    {"ahci", "there is no AHCI; ide-hd works"},
    {"usb-*", "there is no USB"},
    {"*-usb-*", "there is no USB"},
    {"qemu-xhci", "there is no USB"},
    {"isa-parallel", "there is no parallel port"},
    {"pci-serial*", "use isa-serial"},
    {"cirrus-vga", "use VGA"},
    {"qxl*", "use VGA"},
    {"vmware-svga", "use VGA"},
    {"bochs-display", "use VGA"},
    {"ramfb", "use VGA"},
    {"*testdev", "there are pc-testdev and isa-debug-exit"},
    {"i6300esb", "use ib700"},
    {"pvpanic-pci", "use pvpanic"},
    {"AC97", "there is no sound"},
    {"ES1370", "there is no sound"},
    {"intel-hda", "there is no sound"},
    {"ich9-intel-hda", "there is no sound"},
    {"hda-*", "there is no sound"},
    {"sb16", "there is no sound"},
    {"vfio-*", "host devices cannot be given away"},
    {"*-x86_64-cpu", "CPUs cannot be added; use -smp"},
    {"pc-dimm", "memory cannot be added; use -m"},
    {"nvdimm", "memory cannot be added; use -m"},
};

const char *device_refusal(const char *driver)
{
    const struct device_desc *d = device_desc_find(driver);

    if (d && !d->user_creatable)
        return "it is a part of the machine";
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (g_pattern_match_simple(refusals[i].pattern, driver))
            return refusals[i].text;
    }
    return "no such device";
}
