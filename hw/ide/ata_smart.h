/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a drive keeps for SMART, the self-monitoring feature set (ATA/ATAPI-6, 6.14 and 8.51): counts
 * of host errors, the log of errors, the log of self-tests, the self-test under way. Part of struct
 * ata_drive; the commands are in ata_smart.c, the tests in ata_selftest.c.
 *
 * All but the recent commands is non-volatile on a drive, so it outlives a reset here; it ends with
 * the process, as the image has no place for it.
 *
 * A self-test reads samples spread over the whole disk: 64 of 64 KiB, or 1024 for the extended one.
 * In off-line mode a sample is read each 100 ms while no command runs (8.51.4: commands come
 * first); in captive mode one after another, in the state SELF_TEST with BSY set.
 */
#ifndef HW_IDE_ATA_SMART_H
#define HW_IDE_ATA_SMART_H

#include "block/block.h"
#include "hw/device.h"

#define ATA_ERROR_ENTRIES 5
#define ATA_ERROR_ENTRY_BYTES 90
#define ATA_COMMAND_ENTRY_BYTES 12
#define ATA_TEST_ENTRIES 21
#define ATA_TEST_ENTRY_BYTES 24

struct ata_smart {
    bool enabled, autosave;
    uint32_t read_errors, write_errors, test_failures; /* saturate */
    /* The two logs, as READ LOG shows them; an index is of the newest entry, from 1; 0: none. */
    uint8_t error_index;
    uint16_t error_count;
    uint8_t errors[ATA_ERROR_ENTRIES * ATA_ERROR_ENTRY_BYTES];
    uint8_t test_index;
    uint8_t tests[ATA_TEST_ENTRIES * ATA_TEST_ENTRY_BYTES];
    uint8_t offline_status, test_status; /* bytes 362 and 363 of the data */
    bool test_running;
    uint8_t test_kind;  /* as in the LBA low register; bit 7: captive */
    uint32_t test_step; /* of the samples */
    uint8_t test_probe; /* 0: the whole sample is read, n: its n-th sector, to find the bad one */
    uint8_t commands[ATA_ERROR_ENTRIES * ATA_COMMAND_ENTRY_BYTES]; /* the last ones, newest last */

    /* Not state. */
    struct vtimer timer;   /* the next sample */
    struct block_req *req; /* the sample under way */
};

#define ATA_SMART_FIELDS(s, path, p)                                                               \
    ATA_KEEP_(s, BOOL, path, smart.enabled, p, 1), ATA_KEEP_(s, BOOL, path, smart.autosave, p, 1), \
    ATA_KEEP_(s, U32, path, smart.read_errors, p, 0),                                              \
    ATA_KEEP_(s, U32, path, smart.write_errors, p, 0),                                             \
    ATA_KEEP_(s, U32, path, smart.test_failures, p, 0),                                            \
    ATA_KEEP_(s, U8, path, smart.error_index, p, ATA_ERROR_ENTRIES),                               \
    ATA_KEEP_(s, U16, path, smart.error_count, p, 0), ATA_KEEP_BYTES_(s, path, smart.errors, p),   \
    ATA_KEEP_(s, U8, path, smart.test_index, p, ATA_TEST_ENTRIES),                                 \
    ATA_KEEP_BYTES_(s, path, smart.tests, p),                                                      \
    ATA_KEEP_(s, U8, path, smart.offline_status, p, 0),                                            \
    ATA_KEEP_(s, U8, path, smart.test_status, p, 0),                                               \
    ATA_KEEP_(s, BOOL, path, smart.test_running, p, 1),                                            \
    ATA_KEEP_(s, U8, path, smart.test_kind, p, 0), ATA_KEEP_(s, U32, path, smart.test_step, p, 0), \
    ATA_KEEP_(s, U8, path, smart.test_probe, p, 128),                                              \
    ATA_BYTES_(s, path, smart.commands, p)

#endif
