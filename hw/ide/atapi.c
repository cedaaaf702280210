/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet protocol: reception, data phases, status phase. See atapi.h. */
#include "hw/ide/atapi.h"

#include <errno.h>
#include <string.h>

#include "hw/ide/atapi_internal.h"

/* One step of direct DMA; how many steps may ask for data that the host has at hand; blocks held. */
#define DMA_STEP_BYTES (1024 * 1024)
#define DMA_TRIES 4
#define CHUNK_BLOCKS (ATA_BUFFER_BYTES / ATAPI_BLOCK_BYTES)

/* Interrupt reason (count register, 8.23). */
enum { REASON_COMMAND = 0x01, REASON_TO_HOST = 0x02, REASON_STATUS = 0x03 };
/* PACKET's feature register. */
enum { FEATURE_DMA = 0x01, FEATURE_OVERLAP = 0x02 };

static uint32_t block_bytes(const struct ata_drive *d)
{
    int bytes = atapi_frame_bytes(d->cd.framing);

    return d->cd.data == ATAPI_BLOCKS && bytes > 0 ? (uint32_t)bytes : 0;
}

static bool reads_medium(const struct ata_drive *d)
{
    return d->cd.data == ATAPI_BLOCKS || d->cd.data == ATAPI_VERIFY;
}

/* ---- the status phase ---- */

static void end_transfer(struct ata_drive *d)
{
    if (d->cd.dma && d->cd.data != ATAPI_NONE && d->bm)
        bmdma_end(d->bm);
    d->cd.data = ATAPI_NONE;
    d->cd.direct = false;
    d->cd.sectors_left = 0;
    d->cd.chunk_blocks = 0;
    d->cd.medium_lost = false;
    d->tf.count = REASON_STATUS;
}

void atapi_good(struct ata_drive *d)
{
    end_transfer(d);
    ata_end(d);
}

void atapi_set_sense(struct ata_drive *d, uint32_t sense)
{
    d->cd.key = sense >> 16 & 0x0f;
    d->cd.asc = (uint8_t)(sense >> 8);
    d->cd.ascq = (uint8_t)sense;
    d->cd.info_valid = false;
    d->cd.info = 0;
}

/* 8.23: the sense key is shown in the error register; ABRT: command or parameter invalid. */
void atapi_fail(struct ata_drive *d, enum atapi_sense sense)
{
    uint8_t key = sense >> 16 & 0x0f;

    end_transfer(d);
    atapi_set_sense(d, sense);
    ata_abort(d, (uint8_t)(key << 4 | (key == 5 ? ATA_ERROR_ABRT : 0)));
}

void atapi_fail_at(struct ata_drive *d, enum atapi_sense sense, uint32_t lba)
{
    atapi_fail(d, sense);
    d->cd.info_valid = true;
    d->cd.info = lba;
}

/* The byte count limit forbids any data: the command is aborted without sense data (8.23). */
static void abort_command(struct ata_drive *d)
{
    end_transfer(d);
    ata_abort(d, ATA_ERROR_ABRT);
}

/* ---- data phases ---- */

/* Offers the next block of the buffer; odd only if it is the last, then a byte of padding follows. */
static void offer_block(struct ata_drive *d)
{
    uint32_t n = d->chunk_bytes - d->buf_pos, block = block_bytes(d);

    if (n > d->cd.limit)
        n = d->cd.limit;
    /* A driver's buffer may hold one block of the medium only, whatever limit it gives. */
    if (block && n > block - d->buf_pos % block)
        n = block - d->buf_pos % block;
    d->block_end = d->buf_pos + n + (n & 1);
    d->tf.lba_mid = (uint8_t)n;
    d->tf.lba_high = (uint8_t)(n >> 8);
    d->intrq = true;
}

/* The buffer holds, or is to be given, chunk_bytes: begins to move them. DMA: the caller goes on. */
static void begin_data(struct ata_drive *d)
{
    d->buf_pos = 0;
    d->tf.count = d->cd.data == ATAPI_LIST ? 0 : REASON_TO_HOST;
    if (d->cd.dma) {
        ata_set_state(d, ATA_DMA_WAIT);
        return;
    }
    offer_block(d);
    ata_set_state(d, d->cd.data == ATAPI_LIST ? ATA_PIO_OUT : ATA_PIO_IN);
}

/* Before the first byte: what the byte count limit means for so many. False: the command is over. */
static bool take_limit(struct ata_drive *d, uint64_t total)
{
    if (d->cd.dma)
        return true;
    if (d->cd.limit > 0xfffe)
        d->cd.limit = 0xfffe;
    if (total > d->cd.limit)
        d->cd.limit &= 0xfffe;
    if (!d->cd.limit)
        abort_command(d);
    return d->cd.limit != 0;
}

uint8_t *atapi_blank(struct ata_drive *d)
{
    memset(d->buf, 0, ATAPI_ANSWER_MAX);
    return d->buf;
}

void atapi_answer(struct ata_drive *d, uint32_t bytes, uint32_t allocation)
{
    if (bytes > allocation)
        bytes = allocation;
    if (!bytes) {
        atapi_good(d);
        return;
    }
    d->cd.data = ATAPI_ANSWER;
    if (!take_limit(d, bytes))
        return;
    d->chunk_bytes = bytes;
    d->buf[bytes] = 0; /* the padding: answers are far smaller than the buffer */
    begin_data(d);
}

void atapi_want_list(struct ata_drive *d, uint32_t bytes)
{
    d->cd.data = ATAPI_LIST;
    if (!bytes) {
        atapi_find_command(d->cd.packet[0])->finish(d, d->buf, 0);
        return;
    }
    if (!take_limit(d, bytes))
        return;
    d->chunk_bytes = bytes;
    begin_data(d);
}

/* ---- blocks of the medium ---- */

/* NOT READY, or what else became of the medium while the command was under way; 0: it is there. */
static uint32_t lost_medium(struct ata_drive *d)
{
    if (!d->cd.blocks)
        return atapi_absence(d);
    if (d->cd.medium_lost)
        return d->cd.gone_untold ? SENSE_TRAY_CLOSED : SENSE_CHANGED;
    if (d->cd.next_sector + d->cd.sectors_left > (uint64_t)d->cd.blocks * ATAPI_BLOCK_SECTORS)
        return SENSE_BAD_ADDRESS; /* loaded with a smaller medium */
    if (d->cd.direct && d->cd.next_sector + d->cd.sectors_left > block_sectors(d->blk))
        return SENSE_BAD_ADDRESS;
    return 0;
}

static bool check_medium(struct ata_drive *d)
{
    uint32_t sense = lost_medium(d);

    if (!sense)
        return true;
    if (sense == SENSE_CHANGED)
        d->cd.ua &= ~ATAPI_UA_MEDIUM;
    else if (sense != SENSE_BAD_ADDRESS)
        d->cd.gone_untold = false;
    atapi_fail(d, sense);
    return false;
}

static void read_error(struct ata_drive *d, int err)
{
    if (err == ENOMEDIUM)
        atapi_fail(d, atapi_absence(d));
    else
        atapi_fail_at(d, SENSE_READ_ERROR, (uint32_t)(d->cd.next_sector / ATAPI_BLOCK_SECTORS));
}

/* Sectors of the chunk that the image has; what is missing of its last block is zero. */
static uint32_t chunk_sectors(const struct ata_drive *d)
{
    uint64_t there = block_sectors(d->blk), want = d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;

    if (d->cd.next_sector >= there)
        return 0;
    return (uint32_t)(want < there - d->cd.next_sector ? want : there - d->cd.next_sector);
}

static void fill_chunk(struct ata_drive *d, bool may_try);

/* The chunk has been read: it is offered, or (VERIFY) the next one is read. */
static void chunk_ready(struct ata_drive *d)
{
    d->cd.next_sector += d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;
    d->cd.sectors_left -= d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;
    if (d->cd.data == ATAPI_BLOCKS)
        begin_data(d);
    else if (d->cd.sectors_left)
        fill_chunk(d, false); /* submits: comes back by a completion */
    else
        atapi_good(d);
}

/* Without waiting, if the host has the data at hand. Whole cooked blocks only. */
static bool try_chunk(struct ata_drive *d, uint32_t sectors)
{
    struct iovec iov = { .iov_base = d->buf, .iov_len = d->chunk_bytes };

    if (d->cd.data != ATAPI_BLOCKS || d->cd.framing != ATAPI_COOKED ||
        sectors * BLOCK_SECTOR_BYTES != d->chunk_bytes)
        return false;
    return block_try_read(d->blk, d->cd.next_sector, &iov, 1) == 0;
}

static void fill_chunk(struct ata_drive *d, bool may_try)
{
    uint64_t blocks = d->cd.sectors_left / ATAPI_BLOCK_SECTORS;
    uint32_t bytes = block_bytes(d), most = CHUNK_BLOCKS, sectors;

    if (!check_medium(d))
        return;
    if (bytes > ATAPI_BLOCK_BYTES)
        most = ATA_BUFFER_BYTES / bytes;
    if (d->probing)
        most = 1;
    d->cd.chunk_blocks = (uint8_t)(blocks < most ? blocks : most);
    d->chunk_bytes = d->cd.chunk_blocks * bytes;
    sectors = chunk_sectors(d);
    if (may_try && try_chunk(d, sectors))
        chunk_ready(d);
    else if (!sectors || !ata_submit_read(d, d->cd.next_sector, sectors))
        atapi_fail(d, SENSE_NO_RESOURCES);
}

static void frame_chunk(struct ata_drive *d, const uint8_t *data, size_t bytes)
{
    uint32_t lba = (uint32_t)(d->cd.next_sector / ATAPI_BLOCK_SECTORS), at = 0;

    for (unsigned i = 0; i < d->cd.chunk_blocks; i++) {
        uint8_t block[ATAPI_BLOCK_BYTES] = { 0 };
        size_t n = bytes < sizeof(block) ? bytes : sizeof(block);

        memcpy(block, data, n);
        at += atapi_frame(d->buf + at, d->cd.framing, lba + i, block);
        data += n;
        bytes -= n;
    }
}

static void chunk_read(struct ata_drive *d, const struct block_req *req, int err)
{
    if (err && err != ENOMEDIUM && d->cd.chunk_blocks > 1) {
        d->probing = true;
        fill_chunk(d, false);
    } else if (err) {
        read_error(d, err);
    } else {
        if (d->cd.data == ATAPI_BLOCKS)
            frame_chunk(d, req->iov[0].iov_base, req->iov[0].iov_len);
        chunk_ready(d);
    }
}

static bool begin_medium(struct ata_drive *d, uint32_t lba, uint32_t count, enum atapi_data data)
{
    if (lba >= d->cd.blocks || count > d->cd.blocks - lba) {
        atapi_fail_at(d, SENSE_BAD_ADDRESS, lba);
        return false;
    }
    d->power = ATA_POWER_ACTIVE;
    d->probing = false;
    d->cd.next_sector = (uint64_t)lba * ATAPI_BLOCK_SECTORS;
    d->cd.sectors_left = (uint64_t)count * ATAPI_BLOCK_SECTORS;
    d->cd.data = data;
    return true;
}

void atapi_read_blocks(struct ata_drive *d, uint32_t lba, uint32_t count, uint8_t framing)
{
    d->cd.framing = framing;
    if (!begin_medium(d, lba, count, ATAPI_BLOCKS))
        return;
    if (!count || !block_bytes(d)) {
        atapi_good(d);
        return;
    }
    if (!take_limit(d, (uint64_t)count * block_bytes(d)))
        return;
    d->cd.direct = d->cd.dma && framing == ATAPI_COOKED &&
                   d->cd.next_sector + d->cd.sectors_left <= block_sectors(d->blk);
    if (d->cd.direct) {
        d->tf.count = REASON_TO_HOST;
        ata_set_state(d, ATA_DMA_WAIT);
    } else {
        fill_chunk(d, true);
    }
}

void atapi_verify_blocks(struct ata_drive *d, uint32_t lba, uint32_t count)
{
    if (!begin_medium(d, lba, count, ATAPI_VERIFY))
        return;
    if (count)
        fill_chunk(d, false);
    else
        atapi_good(d);
}

/* The chunk has been moved. Iterative: what follows waits for the host or the guest, or is a state
 * that the caller's loop looks at. */
static void chunk_moved(struct ata_drive *d, bool may_try)
{
    const struct atapi_command *cmd = atapi_find_command(d->cd.packet[0]);

    if (d->cd.data == ATAPI_LIST && cmd && cmd->finish)
        cmd->finish(d, d->buf, d->chunk_bytes);
    else if (d->cd.data == ATAPI_BLOCKS && d->cd.sectors_left)
        fill_chunk(d, may_try);
    else
        atapi_good(d);
}

/* ---- PIO ---- */

static void pio_block_moved(struct ata_drive *d)
{
    if (d->block_end < d->chunk_bytes)
        offer_block(d);
    else
        chunk_moved(d, true);
}

static void start_packet(struct ata_drive *d);

size_t atapi_data_read(struct ata_drive *d, void *buf, size_t bytes)
{
    if (d->state != ATA_PIO_IN)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(buf, d->buf + d->buf_pos, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos == d->block_end)
        pio_block_moved(d);
    return bytes;
}

size_t atapi_data_write(struct ata_drive *d, const void *buf, size_t bytes)
{
    if (d->state != ATA_PIO_OUT && d->state != ATA_PACKET)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(d->buf + d->buf_pos, buf, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos < d->block_end)
        return bytes;
    if (d->state == ATA_PACKET)
        start_packet(d);
    else
        pio_block_moved(d);
    return bytes;
}

/* ---- DMA ---- */

static bool gather(struct ata_drive *d, size_t want, size_t unit)
{
    switch (bmdma_gather_units(d->bm, d->cd.data != ATAPI_LIST, want, unit)) {
    case BMDMA_SHORT:
        bmdma_end_short(d->bm);
        device_guest_error(d->dev, "PRD table ends before the data of packet command %02x",
                           d->cd.packet[0]);
        return false;
    case BMDMA_FAULT:
        bmdma_end_fault(d->bm);
        device_guest_error(d->dev, "PRD table or target is not memory");
        atapi_fail(d, SENSE_BUS);
        return false;
    case BMDMA_OK:
        return true;
    }
    return false;
}

static void copy_buffer(struct ata_drive *d)
{
    struct bmdma *bm = d->bm;
    uint8_t *at = d->buf + d->buf_pos;

    for (int i = 0; i < bm->iovcnt; i++) {
        if (bm->iov_to_memory)
            memcpy(bm->iov[i].iov_base, at, bm->iov[i].iov_len);
        else
            memcpy(at, bm->iov[i].iov_base, bm->iov[i].iov_len);
        at += bm->iov[i].iov_len;
    }
}

/* Between buffer and guest memory. The bus master moves words: an odd end is padded. */
static void buffer_step(struct ata_drive *d, bool may_try)
{
    uint32_t end = d->chunk_bytes + (d->chunk_bytes & 1);
    size_t bytes;

    if (!gather(d, end - d->buf_pos, 2))
        return;
    bytes = d->bm->iov_bytes;
    copy_buffer(d);
    bmdma_release(d->bm, bytes);
    bmdma_advance(d->bm, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos >= end)
        chunk_moved(d, may_try);
}

static void direct_ended(struct ata_drive *d, int err)
{
    size_t bytes = d->bm->iov_bytes;

    bmdma_release(d->bm, bytes);
    if (err && err != ENOMEDIUM && bytes > BLOCK_SECTOR_BYTES) {
        d->probing = true;
    } else if (err) {
        read_error(d, err);
    } else {
        bmdma_advance(d->bm, bytes);
        d->cd.next_sector += bytes / BLOCK_SECTOR_BYTES;
        d->cd.sectors_left -= bytes / BLOCK_SECTOR_BYTES;
        if (!d->cd.sectors_left)
            atapi_good(d);
    }
}

static void direct_step(struct ata_drive *d, bool may_try)
{
    uint64_t want = d->cd.sectors_left * BLOCK_SECTOR_BYTES;
    int err = EAGAIN;

    if (!check_medium(d))
        return;
    if (want > DMA_STEP_BYTES)
        want = DMA_STEP_BYTES;
    if (d->probing)
        want = BLOCK_SECTOR_BYTES;
    if (!gather(d, want, BLOCK_SECTOR_BYTES))
        return;
    if (may_try)
        err = block_try_read(d->blk, d->cd.next_sector, d->bm->iov, d->bm->iovcnt);
    if (err)
        ata_submit_dma_read(d, d->cd.next_sector); /* errors are judged there */
    else
        direct_ended(d, 0);
}

void atapi_dma_go(struct ata_drive *d)
{
    for (unsigned n = 0; d->state == ATA_DMA_WAIT && bmdma_active(d->bm); n++) {
        if (d->cd.direct)
            direct_step(d, n < DMA_TRIES);
        else
            buffer_step(d, n < DMA_TRIES);
    }
}

/* ---- the host's answers ---- */

void atapi_host_done(struct ata_drive *d, struct block_req *req, int err)
{
    if (d->state == ATA_READING) {
        chunk_read(d, req, err);
    } else if (d->state == ATA_DMA_RUN) {
        ata_set_state(d, ATA_DMA_WAIT);
        direct_ended(d, err);
    }
    atapi_dma_go(d);
}

void atapi_resume(struct ata_drive *d)
{
    if (d->state == ATA_READING)
        fill_chunk(d, false);
    else if (d->state == ATA_DMA_RUN)
        ata_set_state(d, ATA_DMA_WAIT);
    atapi_dma_go(d);
}

/* ---- reception ---- */

void atapi_packet(struct ata_drive *d)
{
    if (d->tf.feature & FEATURE_OVERLAP || (d->tf.feature & FEATURE_DMA && !d->bm)) {
        d->tf.count = REASON_STATUS;
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->cd.dma = d->tf.feature & FEATURE_DMA;
    d->cd.limit = (uint16_t)(d->tf.lba_mid | d->tf.lba_high << 8);
    d->cd.data = ATAPI_NONE;
    d->buf_pos = 0;
    d->block_end = ATAPI_PACKET_BYTES;
    d->tf.count = REASON_COMMAND;
    ata_set_state(d, ATA_PACKET);
}

/* What is to be reported instead of carrying the command out, or 0. See the table in atapi.h. */
static uint32_t precedence(struct ata_drive *d, unsigned flags)
{
    bool medium = flags & ATAPI_CMD_MEDIUM;

    if (!(flags & ATAPI_CMD_UA) && d->cd.ua & ATAPI_UA_RESET) {
        d->cd.ua &= ~ATAPI_UA_RESET;
        return SENSE_RESET;
    }
    if (medium && (d->cd.gone_untold || !d->cd.blocks)) {
        d->cd.gone_untold = false;
        return atapi_absence(d);
    }
    if (!(flags & ATAPI_CMD_UA) && d->cd.ua & ATAPI_UA_MEDIUM && !d->cd.gone_untold) {
        d->cd.ua &= ~ATAPI_UA_MEDIUM;
        return SENSE_CHANGED;
    }
    return 0;
}

static void start_packet(struct ata_drive *d)
{
    const struct atapi_command *cmd;
    uint32_t sense;

    memcpy(d->cd.packet, d->buf, ATAPI_PACKET_BYTES);
    cmd = atapi_find_command(d->cd.packet[0]);
    if (!cmd || !(cmd->flags & ATAPI_CMD_SENSE))
        atapi_set_sense(d, 0);
    sense = precedence(d, cmd ? cmd->flags : 0);
    if (sense)
        atapi_fail(d, sense);
    else if (!cmd)
        atapi_fail(d, SENSE_BAD_OPCODE);
    else
        cmd->start(d, d->cd.packet);
    atapi_dma_go(d);
}

/* ---- life ---- */

void atapi_init(struct ata_drive *d)
{
    atapi_init_strings(d);
    atapi_attach(d);
}

void atapi_fini(struct ata_drive *d)
{
    if (d->cd.attached)
        block_detach(d->blk);
    d->cd.attached = false;
}

void atapi_interface_reset(struct ata_drive *d)
{
    d->cd.ready = false;
    d->cd.data = ATAPI_NONE;
    d->cd.direct = false;
    d->cd.sectors_left = 0;
    d->cd.chunk_blocks = 0;
    d->cd.medium_lost = false;
}

void atapi_hard_reset(struct ata_drive *d)
{
    d->cd.ua = ATAPI_UA_RESET;
    atapi_set_sense(d, 0);
    d->cd.events = 0;
    d->cd.gone_untold = false;
    d->cd.locked = false;
    d->cd.locked_persistent = false;
    atapi_mode_defaults(d);
}

/* ---- what holds in each state ---- */

static const char *check_cursor(const struct ata_drive *d)
{
    uint32_t end = d->chunk_bytes + (d->chunk_bytes & 1);

    if (!d->chunk_bytes || d->chunk_bytes > ATA_BUFFER_BYTES)
        return "packet: chunk size";
    if (d->cd.data == ATAPI_BLOCKS && d->chunk_bytes > d->cd.chunk_blocks * block_bytes(d))
        return "packet: more than the blocks read";
    if (d->buf_pos % 2 || d->buf_pos >= end)
        return "packet: cursor outside of the buffer";
    if (d->state != ATA_DMA_WAIT &&
        (d->buf_pos >= d->block_end || d->block_end > end || !d->cd.limit))
        return "packet: cursor outside of its block";
    return NULL;
}

static const char *check_blocks(const struct ata_drive *d)
{
    unsigned unit = d->cd.direct ? 1 : ATAPI_BLOCK_SECTORS;

    if (d->cd.next_sector % unit || d->cd.sectors_left % unit)
        return "packet: not whole blocks";
    if (d->cd.data == ATAPI_BLOCKS && !block_bytes(d))
        return "packet: framing";
    if (d->cd.direct && (!d->cd.dma || d->cd.data != ATAPI_BLOCKS ||
                         d->cd.framing != ATAPI_COOKED || !d->cd.sectors_left))
        return "packet: nothing to move straight";
    if (d->cd.chunk_blocks * block_bytes(d) > ATA_BUFFER_BYTES)
        return "packet: blocks beyond the buffer";
    return NULL;
}

static const char *check_reading(const struct ata_drive *d)
{
    if (!reads_medium(d) || d->cd.direct)
        return "packet: reads without need";
    if (!d->cd.chunk_blocks || d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS > d->cd.sectors_left)
        return "packet: chunk beyond the transfer";
    if (d->chunk_bytes != d->cd.chunk_blocks * block_bytes(d))
        return "packet: chunk size";
    return NULL;
}

static const char *check_data(const struct ata_drive *d)
{
    const struct atapi_command *cmd = atapi_find_command(d->cd.packet[0]);

    if (d->cd.data == ATAPI_LIST && !(cmd && cmd->finish))
        return "packet: a list for no command";
    switch ((enum ata_state)d->state) {
    case ATA_PIO_IN:
    case ATA_PIO_OUT:
        if (d->cd.dma || d->cd.direct || d->cd.data == ATAPI_NONE || d->cd.data == ATAPI_VERIFY ||
            (d->cd.data == ATAPI_LIST) != (d->state == ATA_PIO_OUT))
            return "packet: direction";
        return check_cursor(d);
    case ATA_READING:
        return check_reading(d);
    case ATA_DMA_WAIT:
        if (!d->bm || !d->cd.dma || d->cd.data == ATAPI_NONE || d->cd.data == ATAPI_VERIFY)
            return "packet: DMA without need";
        return d->cd.direct ? NULL : check_cursor(d);
    case ATA_DMA_RUN:
        return d->bm && d->cd.direct && bmdma_active(d->bm) ? NULL : "packet: moving without need";
    default:
        return NULL;
    }
}

const char *atapi_check(const struct ata_drive *d)
{
    const char *why = atapi_mode_check(d);

    if (why)
        return why;
    if (!ata_is_packet(d) || d->state == ATA_IDLE || d->state == ATA_RESET) {
        if (d->cd.data != ATAPI_NONE || d->cd.direct || d->cd.sectors_left || d->cd.chunk_blocks)
            return "packet: data without a command";
        return d->state == ATA_PACKET ? "packet without its command" : NULL;
    }
    if (d->state == ATA_PACKET)
        return d->cd.data != ATAPI_NONE || d->cd.direct || d->block_end != ATAPI_PACKET_BYTES ||
                       d->buf_pos >= d->block_end || d->buf_pos % 2
                   ? "packet: reception"
                   : NULL;
    why = reads_medium(d)                               ? check_blocks(d)
          : d->cd.direct || d->cd.sectors_left          ? "packet: blocks without a medium command"
                                                        : NULL;
    return why ? why : check_data(d);
}
