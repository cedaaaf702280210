/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first cluster of a qcow2 image: header, header extensions, name of the backing file. The bytes
 * may come from anybody; what is accepted here is in bounds for all that follows.
 */
#include "block/qcow2_internal.h"

static bool refuse(GError **error, const char *shown, int err, const char *what)
{
    block_error(error, err, shown, "%s", what);
    return false;
}

uint32_t qcow2_header_bytes(const uint8_t *buf, const char *shown, GError **error)
{
    uint32_t version = qcow2_be32(buf + 4), bits = qcow2_be32(buf + QCOW2_H_CLUSTER_BITS);

    if (qcow2_be32(buf) != QCOW2_MAGIC) {
        refuse(error, shown, EINVAL, "not a qcow2 image: the first bytes are not QFI\\xfb");
        return 0;
    }
    if (version != 2 && version != 3) {
        block_error(error, ENOTSUP, shown,
                    "qcow%s version %u is not supported; versions 2 and 3 are (qemu-img convert)",
                    version == 1 ? "" : "2", version);
        return 0;
    }
    if (bits < QCOW2_MIN_CLUSTER_BITS || bits > QCOW2_MAX_CLUSTER_BITS) {
        block_error(error, EINVAL, shown,
                    "bad qcow2 image: clusters of 2^%u bytes; 512 bytes to 2 MiB are possible", bits);
        return 0;
    }
    return 1u << bits;
}

/* A name out of an image, for a message: printable ASCII only. */
static char *sanitized(const uint8_t *name, size_t max)
{
    char *s = g_strndup((const char *)name, max);

    for (char *p = s; *p; p++) {
        if (!g_ascii_isprint(*p))
            *p = '?';
    }
    return s;
}

/* ---- features ------------------------------------------------------------------------------ */

/* Name of an incompatible feature by the image's own table (48 bytes an entry), or its number. */
static char *feature_name(const uint8_t *names, uint32_t bytes, unsigned bit)
{
    for (uint32_t i = 0; i + 48 <= bytes; i += 48) {
        if (names[i] == 0 && names[i + 1] == bit)
            return sanitized(names + i + 2, 46);
    }
    return g_strdup_printf("bit %u", bit);
}

static bool check_features(const struct qcow2_header *h, const uint8_t *names, uint32_t name_bytes,
                           const char *shown, GError **error)
{
    uint64_t known = QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_COMPRESSION;
    uint64_t unknown = h->incompatible & ~known;
    char *name;

    if (unknown & QCOW2_INCOMPAT_DATA_FILE)
        return refuse(error, shown, ENOTSUP,
                      "qcow2 with an external data file is not supported; qemu-img convert makes one "
                      "without");
    if (unknown & QCOW2_INCOMPAT_EXTENDED_L2)
        return refuse(error, shown, ENOTSUP,
                      "qcow2 with extended L2 entries is not supported; qemu-img convert -o "
                      "extended_l2=off makes one without");
    if (!unknown)
        return true;
    name = feature_name(names, name_bytes, (unsigned)__builtin_ctzll(unknown));
    block_error(error, ENOTSUP, shown, "qcow2 feature '%s' is not supported", name);
    g_free(name);
    return false;
}

static bool check_compression(struct qcow2_header *h, const uint8_t *buf, const char *shown,
                              GError **error)
{
    unsigned type = h->length > QCOW2_H_COMPRESSION ? buf[QCOW2_H_COMPRESSION] : 0;

    if (!(h->incompatible & QCOW2_INCOMPAT_COMPRESSION) != (type == 0))
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: compression type and its feature bit disagree");
    if (type > QCOW2_ZSTD) {
        block_error(error, ENOTSUP, shown, "qcow2 compression type %u is not supported", type);
        return false;
    }
    h->compression = type == QCOW2_ZSTD ? QCOW2_ZSTD : QCOW2_ZLIB;
#ifndef CONFIG_ZSTD
    if (h->compression == QCOW2_ZSTD)
        return refuse(error, shown, ENOTSUP,
                      "qcow2 with zstd compression: left out of this build (--disable-zstd)");
#endif
    return true;
}

/* ---- extensions ---------------------------------------------------------------------------- */

struct names {
    const uint8_t *data;
    uint32_t bytes;
};

static bool take_bitmaps(struct qcow2_header *h, const uint8_t *data, uint32_t bytes)
{
    if (bytes < 24)
        return false;
    h->bitmaps = qcow2_be32(data);
    h->bitmap_dir_bytes = qcow2_be64(data + 8);
    h->bitmap_dir_off = qcow2_be64(data + 16);
    return h->bitmaps >= 1 && h->bitmaps <= 65535 && h->bitmap_dir_bytes <= (64u << 20);
}

static bool take_extension(struct qcow2_header *h, uint32_t type, const uint8_t *data,
                           uint32_t bytes, struct names *names)
{
    switch (type) {
    case QCOW2_EXT_BACKING_FORMAT:
        if (h->backing_format || bytes > 64 || memchr(data, 0, bytes))
            return false;
        h->backing_format = g_strndup((const char *)data, bytes);
        return true;
    case QCOW2_EXT_FEATURE_NAMES:
        *names = (struct names){ data, bytes };
        return true;
    case QCOW2_EXT_BITMAPS:
        /* Without its bit the data is stale, and not looked at. */
        return !(h->autoclear & QCOW2_AUTOCLEAR_BITMAPS) || take_bitmaps(h, data, bytes);
    default:
        return true; /* "can be safely ignored" */
    }
}

static bool parse_extensions(struct qcow2_header *h, const uint8_t *buf, uint64_t end,
                             struct names *names, const char *shown, GError **error)
{
    uint64_t at = h->length;

    while (at + 8 <= end) {
        uint32_t type = qcow2_be32(buf + at), bytes = qcow2_be32(buf + at + 4);

        if (type == QCOW2_EXT_END)
            break;
        at += 8;
        if (bytes > end - at)
            return refuse(error, shown, EINVAL,
                          "bad qcow2 image: a header extension is longer than its room");
        if (!take_extension(h, type, buf + at, bytes, names)) {
            block_error(error, EINVAL, shown, "bad qcow2 image: header extension 0x%08x", type);
            return false;
        }
        at += ((uint64_t)bytes + 7) & ~7ull;
    }
    if ((h->autoclear & QCOW2_AUTOCLEAR_BITMAPS) && !h->bitmaps)
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: it says that it has bitmaps, but has none");
    return true;
}

/* ---- fields -------------------------------------------------------------------------------- */

static bool check_table(const struct qcow2_header *h, const char *what, uint64_t off, uint64_t bytes,
                        uint64_t file_bytes, const char *shown, GError **error)
{
    if (bytes == 0)
        return true;
    if (off == 0 || off & ((1ull << h->cluster_bits) - 1) || off >= file_bytes ||
        bytes > file_bytes - off) {
        block_error(error, EINVAL, shown,
                    "bad qcow2 image: the %s, %" PRIu64 " bytes at 0x%" PRIx64
                    ", is not aligned or not inside of the file",
                    what, bytes, off);
        return false;
    }
    return true;
}

static bool check_sizes(const struct qcow2_header *h, uint64_t file_bytes, const char *shown,
                        GError **error)
{
    uint64_t cluster = 1ull << h->cluster_bits;
    unsigned l1_shift = 2 * h->cluster_bits - 3;
    uint64_t l1_needed;

    if (h->bytes > INT64_MAX)
        return refuse(error, shown, EFBIG, "bad qcow2 image: its disk has more than 2^63 bytes");
    l1_needed = (h->bytes >> l1_shift) + ((h->bytes & ((1ull << l1_shift) - 1)) != 0);
    if ((uint64_t)h->l1_entries * 8 > QCOW2_MAX_L1_BYTES || l1_needed * 8 > QCOW2_MAX_L1_BYTES)
        return refuse(error, shown, EFBIG, "qcow2 L1 tables of more than 32 MiB are not supported");
    if (h->l1_entries < l1_needed)
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: its L1 table is too small for its disk");
    if (h->reftable_clusters == 0)
        return refuse(error, shown, EINVAL, "bad qcow2 image: it has no refcount table");
    if (h->reftable_clusters > QCOW2_MAX_REFTABLE_BYTES >> h->cluster_bits)
        return refuse(error, shown, EFBIG, "qcow2 refcount tables of more than 8 MiB are not supported");
    if (h->snapshots > QCOW2_MAX_SNAPSHOTS)
        return refuse(error, shown, EFBIG, "qcow2 with more than 65536 snapshots is not supported");
    return check_table(h, "L1 table", h->l1_off, (uint64_t)h->l1_entries * 8, file_bytes, shown,
                       error) &&
           check_table(h, "refcount table", h->reftable_off, h->reftable_clusters * cluster,
                       file_bytes, shown, error) &&
           check_table(h, "snapshot table", h->snapshots_off, (uint64_t)h->snapshots * 40,
                       file_bytes, shown, error) &&
           check_table(h, "bitmap directory", h->bitmap_dir_off, h->bitmaps ? h->bitmap_dir_bytes : 0,
                       file_bytes, shown, error);
}

static bool check_encryption(const uint8_t *buf, const char *shown, GError **error)
{
    uint32_t method = qcow2_be32(buf + QCOW2_H_CRYPT);

    if (!method)
        return true;
    block_error(error, ENOTSUP, shown,
                "qcow2 with encryption (%s) is not supported; encrypt the host's disk, or qemu-img "
                "convert makes one without",
                method == 1 ? "AES" : method == 2 ? "LUKS" : "of an unknown method");
    return false;
}

static bool parse_v3(struct qcow2_header *h, const uint8_t *buf, size_t n, const char *shown,
                     GError **error)
{
    h->length = QCOW2_H_V2_BYTES;
    h->refcount_order = 4;
    if (h->version == 2)
        return true;
    if (n < QCOW2_H_V3_BYTES)
        return refuse(error, shown, EINVAL, "bad qcow2 image: the file ends inside of the header");
    h->incompatible = qcow2_be64(buf + QCOW2_H_INCOMPATIBLE);
    h->compatible = qcow2_be64(buf + QCOW2_H_COMPATIBLE);
    h->autoclear = qcow2_be64(buf + QCOW2_H_AUTOCLEAR);
    h->refcount_order = qcow2_be32(buf + QCOW2_H_REFCOUNT_ORDER);
    h->length = qcow2_be32(buf + QCOW2_H_LENGTH);
    if (h->refcount_order > 6)
        return refuse(error, shown, EINVAL, "bad qcow2 image: refcounts of more than 64 bits");
    if (h->length < QCOW2_H_V3_BYTES || h->length > n || h->length > 1ull << h->cluster_bits)
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: its header is shorter than 104 bytes or longer than a cluster");
    return true;
}

/* end: where the extensions end at the latest. */
static bool parse_backing_name(struct qcow2_header *h, const uint8_t *buf, size_t n, uint64_t *end,
                               const char *shown, GError **error)
{
    uint64_t off = qcow2_be64(buf + QCOW2_H_BACKING_OFF);
    uint32_t len = qcow2_be32(buf + QCOW2_H_BACKING_LEN);

    *end = n;
    if (off == 0)
        return true;
    if (len > QCOW2_MAX_BACKING_NAME)
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: the name of its backing file has more than 1023 bytes");
    if (off < h->length || off > n || len > n - off)
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: the name of its backing file is not in the first cluster");
    *end = off;
    if (len == 0)
        return true;
    if (memchr(buf + off, 0, len))
        return refuse(error, shown, EINVAL,
                      "bad qcow2 image: the name of its backing file has a zero byte in it");
    h->backing_file = g_strndup((const char *)buf + off, len);
    return true;
}

bool qcow2_header_parse(const uint8_t *buf, size_t n, uint64_t file_bytes, const char *shown,
                        struct qcow2_header *h, GError **error)
{
    struct names names = { NULL, 0 };
    uint64_t end = 0;
    bool good;

    memset(h, 0, sizeof(*h));
    if (n < QCOW2_H_V2_BYTES)
        return refuse(error, shown, EINVAL, "bad qcow2 image: the file ends inside of the header");
    if (!qcow2_header_bytes(buf, shown, error))
        return false;
    h->version = qcow2_be32(buf + 4);
    h->cluster_bits = qcow2_be32(buf + QCOW2_H_CLUSTER_BITS);
    h->bytes = qcow2_be64(buf + QCOW2_H_SIZE);
    h->l1_entries = qcow2_be32(buf + QCOW2_H_L1_ENTRIES);
    h->l1_off = qcow2_be64(buf + QCOW2_H_L1_OFF);
    h->reftable_off = qcow2_be64(buf + QCOW2_H_REFTABLE_OFF);
    h->reftable_clusters = qcow2_be32(buf + QCOW2_H_REFTABLE_CLUSTERS);
    h->snapshots = qcow2_be32(buf + QCOW2_H_SNAPSHOTS);
    h->snapshots_off = qcow2_be64(buf + QCOW2_H_SNAPSHOTS_OFF);
    good = parse_v3(h, buf, n, shown, error) && check_encryption(buf, shown, error) &&
           parse_backing_name(h, buf, n, &end, shown, error) &&
           parse_extensions(h, buf, end, &names, shown, error) &&
           check_features(h, names.data, names.bytes, shown, error) &&
           check_compression(h, buf, shown, error) && check_sizes(h, file_bytes, shown, error);
    if (!good)
        qcow2_header_clear(h);
    return good;
}

void qcow2_header_clear(struct qcow2_header *h)
{
    g_free(h->backing_file);
    g_free(h->backing_format);
    h->backing_file = h->backing_format = NULL;
}
