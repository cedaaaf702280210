/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of an ATA drive, a row each, and how each begins. What has no row aborts.
 * Source: ATA/ATAPI-6, clause 8; rows marked with an older standard were retired there, but old
 * drivers send them.
 */
#include <string.h>

#include "hw/ide/ata_internal.h"

#define DISK ATA_KIND_DISK
#define CD ATA_KIND_CD
#define BOTH (ATA_KIND_DISK | ATA_KIND_CD)

/* ---- addresses ---- */

static const struct ata_command *current_command(const struct ata_drive *d)
{
    return ata_find_command(d->command, d->kind);
}

uint64_t ata_lba48(const struct ata_drive *d)
{
    return d->tf.lba_low | (uint64_t)d->tf.lba_mid << 8 | (uint64_t)d->tf.lba_high << 16 |
           (uint64_t)d->hob.lba_low << 24 | (uint64_t)d->hob.lba_mid << 32 |
           (uint64_t)d->hob.lba_high << 40;
}

uint64_t ata_lba28(const struct ata_drive *d)
{
    return d->tf.lba_low | (uint64_t)d->tf.lba_mid << 8 | (uint64_t)d->tf.lba_high << 16 |
           (uint64_t)(d->device & 0x0f) << 24;
}

/* Cylinder, head, sector by the current translation (6.2.1); false if there is no such place. */
static bool chs(const struct ata_drive *d, uint64_t *lba)
{
    uint32_t cyl = d->tf.lba_mid | d->tf.lba_high << 8, head = d->device & 0x0f, sec = d->tf.lba_low;

    if (!sec || sec > d->secs || head >= d->heads || cyl >= d->cyls)
        return false;
    *lba = ((uint64_t)cyl * d->heads + head) * d->secs + sec - 1;
    return true;
}

/* The sector number that the registers hold, in 64 bits; false if they hold none. */
static bool address(const struct ata_drive *d, const struct ata_command *cmd, uint64_t *lba)
{
    if (!(d->device & ATA_DEVICE_LBA))
        return !(cmd->flags & ATA_CMD_EXT) && chs(d, lba);
    *lba = cmd->flags & ATA_CMD_EXT ? ata_lba48(d) : ata_lba28(d);
    return true;
}

static uint32_t sector_count(const struct ata_drive *d, const struct ata_command *cmd)
{
    uint32_t count = cmd->flags & ATA_CMD_EXT ? ata_count48(d) : d->tf.count;

    if (cmd->flags & ATA_CMD_EXT)
        return count ? count : 65536;
    return count ? count : 256;
}

static void set_chs(struct ata_drive *d, uint64_t lba)
{
    uint64_t track = lba / d->secs, cyl = track / d->heads;

    if (cyl > 0xffff)
        cyl = 0xffff;
    d->tf.lba_low = (uint8_t)(lba % d->secs + 1);
    d->tf.lba_mid = (uint8_t)cyl;
    d->tf.lba_high = (uint8_t)(cyl >> 8);
    d->device = (d->device & 0xf0) | (uint8_t)(track % d->heads);
}

void ata_set_address(struct ata_drive *d, uint64_t lba)
{
    const struct ata_command *cmd = current_command(d);

    if (!(d->device & ATA_DEVICE_LBA)) {
        set_chs(d, lba);
        return;
    }
    d->tf.lba_low = (uint8_t)lba;
    d->tf.lba_mid = (uint8_t)(lba >> 8);
    d->tf.lba_high = (uint8_t)(lba >> 16);
    if (cmd && cmd->flags & ATA_CMD_EXT) {
        d->hob.lba_low = (uint8_t)(lba >> 24);
        d->hob.lba_mid = (uint8_t)(lba >> 32);
        d->hob.lba_high = (uint8_t)(lba >> 40);
    } else {
        d->device = (d->device & 0xf0) | (lba >> 24 & 0x0f);
    }
}

/* ---- commands that move sectors ---- */

static bool is_write(const struct ata_command *cmd)
{
    return cmd->protocol == ATA_PIO_DATA_OUT || cmd->protocol == ATA_DMA_OUT;
}

/* What forbids it whatever the address says: 0 or a bit of the error register. */
static uint8_t refusal(const struct ata_drive *d, const struct ata_command *cmd)
{
    bool dma = cmd->protocol == ATA_DMA_IN || cmd->protocol == ATA_DMA_OUT;

    if (dma && !d->bm)
        return ATA_ERROR_ABRT;
    if (cmd->flags & ATA_CMD_MULTIPLE && !d->multiple)
        return ATA_ERROR_ABRT;
    if (cmd->flags & ATA_CMD_EXT && !(d->device & ATA_DEVICE_LBA))
        return ATA_ERROR_ABRT;
    if (is_write(cmd) && block_readonly(d->blk))
        return ATA_ERROR_ABRT;
    return 0;
}

/* The whole range is checked before the first byte moves. */
static void start_transfer(struct ata_drive *d, const struct ata_command *cmd)
{
    uint8_t refused = refusal(d, cmd);
    uint32_t count = sector_count(d, cmd);
    uint64_t lba = 0;

    if (refused) {
        ata_abort(d, refused);
        return;
    }
    if (!address(d, cmd, &lba) || lba >= d->sectors || count > d->sectors - lba) {
        ata_abort(d, ATA_ERROR_IDNF);
        return;
    }
    d->xfer_lba = lba;
    d->xfer_left = count;
    d->block_sectors = cmd->flags & ATA_CMD_MULTIPLE ? d->multiple : 1;
    ata_begin_transfer(d, cmd->protocol);
}

static void start_seek(struct ata_drive *d, const struct ata_command *cmd)
{
    uint64_t lba;

    if (!address(d, cmd, &lba) || lba >= d->sectors)
        ata_abort(d, ATA_ERROR_IDNF);
    else
        ata_end(d);
}

/* ---- commands about the drive ---- */

static void start_identify(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_identify(d, d->buf);
    ata_begin_answer(d);
}

static void start_identify_packet(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    atapi_identify(d, d->buf);
    ata_begin_answer(d);
}

/* What tells a driver that it talks to a packet device: the command aborts with the signature. */
static void start_signature(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_put_signature(d);
    ata_abort(d, ATA_ERROR_ABRT);
}

/* No interrupt, and no DRDY (8.9); the state is left last, when nothing is under way any more. */
static void start_device_reset(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_dma_stop(d);
    ata_cancel(d);
    ata_diagnose(d);
    d->device &= ATA_DEVICE_DEV;
    d->xfer_left = 0;
    if (d->state == ATA_SLEEP)
        d->power = ATA_POWER_STANDBY;
    ata_set_state(d, ATA_IDLE);
}

static void start_packet(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    atapi_packet(d);
}

/* 8.22: NOP always aborts; what would be queued does not exist here. */
static void start_nop(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_abort(d, ATA_ERROR_ABRT);
}

static void start_trivial(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_end(d);
}

static void start_flush(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_begin_flush(d);
}

static void start_set_multiple(struct ata_drive *d, const struct ata_command *cmd)
{
    uint8_t count = d->tf.count;

    (void)cmd;
    if (count > ATA_BUFFER_SECTORS || count & (count - 1)) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->multiple = count;
    ata_end(d);
}

/* The default translation's own number may be the user's; a SET MAX makes it smaller, never larger. */
uint16_t ata_cylinders(const struct ata_drive *d, uint32_t heads, uint32_t secs)
{
    bool is_default = heads == d->default_heads && secs == d->default_secs;
    uint16_t limit = is_default ? d->default_cyls : 65535;
    uint64_t cyls;

    if (is_default && d->sectors == d->native_sectors)
        return limit; /* so it is for an absent drive, too, which has no heads */
    cyls = d->sectors / (heads * secs);
    return (uint16_t)(cyls > limit ? limit : cyls < 1 ? 1 : cyls);
}

/*
 * INITIALIZE DEVICE PARAMETERS (ATA-5, 8.16): heads - 1 in the device register, sectors in the
 * count. Any translation is taken: what lies beyond the disk fails by its sector number.
 */
static void start_set_translation(struct ata_drive *d, const struct ata_command *cmd)
{
    uint8_t heads = (d->device & 0x0f) + 1, secs = d->tf.count;

    (void)cmd;
    if (!secs) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->heads = heads;
    d->secs = secs;
    d->cyls = ata_cylinders(d, heads, secs);
    ata_end(d);
}

/* READ BUFFER shows what WRITE BUFFER left: the host tests the bus with them (8.24, 8.54). */
static void start_read_buffer(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_begin_answer(d);
}

static void start_write_buffer(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_begin_data_out(d);
}

/* ---- the table ---- */

/*
 * No row for a disk, on purpose, though old or other standards have them; IDENTIFY DEVICE says that they are
 * not there, and they abort as clause 8 demands of a drive without the feature set:
 *   03, 38, 87, C0, CD, D1   of CompactFlash cards
 *   26, 36, A2, C7, CC       overlapped and queued commands (08, A0, A1 are a CD drive's alone)
 *   22, 23, 32, 33           READ/WRITE LONG (ATA-3): 4 bytes of ECC that there are none of; retired,
 *                            and their only users, surface tests, fall back on VERIFY
 *   2F, 3F                   READ/WRITE LOG EXT: SMART's logs are short enough for READ LOG
 *   45                       WRITE UNCORRECTABLE EXT (ACS): an image has no place for bad sectors
 *   50                       FORMAT TRACK (ATA-3): vendor specific; nothing is wiped by mistake
 *   92                       DOWNLOAD MICROCODE
 *   B1                       DEVICE CONFIGURATION: no BIOS needs it, SET MAX hides sectors as well
 *   DA, DE, DF, ED           media status and door lock of removable disks
 *   F1 .. F6                 SECURITY: who wants a locked disk encrypts the image
 */
#define EXT (ATA_CMD_EXT | ATA_CMD_MEDIA)
#define MED ATA_CMD_MEDIA
#define MUL (ATA_CMD_MULTIPLE | ATA_CMD_MEDIA)
#define FLU ATA_CMD_FLUSH
#define SLP (ATA_CMD_FLUSH | ATA_CMD_SLEEP)
#define FUA ATA_CMD_FUA
#define TST ATA_CMD_TEST

/* clang-format off */
static const struct ata_command ata_commands[] = {
    { 0x00, 0x00, BOTH, ATA_NONDATA,      0,               start_nop,              "NOP",                          "8.22" },
    { 0x06, 0x06, DISK, ATA_TRIM,         0,               ata_start_trim,         "DATA SET MANAGEMENT",          "ACS-2" },
    { 0x08, 0x08, CD,   ATA_NONDATA,      0,               start_device_reset,     "DEVICE RESET",                 "8.9" },
    { 0x10, 0x1f, DISK, ATA_NONDATA,      0,               start_trivial,          "RECALIBRATE",                  "ATA-3" },
    { 0x20, 0x21, DISK, ATA_PIO_DATA_IN,  MED,             start_transfer,         "READ SECTOR(S)",               "8.34" },
    { 0x20, 0x20, CD,   ATA_NONDATA,      0,               start_signature,        "READ SECTOR(S)",               "8.34" },
    { 0x24, 0x24, DISK, ATA_PIO_DATA_IN,  EXT,             start_transfer,         "READ SECTOR(S) EXT",           "8.35" },
    { 0x25, 0x25, DISK, ATA_DMA_IN,       EXT,             start_transfer,         "READ DMA EXT",                 "8.26" },
    { 0x27, 0x27, DISK, ATA_NONDATA,      ATA_CMD_EXT,     ata_start_native_max,   "READ NATIVE MAX ADDRESS EXT",  "8.33" },
    { 0x29, 0x29, DISK, ATA_PIO_DATA_IN,  MUL | EXT,       start_transfer,         "READ MULTIPLE EXT",            "8.31" },
    { 0x30, 0x31, DISK, ATA_PIO_DATA_OUT, MED,             start_transfer,         "WRITE SECTOR(S)",              "8.62" },
    { 0x34, 0x34, DISK, ATA_PIO_DATA_OUT, EXT,             start_transfer,         "WRITE SECTOR(S) EXT",          "8.63" },
    { 0x35, 0x35, DISK, ATA_DMA_OUT,      EXT,             start_transfer,         "WRITE DMA EXT",                "8.56" },
    { 0x37, 0x37, DISK, ATA_NONDATA,      ATA_CMD_EXT,     ata_start_set_max_ext,  "SET MAX ADDRESS EXT",          "8.48" },
    { 0x39, 0x39, DISK, ATA_PIO_DATA_OUT, MUL | EXT,       start_transfer,         "WRITE MULTIPLE EXT",           "8.61" },
    { 0x3d, 0x3d, DISK, ATA_DMA_OUT,      EXT | FUA,       start_transfer,         "WRITE DMA FUA EXT",            "ATA-7" },
    { 0x40, 0x41, DISK, ATA_VERIFY,       MED,             start_transfer,         "READ VERIFY SECTOR(S)",        "8.36" },
    { 0x42, 0x42, DISK, ATA_VERIFY,       EXT,             start_transfer,         "READ VERIFY SECTOR(S) EXT",    "8.37" },
    { 0x70, 0x7f, DISK, ATA_NONDATA,      0,               start_seek,             "SEEK",                         "8.44" },
    { 0x91, 0x91, DISK, ATA_NONDATA,      0,               start_set_translation,  "INITIALIZE DEVICE PARAMETERS", "ATA-5" },
    { 0x94, 0x94, BOTH, ATA_NONDATA,      FLU,             ata_start_standby,      "STANDBY IMMEDIATE",            "ATA-3" },
    { 0x95, 0x95, BOTH, ATA_NONDATA,      0,               ata_start_idle,         "IDLE IMMEDIATE",               "ATA-3" },
    { 0x96, 0x96, BOTH, ATA_NONDATA,      FLU,             ata_start_standby,      "STANDBY",                      "ATA-3" },
    { 0x97, 0x97, BOTH, ATA_NONDATA,      0,               ata_start_idle,         "IDLE",                         "ATA-3" },
    { 0x98, 0x98, BOTH, ATA_NONDATA,      0,               ata_start_check_power,  "CHECK POWER MODE",             "ATA-3" },
    { 0x99, 0x99, BOTH, ATA_NONDATA,      SLP,             ata_start_sleep,        "SLEEP",                        "ATA-3" },
    { 0xa0, 0xa0, CD,   ATA_PACKET_COMMAND, 0,             start_packet,           "PACKET",                       "8.23" },
    { 0xa1, 0xa1, CD,   ATA_PIO_DATA_IN,  0,               start_identify_packet,  "IDENTIFY PACKET DEVICE",       "8.16" },
    { 0xb0, 0xb0, DISK, ATA_PIO_DATA_IN,  TST,             ata_start_smart,        "SMART",                        "8.51" },
    { 0xc4, 0xc4, DISK, ATA_PIO_DATA_IN,  MUL,             start_transfer,         "READ MULTIPLE",                "8.30" },
    { 0xc5, 0xc5, DISK, ATA_PIO_DATA_OUT, MUL,             start_transfer,         "WRITE MULTIPLE",               "8.60" },
    { 0xc6, 0xc6, DISK, ATA_NONDATA,      0,               start_set_multiple,     "SET MULTIPLE MODE",            "8.49" },
    { 0xc8, 0xc9, DISK, ATA_DMA_IN,       MED,             start_transfer,         "READ DMA",                     "8.25" },
    { 0xca, 0xcb, DISK, ATA_DMA_OUT,      MED,             start_transfer,         "WRITE DMA",                    "8.55" },
    { 0xce, 0xce, DISK, ATA_PIO_DATA_OUT, MUL | EXT | FUA, start_transfer,         "WRITE MULTIPLE FUA EXT",       "ATA-7" },
    { 0xe0, 0xe0, BOTH, ATA_NONDATA,      FLU,             ata_start_standby,      "STANDBY IMMEDIATE",            "8.53" },
    { 0xe1, 0xe1, BOTH, ATA_NONDATA,      0,               ata_start_idle,         "IDLE IMMEDIATE",               "8.18" },
    { 0xe2, 0xe2, BOTH, ATA_NONDATA,      FLU,             ata_start_standby,      "STANDBY",                      "8.52" },
    { 0xe3, 0xe3, BOTH, ATA_NONDATA,      0,               ata_start_idle,         "IDLE",                         "8.17" },
    { 0xe4, 0xe4, DISK, ATA_PIO_DATA_IN,  0,               start_read_buffer,      "READ BUFFER",                  "8.24" },
    { 0xe5, 0xe5, BOTH, ATA_NONDATA,      0,               ata_start_check_power,  "CHECK POWER MODE",             "8.7" },
    { 0xe6, 0xe6, BOTH, ATA_NONDATA,      SLP,             ata_start_sleep,        "SLEEP",                        "8.50" },
    { 0xe7, 0xe7, BOTH, ATA_NONDATA,      FLU,             start_flush,            "FLUSH CACHE",                  "8.12" },
    { 0xe8, 0xe8, DISK, ATA_PIO_DATA_OUT, 0,               start_write_buffer,     "WRITE BUFFER",                 "8.54" },
    { 0xea, 0xea, DISK, ATA_NONDATA,      FLU,             start_flush,            "FLUSH CACHE EXT",              "8.13" },
    { 0xec, 0xec, DISK, ATA_PIO_DATA_IN,  0,               start_identify,         "IDENTIFY DEVICE",              "8.15" },
    { 0xec, 0xec, CD,   ATA_NONDATA,      0,               start_signature,        "IDENTIFY DEVICE",              "8.15" },
    { 0xef, 0xef, BOTH, ATA_NONDATA,      FLU,             ata_start_set_features, "SET FEATURES",                 "8.46" },
    { 0xf8, 0xf8, DISK, ATA_NONDATA,      0,               ata_start_native_max,   "READ NATIVE MAX ADDRESS",      "8.32" },
    { 0xf9, 0xf9, DISK, ATA_PIO_DATA_OUT, 0,               ata_start_set_max,      "SET MAX",                      "8.47" },
};
/* clang-format on */

const struct ata_command *ata_find_command(uint8_t opcode, enum ata_kind kind)
{
    for (unsigned i = 0; i < sizeof(ata_commands) / sizeof(ata_commands[0]); i++) {
        const struct ata_command *cmd = &ata_commands[i];

        if (opcode >= cmd->first && opcode <= cmd->last && cmd->kinds & kind)
            return cmd;
    }
    return NULL;
}

ata_data_fn ata_data_function(const struct ata_drive *d)
{
    if (d->kind != ATA_KIND_DISK)
        return NULL;
    switch (d->command) {
    case 0xe8:
        return ata_end; /* WRITE BUFFER: it stays where it is */
    case 0xf9:
        return ata_set_max_data;
    default:
        return NULL;
    }
}

void ata_start_subcommand(struct ata_drive *d, const struct ata_subcommand *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].feature == d->tf.feature) {
            rows[i].start(d);
            return;
        }
    }
    ata_abort(d, ATA_ERROR_ABRT);
}

const char *ata_command_name(uint8_t opcode, enum ata_kind kind)
{
    const struct ata_command *cmd = ata_find_command(opcode, kind);

    return cmd ? cmd->name : NULL;
}

void ata_command(struct ata_drive *d, uint8_t opcode)
{
    const struct ata_command *cmd = ata_find_command(opcode, d->kind);

    if (d->kind == ATA_KIND_NONE)
        return;
    if (!ata_takes_when_busy(d, opcode)) {
        if (ata_busy_or_drq(d))
            return; /* 9.4: the host was told to wait; nobody may start a second command */
        if (d->state == ATA_SLEEP) {
            device_guest_error(d->dev, "command %02x to a sleeping drive", opcode);
            return;
        }
    }
    d->previous = d->err ? 0 : d->command;
    d->command = opcode;
    d->cd.ready = true;
    d->err = false;
    d->error = 0;
    d->intrq = false;
    if (!cmd) {
        ata_abort(d, ATA_ERROR_ABRT); /* no mistake: every BIOS and driver probes this way */
        return;
    }
    if (d->kind == ATA_KIND_DISK)
        ata_smart_command(d, opcode);
    cmd->start(d, cmd);
}
