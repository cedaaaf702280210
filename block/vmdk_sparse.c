/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosted sparse extents ("KDMV"): a header, a directory of tables of grains, the grains; packed with
 * zlib in stream-optimized ones, which have their real header at the end. "Hosted Sparse Extents" and
 * "Stream-Optimized Compressed Sparse Extents" of the technote; all little-endian.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "block/vmdk.h"

#define MAGIC 0x564d444bu /* "KDMV" */
#define FLAG_ZERO_GRAINS (1u << 2)
#define FLAG_PACKED (1u << 16)
#define FLAG_MARKERS (1u << 17)
#define AT_END 0xffffffffffffffffull
#define GRAIN_NONE 0
#define GRAIN_ZERO 1
#define GRAIN_MAX_SECTORS 4096u
#define ENTRIES_MAX 512u
#define DIRECTORY_MAX (1u << 22) /* tables; 16 MiB of memory */
#define MARKER_BYTES 12u         /* before a packed grain: its sector, its bytes */

/* The header's fields (SparseExtentHeader). */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_FLAGS = 8,
    AT_CAPACITY = 12,
    AT_GRAIN = 20,
    AT_DESCRIPTOR = 28,
    AT_DESCRIPTOR_SIZE = 36,
    AT_ENTRIES = 44,
    AT_DIRECTORY = 56,
    AT_LINE_ENDS = 73,
    AT_PACKING = 77,
    HEADER_BYTES = 512
};

static uint32_t le32_at(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64_at(const uint8_t *p)
{
    return le32_at(p) | (uint64_t)le32_at(p + 4) << 32;
}

/* ---- where a grain is ---------------------------------------------------------------------- */

/* The entry from the cache; false: its table is not there. */
static bool cached_entry(struct vmdk_sparse *s, uint64_t table, uint32_t index, uint32_t *entry)
{
    unsigned slot = table % VMDK_CACHE_SLOTS;
    bool found;

    pthread_mutex_lock(&s->mutex);
    found = s->slot[slot].table == table + 1;
    if (found)
        *entry = le32toh(s->slot[slot].entry[index]);
    pthread_mutex_unlock(&s->mutex);
    return found;
}

static void cache_table(struct vmdk_sparse *s, uint64_t table, uint32_t *entries)
{
    unsigned slot = table % VMDK_CACHE_SLOTS;
    uint32_t *old;

    pthread_mutex_lock(&s->mutex);
    old = s->slot[slot].entry;
    s->slot[slot].entry = entries;
    s->slot[slot].table = table + 1;
    pthread_mutex_unlock(&s->mutex);
    g_free(old);
}

static int grain_entry(struct vmdk_sparse *s, struct image *file, uint64_t grain, uint32_t *entry)
{
    uint64_t table = grain / s->entries, at;
    uint32_t index = (uint32_t)(grain % s->entries);
    uint64_t bytes = (uint64_t)s->entries * sizeof(uint32_t);
    uint32_t *entries;
    int err;

    at = le32toh(s->directory[table]);
    *entry = GRAIN_NONE;
    if (at == 0 || cached_entry(s, table, index, entry))
        return 0;
    entries = g_try_malloc(bytes);
    if (!entries)
        return ENOMEM;
    err = rofmt_load_quietly(file, at * VMDK_SECTOR, entries, bytes);
    if (err) {
        g_free(entries);
        return err;
    }
    *entry = le32toh(entries[index]);
    cache_table(s, table, entries);
    return 0;
}

int vmdk_sparse_locate(struct vmdk_sparse *s, struct image *file, uint64_t off, uint64_t *run,
                       struct rofmt_piece *piece)
{
    uint64_t inside = off % s->grain_bytes;
    uint32_t entry;
    int err = grain_entry(s, file, off / s->grain_bytes, &entry);

    if (*run > s->grain_bytes - inside)
        *run = s->grain_bytes - inside;
    if (err || entry == GRAIN_NONE || (entry == GRAIN_ZERO && s->zero_grains))
        return err;
    piece->in = file;
    piece->packed = s->packed;
    piece->off = (uint64_t)entry * VMDK_SECTOR + (s->packed ? 0 : inside);
    return rofmt_inside(file, piece->off, s->packed ? MARKER_BYTES : *run) ? 0 : EIO;
}

/* ---- packed grains ------------------------------------------------------------------------- */

/* Part of the grain that was unpacked last: readers come through a grain piece by piece. */
static bool from_cache(struct vmdk_sparse *s, uint64_t at, uint64_t inside, uint64_t run,
                       struct iov_cursor *cur)
{
    bool found;

    pthread_mutex_lock(&s->mutex);
    found = s->unpacked_at == at;
    if (found)
        iov_put(cur, s->unpacked + inside, run);
    pthread_mutex_unlock(&s->mutex);
    return found;
}

static int unpack(struct vmdk_sparse *s, struct image *file, uint64_t at, uint64_t grain,
                  uint8_t *out)
{
    uint64_t left = s->sectors * VMDK_SECTOR - grain * s->grain_bytes;
    uint64_t want = left < s->grain_bytes ? left : s->grain_bytes;
    uLongf got = s->grain_bytes;
    uint8_t marker[MARKER_BYTES], *in;
    uint32_t bytes;
    int err = rofmt_load_quietly(file, at, marker, sizeof(marker));

    if (err)
        return err;
    bytes = le32_at(marker + 8);
    /* zlib makes nothing much longer than it was. */
    if (bytes == 0 || bytes > 2 * s->grain_bytes + 1024 ||
        le64_at(marker) != grain * (s->grain_bytes / VMDK_SECTOR))
        return EIO;
    in = g_try_malloc(bytes);
    if (!in)
        return ENOMEM;
    err = rofmt_load_quietly(file, at + MARKER_BYTES, in, bytes);
    if (!err && (uncompress(out, &got, in, bytes) != Z_OK || got < want))
        err = EIO;
    g_free(in);
    return err;
}

int vmdk_sparse_fetch(struct vmdk_sparse *s, const struct rofmt_piece *piece, uint64_t off,
                      uint64_t run, struct iov_cursor *cur)
{
    uint64_t inside = off % s->grain_bytes;
    uint8_t *grain, *old;
    int err;

    if (from_cache(s, piece->off, inside, run, cur))
        return 0;
    grain = g_try_malloc0(s->grain_bytes);
    if (!grain)
        return ENOMEM;
    err = unpack(s, piece->in, piece->off, off / s->grain_bytes, grain);
    if (err) {
        g_free(grain);
        return err;
    }
    iov_put(cur, grain + inside, run);
    pthread_mutex_lock(&s->mutex);
    old = s->unpacked;
    s->unpacked = grain;
    s->unpacked_at = piece->off;
    pthread_mutex_unlock(&s->mutex);
    g_free(old);
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool refuse(const char *shown, GError **error, const char *what)
{
    block_error(error, EINVAL, shown, "%s", what);
    return false;
}

/* A text-mode transfer would have changed these bytes. */
static bool check_header(const uint8_t *h, const char *shown, GError **error)
{
    uint32_t version = le32_at(h + AT_VERSION), flags = le32_at(h + AT_FLAGS);
    uint32_t packing = h[AT_PACKING] | (uint32_t)h[AT_PACKING + 1] << 8;

    if (le32_at(h + AT_MAGIC) != MAGIC)
        return refuse(shown, error, "is not a sparse vmdk file");
    if (version < 1 || version > 3)
        return refuse(shown, error, "has a vmdk version that is not supported; 1 to 3 are");
    if ((flags & 1) && memcmp(h + AT_LINE_ENDS, "\n \r\n", 4))
        return refuse(shown, error, "is damaged: its vmdk header was changed by a text-mode transfer");
    if ((flags & FLAG_PACKED) && packing != 1)
        return refuse(shown, error, "has a vmdk compression that is not supported; deflate is");
    if ((flags & FLAG_PACKED) && !(flags & FLAG_MARKERS))
        return refuse(shown, error, "has compressed vmdk grains without markers, which is not supported");
    return true;
}

static bool read_sizes(struct vmdk_sparse *s, const uint8_t *h, const char *shown, GError **error)
{
    uint64_t grain = le64_at(h + AT_GRAIN), capacity = le64_at(h + AT_CAPACITY);
    uint64_t desc = le64_at(h + AT_DESCRIPTOR), desc_sectors = le64_at(h + AT_DESCRIPTOR_SIZE);

    if (grain < 1 || grain > GRAIN_MAX_SECTORS || (grain & (grain - 1)))
        return refuse(shown, error, "has a vmdk grain size that is not supported; 64 KiB is");
    s->entries = le32_at(h + AT_ENTRIES);
    if (s->entries < 1 || s->entries > ENTRIES_MAX)
        return refuse(shown, error, "has vmdk grain tables of a size that is not supported; 512 is");
    if (capacity == 0 || capacity > VMDK_DISK_MAX_SECTORS)
        return refuse(shown, error, "has a vmdk capacity that cannot be");
    s->grain_bytes = (uint32_t)grain * VMDK_SECTOR;
    s->sectors = capacity;
    s->zero_grains = le32_at(h + AT_FLAGS) & FLAG_ZERO_GRAINS;
    s->packed = le32_at(h + AT_FLAGS) & FLAG_PACKED;
    s->directory_entries = (capacity - 1) / (grain * s->entries) + 1;
    if (s->directory_entries > DIRECTORY_MAX)
        return refuse(shown, error, "has too large a vmdk grain directory");
    if (desc && desc_sectors && desc <= INT64_MAX / VMDK_SECTOR) {
        s->desc_off = desc * VMDK_SECTOR;
        s->desc_bytes = desc_sectors > VMDK_DESCRIPTOR_MAX / VMDK_SECTOR
                            ? VMDK_DESCRIPTOR_MAX
                            : desc_sectors * VMDK_SECTOR;
    }
    return true;
}

static bool load_directory(struct vmdk_sparse *s, struct image *file, uint64_t sector,
                           const char *shown, GError **error)
{
    uint64_t bytes = s->directory_entries * sizeof(s->directory[0]);

    if (sector == 0 || sector > INT64_MAX / VMDK_SECTOR ||
        !rofmt_inside(file, sector * VMDK_SECTOR, bytes)) /* before memory is taken for it */
        return refuse(shown, error,
                      "is cut off or damaged: its vmdk grain directory is not inside the file");
    s->directory = g_try_malloc(bytes);
    if (!s->directory)
        return refuse(shown, error, "no memory for its vmdk grain directory");
    return rofmt_load(file, sector * VMDK_SECTOR, s->directory, bytes, shown,
                      "vmdk grain directory", error);
}

/* A stream's writer knows the directory's place only at the end: there a header says it. */
static bool load_last_header(struct image *file, uint8_t *h, const char *shown, GError **error)
{
    if (file->bytes < 3 * HEADER_BYTES)
        return refuse(shown, error, "is cut off: its vmdk footer is missing");
    return rofmt_load(file, file->bytes - 2 * HEADER_BYTES, h, HEADER_BYTES, shown, "vmdk footer",
                      error) &&
           check_header(h, shown, error);
}

static bool sparse_load(struct vmdk_sparse *s, struct image *file, const char *shown,
                        GError **error)
{
    uint8_t h[HEADER_BYTES];
    uint64_t desc_off, desc_bytes;

    if (!rofmt_load(file, 0, h, sizeof(h), shown, "vmdk header", error) ||
        !check_header(h, shown, error) || !read_sizes(s, h, shown, error))
        return false;
    desc_off = s->desc_off;
    desc_bytes = s->desc_bytes;
    if (le64_at(h + AT_DIRECTORY) == AT_END) {
        if (!load_last_header(file, h, shown, error) || !read_sizes(s, h, shown, error))
            return false;
        s->desc_off = desc_off; /* the one in front, as its place says */
        s->desc_bytes = desc_bytes;
    }
    return load_directory(s, file, le64_at(h + AT_DIRECTORY), shown, error);
}

bool vmdk_is_sparse(struct image *file)
{
    uint8_t head[4];

    return !rofmt_load_quietly(file, 0, head, sizeof(head)) && le32_at(head) == MAGIC;
}

struct vmdk_sparse *vmdk_sparse_open(struct image *file, const char *shown, GError **error)
{
    struct vmdk_sparse *s = g_new0(struct vmdk_sparse, 1);

    pthread_mutex_init(&s->mutex, NULL);
    if (sparse_load(s, file, shown, error))
        return s;
    vmdk_sparse_close(s);
    return NULL;
}

void vmdk_sparse_close(struct vmdk_sparse *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < VMDK_CACHE_SLOTS; i++)
        g_free(s->slot[i].entry);
    pthread_mutex_destroy(&s->mutex);
    g_free(s->unpacked);
    g_free(s->directory);
    g_free(s);
}
