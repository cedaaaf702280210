/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual PC's and Hyper-V's VHD images, fixed and dynamic, for reading. Source: Microsoft, "Virtual
 * Hard Disk Image Format Specification", October 2006; all big-endian. A fixed one is the disk's bytes
 * and a footer. A dynamic one has a copy of the footer in front, a header, a table with the first
 * sector of each block, and blocks that begin with a bitmap of written sectors. The bitmap is not
 * looked at: a new block is zeroed, so that what was not written reads as zero anyway.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/drivers.h"
#include "block/rofmt.h"

#define SECTOR 512u
#define FOOTER_BYTES 512u
#define HEADER_BYTES 1024u
#define TYPE_FIXED 2
#define TYPE_DYNAMIC 3
#define TYPE_DIFFERENCING 4
#define BLOCK_NONE 0xffffffffu
#define BLOCK_MIN_BYTES 4096u
#define BLOCK_MAX_BYTES (256u << 20)
#define TABLE_MAX (16u << 20) /* blocks; 64 MiB of memory */
#define DISK_MAX_SECTORS (1ull << 40)
/* The geometry field's end, 127.5 GiB: a larger disk has it too, and is not that small. */
#define GEOMETRY_MAX_SECTORS (65535ull * 16 * 255)

/* Fields of the footer ("Hard Disk Footer Format") and of the dynamic disk header. */
enum {
    F_VERSION = 12,
    F_DATA_OFFSET = 16,
    F_CREATOR = 28,
    F_CURRENT_BYTES = 48,
    F_CYLINDERS = 56,
    F_HEADS = 58,
    F_SECTORS = 59,
    F_TYPE = 60,
    F_CHECKSUM = 64,
    H_TABLE_OFFSET = 16,
    H_VERSION = 24,
    H_BLOCKS = 28,
    H_BLOCK_BYTES = 32,
    H_CHECKSUM = 36,
};

struct vpc {
    struct rofmt ro;
    uint32_t block_bytes, blocks, bitmap_bytes;
    uint32_t *table; /* as in the file; NULL: fixed */
};

static uint32_t be32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64_at(const uint8_t *p)
{
    return (uint64_t)be32_at(p) << 32 | be32_at(p + 4);
}

static int vpc_locate(struct rofmt *ro, uint64_t off, uint64_t *run, struct rofmt_piece *piece)
{
    struct vpc *vpc = (struct vpc *)ro;
    uint64_t inside;
    uint32_t sector;

    piece->in = ro->img.file;
    piece->off = off;
    if (!vpc->table)
        return rofmt_inside(ro->img.file, off, *run) ? 0 : EIO;
    inside = off % vpc->block_bytes;
    sector = be32toh(vpc->table[off / vpc->block_bytes]);
    if (*run > vpc->block_bytes - inside)
        *run = vpc->block_bytes - inside;
    if (sector == BLOCK_NONE) {
        piece->in = NULL;
        return 0;
    }
    piece->off = (uint64_t)sector * SECTOR + vpc->bitmap_bytes + inside;
    return rofmt_inside(ro->img.file, piece->off, *run) ? 0 : EIO;
}

static void vpc_fini(struct rofmt *ro)
{
    g_free(((struct vpc *)ro)->table);
}

static bool refuse(const struct node_args *args, GError **error, const char *what)
{
    block_error(error, EINVAL, args->shown, "%s", what);
    return false;
}

/* One's complement of the sum of all bytes, the checksum's own aside. */
static bool sum_is_good(const uint8_t *p, size_t bytes, size_t at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < bytes; i++)
        sum += i >= at && i < at + 4 ? 0 : p[i];
    return ~sum == be32_at(p + at);
}

static bool is_footer(const uint8_t *p)
{
    return !memcmp(p, "conectix", 8) && sum_is_good(p, FOOTER_BYTES, F_CHECKSUM);
}

/*
 * The footer at the end; only where there is none, the copy that a dynamic disk has in front. In this
 * order, since the first sector of a fixed disk is the guest's to write.
 */
static bool find_footer(uint8_t *footer, const struct node_args *args, GError **error)
{
    uint64_t bytes = args->file->bytes;
    bool damaged;

    if (bytes < FOOTER_BYTES)
        return refuse(args, error, "is not a vpc image: too short");
    if (!rofmt_load(args->file, bytes - FOOTER_BYTES, footer, FOOTER_BYTES, args->shown,
                    "vpc footer", error))
        return false;
    if (is_footer(footer))
        return true;
    damaged = !memcmp(footer, "conectix", 8);
    if (!rofmt_load(args->file, 0, footer, FOOTER_BYTES, args->shown, "vpc footer", error))
        return false;
    if (is_footer(footer) && be32_at(footer + F_TYPE) == TYPE_DYNAMIC)
        return true;
    damaged = damaged || !memcmp(footer, "conectix", 8);
    return refuse(args, error,
                  damaged ? "is damaged: the checksum of its vpc footer is wrong"
                          : "is not a vpc image, or cut off: it has no footer");
}

/*
 * Virtual PC's disk is as long as its geometry says, everybody else's as its size says; the field for
 * the creating program tells which. QEMU writes either: "qemu" with a geometry, "qem2" with a size.
 */
static uint64_t sectors_of(const uint8_t *footer)
{
    const uint8_t *creator = footer + F_CREATOR;
    uint64_t cylinders = (uint64_t)footer[F_CYLINDERS] << 8 | footer[F_CYLINDERS + 1];
    uint64_t geometry = cylinders * footer[F_HEADS] * footer[F_SECTORS];
    static const char *const by_size[] = { "win ", "qem2", "d2v ", "tap\0", "CTXS", "wa\0\0" };

    for (unsigned i = 0; i < G_N_ELEMENTS(by_size); i++) {
        if (!memcmp(creator, by_size[i], 4))
            return be64_at(footer + F_CURRENT_BYTES) / SECTOR;
    }
    return geometry >= GEOMETRY_MAX_SECTORS ? be64_at(footer + F_CURRENT_BYTES) / SECTOR : geometry;
}

static bool load_table(struct vpc *vpc, const uint8_t *header, const struct node_args *args,
                       GError **error)
{
    uint64_t off = be64_at(header + H_TABLE_OFFSET);
    uint64_t bytes = (uint64_t)vpc->blocks * sizeof(vpc->table[0]);

    if (!rofmt_inside(args->file, off, bytes)) /* before memory is taken for it */
        return refuse(args, error, "is cut off or damaged: its vpc block table ends behind the file");
    vpc->table = g_try_malloc(bytes + 1);
    if (!vpc->table)
        return refuse(args, error, "no memory for its vpc block table");
    return rofmt_load(args->file, off, vpc->table, bytes, args->shown, "vpc block table", error);
}

static bool load_dynamic(struct vpc *vpc, const uint8_t *footer, const struct node_args *args,
                         GError **error)
{
    uint8_t header[HEADER_BYTES];

    if (!rofmt_load(args->file, be64_at(footer + F_DATA_OFFSET), header, sizeof(header),
                    args->shown, "vpc dynamic disk header", error))
        return false;
    if (memcmp(header, "cxsparse", 8) || be32_at(header + H_VERSION) != 0x00010000 ||
        !sum_is_good(header, sizeof(header), H_CHECKSUM))
        return refuse(args, error, "is damaged: its vpc dynamic disk header is wrong");
    vpc->block_bytes = be32_at(header + H_BLOCK_BYTES);
    vpc->blocks = be32_at(header + H_BLOCKS);
    if (vpc->block_bytes < BLOCK_MIN_BYTES || vpc->block_bytes > BLOCK_MAX_BYTES ||
        (vpc->block_bytes & (vpc->block_bytes - 1)))
        return refuse(args, error, "has a vpc block size that is not supported; 2 MiB is");
    if (vpc->blocks > TABLE_MAX)
        return refuse(args, error, "has too large a vpc block table");
    if (vpc->ro.img.bytes > (uint64_t)vpc->blocks * vpc->block_bytes)
        return refuse(args, error, "is damaged: its vpc block table is shorter than the disk");
    vpc->bitmap_bytes = (vpc->block_bytes / SECTOR / 8 + SECTOR - 1) / SECTOR * SECTOR;
    return load_table(vpc, header, args, error);
}

static bool vpc_load(struct vpc *vpc, const struct node_args *args, GError **error)
{
    uint8_t footer[FOOTER_BYTES];
    uint64_t sectors;
    uint32_t type;

    if (!find_footer(footer, args, error))
        return false;
    type = be32_at(footer + F_TYPE);
    sectors = sectors_of(footer);
    if (be32_at(footer + F_VERSION) != 0x00010000)
        return refuse(args, error, "has a vpc version that is not supported; 1.0 is");
    if (sectors > DISK_MAX_SECTORS)
        return refuse(args, error, "has a vpc disk size that cannot be");
    vpc->ro.img.bytes = sectors * SECTOR;
    if (type == TYPE_DYNAMIC)
        return load_dynamic(vpc, footer, args, error);
    if (type == TYPE_DIFFERENCING)
        return refuse(args, error, "is a vpc image with a parent, which is not supported; merge it first");
    if (type != TYPE_FIXED)
        return refuse(args, error, "has a vpc type that is not supported; fixed and dynamic are");
    if (vpc->ro.img.bytes > args->file->bytes - FOOTER_BYTES)
        return refuse(args, error, "is cut off: the vpc file is shorter than the disk");
    return true;
}

static const struct image_ops vpc_ops = ROFMT_OPS("vpc");

static struct image *vpc_open(struct node_args *args, GError **error)
{
    struct vpc *vpc;

    vpc = g_new0(struct vpc, 1);
    rofmt_init(&vpc->ro, &vpc_ops, args);
    vpc->ro.locate = vpc_locate;
    vpc->ro.fini = vpc_fini;
    vpc->ro.instant = true;
    return vpc_load(vpc, args, error) ? &vpc->ro.img : rofmt_fail(&vpc->ro);
}

const struct node_driver vpc_driver = {
    .name = "vpc",
    .help = "VHD image (Virtual PC, Hyper-V), fixed or dynamic, read-only",
    .has_file = true,
    .read_only = true,
    .open = vpc_open,
};
