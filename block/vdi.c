/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VirtualBox disk images, version 1.1, dynamic and fixed, for reading: a header, a table with a word
 * per block of the disk (where it lies, counted in blocks from the first one), the blocks. Source: the
 * header as VirtualBox's forum and QEMU's documentation give it; all little-endian.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/drivers.h"
#include "block/rofmt.h"

#define VDI_SIGNATURE 0xbeda107fu
#define VDI_VERSION_1_1 0x00010001u
#define VDI_DYNAMIC 1
#define VDI_FIXED 2
#define BLOCK_NONE 0xffffffffu /* never written */
#define BLOCK_ZERO 0xfffffffeu /* given back */
#define BLOCK_MIN_BYTES 4096u
#define BLOCK_MAX_BYTES (64u << 20)
#define TABLE_MAX (16u << 20) /* blocks: 16 TiB of the usual 1 MiB; 64 MiB of memory */

/* Where the header's fields are. */
enum {
    AT_SIGNATURE = 0x40,
    AT_VERSION = 0x44,
    AT_TYPE = 0x4c,
    AT_TABLE = 0x154,
    AT_DATA = 0x158,
    AT_SECTOR_BYTES = 0x168,
    AT_DISK_BYTES = 0x170,
    AT_BLOCK_BYTES = 0x178,
    AT_BLOCK_EXTRA = 0x17c,
    AT_BLOCKS = 0x180,
    AT_LINK = 0x1a8,
    AT_PARENT = 0x1b8,
    HEADER_BYTES = 512
};

struct vdi {
    struct rofmt ro;
    uint32_t block_bytes, blocks;
    uint64_t data;
    uint32_t *table; /* as in the file */
};

static uint32_t le32_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static uint64_t le64_at(const uint8_t *p)
{
    return le32_at(p) | (uint64_t)le32_at(p + 4) << 32;
}

static int vdi_locate(struct rofmt *ro, uint64_t off, uint64_t *run, struct rofmt_piece *piece)
{
    struct vdi *vdi = (struct vdi *)ro;
    uint64_t block = off / vdi->block_bytes, inside = off % vdi->block_bytes;
    uint32_t at = le32toh(vdi->table[block]);

    if (*run > vdi->block_bytes - inside)
        *run = vdi->block_bytes - inside;
    if (at == BLOCK_NONE || at == BLOCK_ZERO)
        return 0;
    piece->in = ro->img.file;
    piece->off = vdi->data + (uint64_t)at * vdi->block_bytes + inside;
    return rofmt_inside(ro->img.file, piece->off, *run) ? 0 : EIO;
}

static void vdi_fini(struct rofmt *ro)
{
    g_free(((struct vdi *)ro)->table);
}

static bool refuse(const struct node_args *args, GError **error, const char *what)
{
    block_error(error, EINVAL, args->shown, "%s", what);
    return false;
}

static bool is_null_uuid(const uint8_t *uuid)
{
    static const uint8_t none[16];

    return !memcmp(uuid, none, sizeof(none));
}

/* What kind of image it is. */
static bool check_kind(const uint8_t *h, const struct node_args *args, GError **error)
{
    uint32_t version = le32_at(h + AT_VERSION), type = le32_at(h + AT_TYPE);

    if (le32_at(h + AT_SIGNATURE) != VDI_SIGNATURE)
        return refuse(args, error, "is not a vdi image");
    if (version != VDI_VERSION_1_1) {
        block_error(error, ENOTSUP, args->shown, "vdi version %u.%u is not supported; 1.1 is",
                    version >> 16, version & 0xffff);
        return false;
    }
    if (!is_null_uuid(h + AT_PARENT) || !is_null_uuid(h + AT_LINK))
        return refuse(args, error, "is a vdi image with a parent, which is not supported; merge it first");
    if (type != VDI_DYNAMIC && type != VDI_FIXED) {
        block_error(error, ENOTSUP, args->shown,
                    "vdi type %u is not supported; dynamic (1) and fixed (2) are", type);
        return false;
    }
    return true;
}

static bool read_sizes(struct vdi *vdi, const uint8_t *h, const struct node_args *args,
                       GError **error)
{
    uint64_t disk = le64_at(h + AT_DISK_BYTES);

    vdi->block_bytes = le32_at(h + AT_BLOCK_BYTES);
    vdi->blocks = le32_at(h + AT_BLOCKS);
    vdi->data = le32_at(h + AT_DATA);
    if (vdi->block_bytes < BLOCK_MIN_BYTES || vdi->block_bytes > BLOCK_MAX_BYTES ||
        (vdi->block_bytes & (vdi->block_bytes - 1)))
        return refuse(args, error, "has a vdi block size that is not supported; 1 MiB is");
    if (le32_at(h + AT_BLOCK_EXTRA))
        return refuse(args, error, "has vdi blocks with extra data, which is not supported");
    if (le32_at(h + AT_SECTOR_BYTES) != 512)
        return refuse(args, error, "has a vdi sector size that is not supported; 512 is");
    if (vdi->blocks > TABLE_MAX)
        return refuse(args, error, "has too large a vdi block table");
    if (disk > (uint64_t)vdi->blocks * vdi->block_bytes)
        return refuse(args, error, "is damaged: its vdi block table is shorter than the disk");
    vdi->ro.img.bytes = disk;
    return true;
}

static bool vdi_load(struct vdi *vdi, const struct node_args *args, GError **error)
{
    uint8_t h[HEADER_BYTES];
    uint64_t table_bytes;

    if (!rofmt_load(args->file, 0, h, sizeof(h), args->shown, "vdi header", error) ||
        !check_kind(h, args, error) || !read_sizes(vdi, h, args, error))
        return false;
    table_bytes = (uint64_t)vdi->blocks * sizeof(vdi->table[0]);
    /* Before memory is taken for it. */
    if (!rofmt_inside(args->file, le32_at(h + AT_TABLE), table_bytes))
        return refuse(args, error, "is cut off or damaged: its vdi block table ends behind the file");
    vdi->table = g_try_malloc(table_bytes + 1);
    if (!vdi->table)
        return refuse(args, error, "no memory for its vdi block table");
    return rofmt_load(args->file, le32_at(h + AT_TABLE), vdi->table, table_bytes, args->shown,
                      "vdi block table", error);
}

static const struct image_ops vdi_ops = ROFMT_OPS("vdi");

static struct image *vdi_open(struct node_args *args, GError **error)
{
    struct vdi *vdi;

    vdi = g_new0(struct vdi, 1);
    rofmt_init(&vdi->ro, &vdi_ops, args);
    vdi->ro.locate = vdi_locate;
    vdi->ro.fini = vdi_fini;
    vdi->ro.instant = true;
    return vdi_load(vdi, args, error) ? &vdi->ro.img : rofmt_fail(&vdi->ro);
}

const struct node_driver vdi_driver = {
    .name = "vdi",
    .help = "VirtualBox disk image, read-only",
    .has_file = true,
    .read_only = true,
    .open = vdi_open,
};
