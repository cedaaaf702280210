/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the qcow2 driver: its state, its locks, and the order of its writes.
 *
 * What is in memory: the L1 table and the refcount table whole (at most 32 MiB and 8 MiB, QEMU's limits),
 * L2 tables and refcount blocks in two caches (at most 32 MiB and 8 MiB while clean ones can be dropped).
 * Tables are kept as they are on disk, big-endian, and written back by commit (qcow2_commit.c) alone.
 *
 * Order. An image is consistent at most with leaks if whatever is on disk refers only to what is there:
 *   1. A refcount block on disk may be written at any time: in memory a refcount is raised before anything
 *      refers to the cluster, and lowered only after that nothing refers to it any more is on stable
 *      storage (frees wait in `freed` until the commit that wrote their L2 table has been synced).
 *   2. Guest data goes to a new cluster before its L2 entry is changed even in memory.
 *   3. A commit takes, under the locks, copies of all that is dirty at one moment, and writes: refcount
 *      blocks; sync; the refcount table; sync; L2 tables; sync; the L1 table; sync; a step with nothing to
 *      write costs no sync. The first sync covers also the data that the L2 entries lead to.
 *   4. Then the frees of 3 are carried out in memory. So a cluster is used again only when no table on
 *      stable storage says that it is something else.
 * Entries of 8 bytes are written in place, 8-aligned within a sector, and sectors do not tear; two versions
 * of one table differ by steps that rule 1 and 2 allow in any order. So each prefix of the writes, and
 * each subset of those between two syncs, leaves leaks at worst. What a guest's flush waited for is in 3.
 * Header fields (places and sizes of tables) change in one write inside the first sector, between syncs.
 *
 * Locks, in this order; all I/O on metadata but loading is outside of map_lock:
 *   commit_lock  one commit, or one change of the header's fields, at a time. Held during I/O.
 *   alloc_lock   refcounts, the free hint, the refcount block cache. Held while a refcount block is read.
 *   map_lock     L1, L2 tables, metadata set, frees, ranges. Never held during I/O; so map() may take it.
 * Ranges (qcow2_range_lock) order allocating writes to the same cluster before all of these locks.
 */
#ifndef BLOCK_QCOW2_INTERNAL_H
#define BLOCK_QCOW2_INTERNAL_H

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include "block/image.h"
#include "block/iov.h"
#include "block/qcow2.h"

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_MAX_L1_BYTES (32u << 20)
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20)
#define QCOW2_MAX_SNAPSHOTS 65536u
#define QCOW2_MAX_SNAPSHOT_BYTES (64u << 20)
#define QCOW2_MAX_BACKING_NAME 1023u
#define QCOW2_L2_CACHE_BYTES (32u << 20)
#define QCOW2_REFBLOCK_CACHE_BYTES (8u << 20)
#define QCOW2_MAX_FREED 65536u

/* Header fields and their offsets. */
enum {
    QCOW2_H_BACKING_OFF = 8,
    QCOW2_H_BACKING_LEN = 16,
    QCOW2_H_CLUSTER_BITS = 20,
    QCOW2_H_SIZE = 24,
    QCOW2_H_CRYPT = 32,
    QCOW2_H_L1_ENTRIES = 36,
    QCOW2_H_L1_OFF = 40,
    QCOW2_H_REFTABLE_OFF = 48,
    QCOW2_H_REFTABLE_CLUSTERS = 56,
    QCOW2_H_SNAPSHOTS = 60,
    QCOW2_H_SNAPSHOTS_OFF = 64,
    QCOW2_H_V2_BYTES = 72,
    QCOW2_H_INCOMPATIBLE = 72,
    QCOW2_H_COMPATIBLE = 80,
    QCOW2_H_AUTOCLEAR = 88,
    QCOW2_H_REFCOUNT_ORDER = 96,
    QCOW2_H_LENGTH = 100,
    QCOW2_H_V3_BYTES = 104,
    QCOW2_H_COMPRESSION = 104,
};
#define QCOW2_INCOMPAT_DIRTY (1ull << 0)
#define QCOW2_INCOMPAT_CORRUPT (1ull << 1)
#define QCOW2_INCOMPAT_DATA_FILE (1ull << 2)
#define QCOW2_INCOMPAT_COMPRESSION (1ull << 3)
#define QCOW2_INCOMPAT_EXTENDED_L2 (1ull << 4)
#define QCOW2_COMPAT_LAZY (1ull << 0)
#define QCOW2_AUTOCLEAR_BITMAPS (1ull << 0)

#define QCOW2_EXT_END 0u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURE_NAMES 0x6803f857u
#define QCOW2_EXT_BITMAPS 0x23852875u

#define QCOW2_COPIED (1ull << 63)
#define QCOW2_COMPRESSED_FLAG (1ull << 62)
#define QCOW2_ZERO_FLAG 1ull
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_MAX_HOST (1ull << 56)

enum qcow2_compression { QCOW2_ZLIB, QCOW2_ZSTD };

/* What the first cluster says, checked in itself and against the file's length. */
struct qcow2_header {
    unsigned version, cluster_bits, refcount_order;
    uint64_t bytes;
    uint32_t l1_entries, reftable_clusters, snapshots;
    uint64_t l1_off, reftable_off, snapshots_off;
    uint64_t incompatible, compatible, autoclear;
    uint32_t length;
    enum qcow2_compression compression;
    char *backing_file, *backing_format; /* NULL: none */
    uint32_t bitmaps;                    /* valid if the autoclear bit is set; else 0 */
    uint64_t bitmap_dir_off, bitmap_dir_bytes;
};
/* buf: the first n bytes of the file, a whole cluster or all there is. False with *error. */
bool qcow2_header_parse(const uint8_t *buf, size_t n, uint64_t file_bytes, const char *shown,
                        struct qcow2_header *h, GError **error);
void qcow2_header_clear(struct qcow2_header *h);
/* How many of the first bytes have to be read; 0 with *error: not qcow2. buf: QCOW2_H_V2_BYTES. */
uint32_t qcow2_header_bytes(const uint8_t *buf, const char *shown, GError **error);

struct qcow2_snapshot {
    uint64_t l1_off;
    uint32_t l1_entries;
    bool has_size; /* it has its own disk size */
};

/* A cluster of metadata in memory. */
struct qcow2_table {
    int64_t off; /* in the file; key of the cache */
    uint8_t *data;
    unsigned pins;          /* users, among them a commit that writes a copy: must not be dropped */
    bool loading, failed;   /* L2 only: being read, by somebody who holds a pin */
    bool dirty;
    uint32_t dirty_from, dirty_to; /* bytes */
    TAILQ_ENTRY(qcow2_table) lru_link, dirty_link;
};
TAILQ_HEAD(qcow2_table_list, qcow2_table);

struct qcow2_cache {
    GHashTable *by_off;
    struct qcow2_table_list lru, dirty; /* lru: most recently used first */
    unsigned count, limit, dirty_count;
    uint32_t table_bytes;
};

/* A set of (cluster, what it is), open addressing. */
enum qcow2_meta {
    QCOW2_META_NONE,
    QCOW2_META_HEADER = 2, /* 1: see SLOT_DELETED */
    QCOW2_META_L1,
    QCOW2_META_REFTABLE,
    QCOW2_META_REFBLOCK,
    QCOW2_META_L2,
    QCOW2_META_SNAPSHOTS,
    QCOW2_META_SNAPSHOT_L1,
};
struct qcow2_set {
    uint64_t *slots; /* cluster << 4 | what; 0: free, 1: was used */
    uint64_t size, used; /* size: a power of two; used: with the deleted ones */
};
void qcow2_set_init(struct qcow2_set *set);
void qcow2_set_clear(struct qcow2_set *set);
enum qcow2_meta qcow2_set_get(const struct qcow2_set *set, uint64_t cluster);
/* False if the cluster is in it as something else already (or as the same). */
bool qcow2_set_add(struct qcow2_set *set, uint64_t cluster, enum qcow2_meta what);
void qcow2_set_remove(struct qcow2_set *set, uint64_t cluster);
const char *qcow2_meta_name(enum qcow2_meta what);

struct qcow2_freed {
    uint64_t off, bytes;
    bool discard; /* give the space in the file back, too */
};

struct qcow2_range {
    uint64_t first, last; /* clusters */
    TAILQ_ENTRY(qcow2_range) link;
};

struct qcow2 {
    struct image img; /* first */
    /* Fixed after open. */
    struct qcow2_header h; /* sizes and places of tables in it: under their locks */
    uint64_t cluster_bytes;
    unsigned l2_bits;       /* log2 of entries of an L2 table */
    unsigned refblock_bits; /* log2 of entries of a refcount block */
    struct qcow2_snapshot *snapshots;
    uint64_t snapshot_table_bytes;
    bool small_clusters; /* the file's writes read and write more than a cluster: one at a time */
    bool pass_discard_request, pass_discard_snapshot;

    pthread_mutex_t commit_lock;
    pthread_mutex_t small_lock, header_lock; /* leaves, held during a write */

    pthread_mutex_t alloc_lock;
    uint64_t *reftable; /* big-endian */
    uint64_t reftable_entries;
    uint64_t reftable_dirty_from, reftable_dirty_to; /* entries */
    struct qcow2_cache refblocks;
    uint64_t free_hint; /* no cluster below is free */
    uint64_t fresh_from; /* nobody ever wrote to the file from this byte on */

    pthread_mutex_t map_lock;
    pthread_cond_t map_changed; /* a table was loaded, a range let go */
    uint64_t *l1; /* big-endian */
    uint32_t l1_dirty_from, l1_dirty_to; /* entries */
    struct qcow2_cache l2;
    struct qcow2_set meta;
    GArray *freed; /* of struct qcow2_freed */
    bool committing;
    TAILQ_HEAD(, qcow2_range) ranges;

    pthread_mutex_t inflate_lock;
    uint64_t inflated_entry; /* of the cluster in `inflated`; 0: none */
    uint8_t *inflated;

    int corrupt; /* atomic: the image must not be written to any more */
};

static inline struct qcow2 *qcow2_of(struct image *img)
{
    return (struct qcow2 *)img;
}

static inline uint32_t qcow2_be32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static inline uint64_t qcow2_be64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

static inline void qcow2_put32(uint8_t *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof(v));
}

static inline void qcow2_put64(uint8_t *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof(v));
}

/* ---- the file (qcow2_file.c) --------------------------------------------------------------- */

int qcow2_file_read(struct qcow2 *q, uint64_t off, void *buf, uint64_t bytes);
int qcow2_file_write(struct qcow2 *q, uint64_t off, const void *buf, uint64_t bytes);
int qcow2_file_writev(struct qcow2 *q, uint64_t off, const struct iovec *iov, int iovcnt,
                      bool stable);
int qcow2_file_flush(struct qcow2 *q);
/* Aligned as O_DIRECT wants it; free() it. NULL: no memory. */
void *qcow2_buffer(uint64_t bytes);
/* Part of the header, in the first sector. */
int qcow2_header_write(struct qcow2 *q, unsigned off, const void *buf, unsigned bytes);
/* Says once what is wrong and refuses writes from now on; returns EIO. map_lock not held. */
int qcow2_corrupted(struct qcow2 *q, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same without a mark: the image is good, but we cannot know which of two states it is in. */
int qcow2_give_up(struct qcow2 *q, const char *what);
bool qcow2_is_corrupt(struct qcow2 *q);

/* ---- tables in memory (qcow2_cache.c): the lock of the cache held ---------------------------- */

void qcow2_cache_init(struct qcow2_cache *c, uint32_t table_bytes, uint64_t limit_bytes,
                      uint64_t tables);
void qcow2_cache_clear(struct qcow2_cache *c);
struct qcow2_table *qcow2_cache_find(struct qcow2_cache *c, uint64_t off); /* or NULL */
/* A new one with one pin and undefined content; drops clean ones beyond the limit. NULL: no memory. */
struct qcow2_table *qcow2_cache_add(struct qcow2_cache *c, uint64_t off);
void qcow2_cache_drop(struct qcow2_cache *c, struct qcow2_table *t); /* clean; its last pin goes */
void qcow2_cache_dirty(struct qcow2_cache *c, struct qcow2_table *t, uint32_t from, uint32_t to);
void qcow2_cache_clean(struct qcow2_cache *c, struct qcow2_table *t);

/* ---- refcounts (qcow2_refcount.c) ---------------------------------------------------------- */

/*
 * Up to n clusters in one piece, with refcount 1; exact: all n. fresh: the file was never written to
 * there. No lock held. 0 or a positive errno.
 */
int qcow2_alloc(struct qcow2 *q, uint64_t n, bool exact, uint64_t *host, uint64_t *got, bool *fresh);
/* The same with alloc_lock held, for one cluster; ERANGE: the table has to grow first. */
int qcow2_alloc_locked(struct qcow2 *q, uint64_t n, bool exact, uint64_t *host, uint64_t *got,
                       bool *fresh);
/* Unless it has another number of entries already. No lock held. */
int qcow2_reftable_grow(struct qcow2 *q, uint64_t entries);
/* alloc_lock held. */
int qcow2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count);
/* Lowers the refcounts of clusters that nothing on stable storage refers to. No lock held. */
int qcow2_release(struct qcow2 *q, uint64_t off, uint64_t bytes);
/* One entry of a refcount block. */
uint64_t qcow2_refcount_load(const uint8_t *block, unsigned order, uint64_t i);
void qcow2_refcount_store(uint8_t *block, unsigned order, uint64_t i, uint64_t count);

/* ---- commit (qcow2_commit.c) --------------------------------------------------------------- */

/* Brings all that is dirty to stable storage. No lock held. */
int qcow2_commit(struct qcow2 *q);
int qcow2_commit_locked(struct qcow2 *q); /* commit_lock held */
/* Is there metadata of the mapping that is not on stable storage? map_lock held. */
bool qcow2_map_unstable(const struct qcow2 *q);
/* Commits if too much is dirty. No lock held. */
int qcow2_make_room(struct qcow2 *q);

/* ---- mapping (qcow2_map.c) ----------------------------------------------------------------- */

enum qcow2_kind {
    QCOW2_UNALLOCATED,
    QCOW2_ZERO,
    QCOW2_ZERO_ALLOCATED, /* zero, with a place of its own */
    QCOW2_DATA,
    QCOW2_COMPRESSED,
    QCOW2_BAD,
};
struct qcow2_extent {
    enum qcow2_kind kind;
    bool own;       /* DATA, ZERO_ALLOCATED: refcount 1, may be written in place */
    uint64_t host;  /* DATA: of the first byte */
    uint64_t entry; /* of the first cluster */
    uint64_t bytes; /* from the offset asked for */
};
/* wait: false: EAGAIN instead of loading a table. 0, EIO, ENOMEM. */
int qcow2_lookup(struct qcow2 *q, uint64_t off, uint64_t bytes, bool wait, struct qcow2_extent *ext);
enum qcow2_kind qcow2_classify(const struct qcow2 *q, uint64_t entry);
/* The L2 table for off, private and pinned, made if there is none. No lock held. */
int qcow2_l2_writable(struct qcow2 *q, uint64_t off, struct qcow2_table **table);
void qcow2_l2_unpin(struct qcow2 *q, struct qcow2_table *t);
/* Entry i of a pinned table. map_lock held. */
uint64_t qcow2_l2_get(const struct qcow2_table *t, unsigned i);
/* Changes it; what the old one referred to and the new one does not is freed with the next commit. */
void qcow2_l2_set(struct qcow2 *q, struct qcow2_table *t, unsigned i, uint64_t entry, bool discard);
/* The clusters that a compressed cluster's entry refers to. */
void qcow2_compressed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *bytes);
void qcow2_range_lock(struct qcow2 *q, struct qcow2_range *r, uint64_t off, uint64_t bytes);
void qcow2_range_unlock(struct qcow2 *q, struct qcow2_range *r);
/* May guest data be written there? False: it is metadata's place, or no place at all. map_lock held. */
bool qcow2_data_place_ok(const struct qcow2 *q, uint64_t host, uint64_t bytes);

/* ---- operations (qcow2_read.c, qcow2_write.c, qcow2_resize.c, qcow2_compressed.c) ------------- */

int qcow2_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
int qcow2_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
bool qcow2_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out);
int qcow2_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run);
int qcow2_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable);
int qcow2_discard(struct image *img, uint64_t off, uint64_t bytes);
int qcow2_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap);
int qcow2_flush(struct image *img);
int qcow2_truncate(struct image *img, uint64_t bytes);
/* Gives every cluster of a new image its place; the file is made as long as that. */
int qcow2_preallocate(struct qcow2 *q);
/* Makes the range read as zero; it is nobody else's. */
int qcow2_zero_range(struct qcow2 *q, uint64_t off, uint64_t end, bool unmap);
/* Fills q->meta. NULL, or what is wrong: then the image must not be written to; g_free(). */
char *qcow2_collect_meta(struct qcow2 *q, uint64_t file_bytes);
/* One cluster from its entry to out. */
int qcow2_inflate(struct qcow2 *q, uint64_t entry, uint8_t *out);
/* `bytes` of a slice as an array of its own, with room for `more` entries; g_free(). Moves. */
struct iovec *qcow2_iov_slice(struct iov_cursor *cur, uint64_t bytes, int more, int *count);

#endif
