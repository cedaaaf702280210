/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware configuration device: numbered items of bytes that firmware (SeaBIOS, the -kernel
 * option ROM, Linux's qemu_fw_cfg) reads by a selector and a data port, or by DMA. Its interface is
 * QEMU's docs/specs/fw_cfg; nothing is writable by the guest.
 *
 *   port + 0  word, write: select an item
 *   port + 1  byte, read: its next byte, zeros past its end
 *   port + 4  two dwords, big endian: the address of a DMA structure; writing the second one starts
 *             the transfer. Reads as the signature "QEMU CFG"
 *
 * DMA moves at most what is left of the item. A longer request has its rest zero-filled up to
 * FW_CFG_ZERO_BYTES (firmware reads small absent items); a longer rest than that is an error, so
 * that no work grows with a length that the guest gives.
 */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include "hw/device.h"

#define FW_CFG_ZERO_BYTES 4096
#define FW_CFG_FILE_NAME_BYTES 56 /* with the terminating zero */
#define FW_CFG_FILES_MAX 256

enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00, /* "QEMU"; set by fw_cfg_new() */
    FW_CFG_ID = 0x01,        /* features; set by fw_cfg_new() */
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19, /* kept by fw_cfg_add_file() */
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ACPI_TABLES = 0x8000,
    FW_CFG_SMBIOS_ENTRIES = 0x8001,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_E820_TABLE = 0x8003,
    FW_CFG_HPET = 0x8004,
};

struct fw_cfg_config {
    uint16_t port; /* 0x510; twelve ports */
};

/* NULL with the reason in why[] if a port is taken. */
struct device *fw_cfg_new(const struct dev_env *env, const char *id,
                          const struct fw_cfg_config *cfg, char *why, size_t why_size);

/*
 * Items; adding one again replaces it. For the machine; lock not held. Numbers are stored little
 * endian. A borrowed item is not copied and must outlive the device (or its replacement).
 */
void fw_cfg_add_bytes(struct device *dev, uint16_t key, const void *data, size_t size);
void fw_cfg_add_u16(struct device *dev, uint16_t key, uint16_t value);
void fw_cfg_add_u32(struct device *dev, uint16_t key, uint32_t value);
void fw_cfg_add_u64(struct device *dev, uint16_t key, uint64_t value);
void fw_cfg_borrow(struct device *dev, uint16_t key, const void *data, size_t size);

/*
 * A named file, copied; keys follow the order of names, as in the directory, so add all before the
 * guest runs. False: the name is empty or too long, or there are FW_CFG_FILES_MAX already.
 */
bool fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t size);

#endif
