/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The formats that are only read: images that qemu-img makes in every subformat, compared byte for
 * byte with what went in; then cut off and with single bits changed, where any answer but a crash, a
 * read past the file or a hang is good.
 */
#include "tests/unit/host/block_util.h"

#include "block/node.h"
#include "tests/fuzz/mem_image.h"

#define DISK_BYTES (6u << 20)

static char *dir;

/* ---- making images ------------------------------------------------------------------------- */

static char *in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static bool run(const char *command)
{
    g_autofree char *line = g_strdup_printf("cd '%s' && %s >/dev/null 2>&1", dir, command);

    return system(line) == 0;
}

/* Data, holes and zeroes, up to the last sector. */
static void make_raw(void)
{
    uint8_t *bytes = g_malloc0(DISK_BYTES);
    g_autofree char *path = in_dir("disk.raw");

    for (uint64_t i = 0; i < DISK_BYTES; i++) {
        if ((i >> 17) % 3 == 0 || i >= DISK_BYTES - 1024)
            bytes[i] = pattern(i);
    }
    assert_true(g_file_set_contents(path, (char *)bytes, DISK_BYTES, NULL));
    g_free(bytes);
}

static const struct {
    const char *driver, *options, *name;
} kinds[] = {
    { "vdi", "static=off", "dynamic.vdi" },
    { "vdi", "static=on", "fixed.vdi" },
    { "vpc", "subformat=dynamic,force_size=on", "dynamic.vhd" },
    { "vpc", "subformat=fixed,force_size=on", "fixed.vhd" },
    { "vpc", "subformat=dynamic", "geometry.vhd" },
    { "vmdk", "subformat=monolithicSparse", "sparse.vmdk" },
    { "vmdk", "subformat=monolithicSparse,zeroed_grain=on", "zeroed.vmdk" },
    { "vmdk", "subformat=monolithicFlat", "flat.vmdk" },
    { "vmdk", "subformat=twoGbMaxExtentSparse", "twosparse.vmdk" },
    { "vmdk", "subformat=twoGbMaxExtentFlat", "twoflat.vmdk" },
    { "vmdk", "subformat=streamOptimized", "stream.vmdk" },
};

static int set_up(void **state)
{
    group_set_up(state);
    dir = g_dir_make_tmp("kvm-dm-formats-XXXXXX", NULL);
    assert_non_null(dir);
    make_raw();
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *command =
            g_strdup_printf("qemu-img convert -S 4k -f raw -O %s -o %s disk.raw %s",
                            kinds[i].driver, kinds[i].options, kinds[i].name);

        if (!run(command))
            fail_msg("%s", command);
    }
    return 0;
}

static int tear_down(void **state)
{
    g_autofree char *line = g_strdup_printf("rm -r '%s'", dir);

    assert_int_equal(system(line), 0);
    g_free(dir);
    return group_tear_down(state);
}

/* ---- opening ------------------------------------------------------------------------------- */

static struct image *open_node(const char *driver, const char *name, bool readonly,
                               bool auto_read_only, GError **error)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct image_flags flags = {
        .readonly = readonly, .auto_read_only = auto_read_only, .locking = true
    };
    struct image *img;

    g_hash_table_insert(opts, g_strdup("driver"), g_strdup(driver));
    g_hash_table_insert(opts, g_strdup("file.driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("file.filename"), in_dir(name));
    img = node_open(opts, &flags, error);
    g_hash_table_unref(opts);
    return img;
}

static struct image *must_open(const char *driver, const char *name)
{
    GError *error = NULL;
    struct image *img = open_node(driver, name, true, false, &error);

    if (!img)
        fail_msg("%s", error->message);
    return img;
}

static void refused(const char *driver, const char *name, const char *why)
{
    unsigned fds = open_fds();
    GError *error = NULL;
    struct image *img = open_node(driver, name, true, false, &error);

    if (img)
        fail_msg("%s was accepted", name);
    if (!strstr(error->message, why) || strchr(error->message, '\n'))
        fail_msg("%s: wanted '%s', got: %s", name, why, error->message);
    g_error_free(error);
    assert_int_equal(open_fds(), fds);
}

static uint8_t *slurp(const char *name, gsize *bytes)
{
    g_autofree char *path = in_dir(name);
    gchar *data;

    assert_true(g_file_get_contents(path, &data, bytes, NULL));
    return (uint8_t *)data;
}

static void spill(const char *name, const void *data, gsize bytes)
{
    g_autofree char *path = in_dir(name);

    assert_true(g_file_set_contents(path, data, (gssize)bytes, NULL));
}

/* ---- content ------------------------------------------------------------------------------- */

/* All of it in pieces of one size, scattered into two buffers each. */
static void compare(struct image *img, const uint8_t *raw, uint64_t piece)
{
    uint8_t *buf = g_malloc(piece);

    for (uint64_t off = 0; off < DISK_BYTES; off += piece) {
        uint64_t n = DISK_BYTES - off < piece ? DISK_BYTES - off : piece;
        struct iovec iov[2] = { { buf, n / 3 }, { buf + n / 3, n - n / 3 } };

        memset(buf, 0x5c, piece);
        assert_int_equal(img->ops->read(img, off, iov, 2), 0);
        if (memcmp(buf, raw + off, n))
            fail_msg("%s differs in [%llu, +%llu)", image_filename(img), (unsigned long long)off,
                     (unsigned long long)n);
    }
    g_free(buf);
}

/* What is called zero is zero, and something is. */
static void compare_status(struct image *img, const uint8_t *raw, bool sparse)
{
    uint64_t zeroes = 0, run;

    for (uint64_t off = 0; off < DISK_BYTES; off += run) {
        enum image_status status;

        assert_int_equal(image_status(img, off, DISK_BYTES - off, &status, &run), 0);
        assert_in_range(run, 1, DISK_BYTES - off);
        assert_int_not_equal(status, IMAGE_BACKING);
        if (status == IMAGE_ZERO && (raw[off] || memcmp(raw + off, raw + off + 1, run - 1)))
            fail_msg("%s is not zero at %llu", image_filename(img), (unsigned long long)off);
        zeroes += status == IMAGE_ZERO ? run : 0;
    }
    if (sparse)
        assert_true(zeroes > 0);
}

static void test_content(void **state)
{
    unsigned fds = open_fds();
    gsize bytes;
    uint8_t *raw = slurp("disk.raw", &bytes);

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct image *img = must_open(kinds[i].driver, kinds[i].name);

        assert_string_equal(img->ops->kind, kinds[i].driver);
        assert_true(img->readonly);
        if (strcmp(kinds[i].name, "geometry.vhd")) /* rounded up there to whole cylinders */
            assert_int_equal(img->bytes, DISK_BYTES);
        else
            assert_in_range(img->bytes, DISK_BYTES, DISK_BYTES + (1 << 20));
        compare(img, raw, 512);
        compare(img, raw, 65536 + 1536);
        compare(img, raw, 5 << 20);
        /* A dynamic vpc or vdi of this size may have data in each block of 1 or 2 MiB. */
        compare_status(img, raw, g_str_has_suffix(kinds[i].name, "sparse.vmdk"));
        assert_int_equal(image_write(img, 0, raw, 512), EROFS);
        assert_int_equal(image_write_zeroes(img, 0, 512, false), EROFS);
        assert_int_equal(img->ops->flush(img), 0);
        image_unref(img);
    }
    g_free(raw);
    assert_int_equal(open_fds(), fds);
}

/* More than one extent, and offsets above 4 GiB. */
static void test_large(void **state)
{
    static const char *const subformats[] = { "monolithicSparse", "monolithicFlat",
                                              "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                                              "streamOptimized" };
    static const uint64_t at[] = { 0, (2047ull << 20) + 65536 * 16 - 4096, (4ull << 30) - 4096,
                                   (4ull << 30) + (512 << 20) - 65536 };
    uint8_t data[65536], got[65536];
    g_autofree char *path = in_dir("large.raw");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (4ll << 30) + (512 << 20)), 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        memset(data, (int)i + 1, sizeof(data));
        assert_int_equal(pwrite(fd, data, sizeof(data), (off_t)at[i]), sizeof(data));
    }
    close(fd);
    for (unsigned s = 0; s < G_N_ELEMENTS(subformats); s++) {
        g_autofree char *command = g_strdup_printf(
            "qemu-img convert -f raw -O vmdk -o subformat=%s large.raw large.vmdk", subformats[s]);
        struct image *img;

        assert_true(run(command));
        img = must_open("vmdk", "large.vmdk");
        assert_int_equal(img->bytes, (4ull << 30) + (512 << 20));
        for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
            memset(data, (int)i + 1, sizeof(data));
            assert_int_equal(image_read(img, at[i], got, sizeof(got)), 0);
            assert_memory_equal(got, data, sizeof(got));
            if (i + 1 < G_N_ELEMENTS(at))
                assert_int_equal(image_read(img, at[i] + sizeof(got), got, sizeof(got)), 0);
        }
        image_unref(img);
        assert_true(run("rm large*.vmdk"));
    }
    assert_true(run("rm large.raw"));
}

/* Through the request queue, with a snapshot on top that is written to. */
static void test_as_disk(void **state)
{
    gsize bytes;
    uint8_t *raw = slurp("disk.raw", &bytes);
    uint8_t sector[512], *got = g_malloc(65536);

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = in_dir(kinds[i].name);
        struct block_options opt = { .name = "hd0", .file = path, .format = kinds[i].driver,
                                     .snapshot = true, .locking = true };
        struct block *blk = open_block(&opt);

        memset(sector, 0xab, sizeof(sector));
        assert_int_equal(transfer(blk, BLOCK_READ, 0, 128, got), 0);
        assert_memory_equal(got, raw, 65536);
        assert_int_equal(transfer(blk, BLOCK_WRITE, 3, 1, sector), 0);
        assert_int_equal(transfer(blk, BLOCK_READ, 3, 1, got), 0);
        assert_memory_equal(got, sector, 512);
        block_close(blk);
    }
    g_free(got);
    g_free(raw);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void test_read_only(void **state)
{
    unsigned fds = open_fds();

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        GError *error = NULL;
        struct image *img = open_node(kinds[i].driver, kinds[i].name, false, false, &error);

        assert_null(img);
        assert_non_null(strstr(error->message,
                               "is read-only here; give readonly=on or snapshot=on"));
        assert_non_null(strstr(error->message, kinds[i].driver));
        g_clear_error(&error);
        img = open_node(kinds[i].driver, kinds[i].name, false, true, &error);
        if (!img)
            fail_msg("%s", error->message);
        assert_true(img->readonly);
        image_unref(img);
    }
    assert_int_equal(open_fds(), fds);
}

static void test_wrong_format(void **state)
{
    (void)state;
    refused("vdi", "disk.raw", "is not a vdi image");
    refused("vpc", "disk.raw", "is not a vpc image");
    refused("vmdk", "disk.raw", "is not a vmdk image");
    spill("empty", "", 0);
    refused("vdi", "empty", "header");
    refused("vpc", "empty", "too short");
    refused("vmdk", "empty", "is not a vmdk image");
    refused("vmdk", "twosparse-s001.vmdk", "one extent");
}

static void patch(const char *from, const char *to, uint64_t at, const void *with, size_t n)
{
    gsize bytes;
    uint8_t *data = slurp(from, &bytes);

    assert_true(at + n <= bytes);
    memcpy(data + at, with, n);
    spill(to, data, bytes);
    g_free(data);
}

static void test_vdi_kinds(void **state)
{
    struct image *img;

    (void)state;
    patch("dynamic.vdi", "x", 0x44, "\x00\x00\x01\x00", 4);
    refused("vdi", "x", "version 1.0");
    patch("dynamic.vdi", "x", 0x4c, "\x04", 1);
    refused("vdi", "x", "type 4");
    patch("dynamic.vdi", "x", 0x1b8, "parentparentpare", 16);
    refused("vdi", "x", "parent");
    patch("dynamic.vdi", "x", 0x178, "\x01\x00\x10\x00", 4);
    refused("vdi", "x", "block size");
    patch("dynamic.vdi", "x", 0x180, "\xff\xff\xff\xff", 4);
    refused("vdi", "x", "too large");
    patch("dynamic.vdi", "x", 0x180, "\xff\xff\xff\x00", 4);
    refused("vdi", "x", "ends behind the file");
    patch("dynamic.vdi", "x", 0x180, "\x05", 1);
    refused("vdi", "x", "shorter than the disk");
    /* No blocks at all: an empty disk, whose table may stand at the very end. */
    patch("dynamic.vdi", "x", 0x170, "\0\0\0\0\0\0\0\0", 8);
    patch("x", "x", 0x180, "\0\0\0\0", 4);
    img = must_open("vdi", "x");
    assert_int_equal(img->bytes, 0);
    image_unref(img);
    patch("dynamic.vdi", "x", 0x170, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    refused("vdi", "x", "shorter than the disk");
}

/* The footer at both ends, with its checksum made right again. */
static void patch_footer(const char *from, unsigned at, uint8_t value)
{
    gsize bytes;
    uint8_t *data = slurp(from, &bytes);
    bool copy = !memcmp(data, "conectix", 8);
    uint8_t *footer = data + bytes - 512;
    uint32_t sum = 0;

    footer[at] = value;
    memset(footer + 64, 0, 4);
    for (unsigned i = 0; i < 512; i++)
        sum += footer[i];
    sum = ~sum;
    for (unsigned i = 0; i < 4; i++)
        footer[64 + i] = (uint8_t)(sum >> (24 - 8 * i));
    if (copy)
        memcpy(data, footer, 512);
    spill("x", data, bytes);
    g_free(data);
}

static void test_vpc_kinds(void **state)
{
    gsize bytes;
    uint8_t *data;

    (void)state;
    patch_footer("dynamic.vhd", 63, 4);
    refused("vpc", "x", "parent");
    patch_footer("dynamic.vhd", 63, 7);
    refused("vpc", "x", "type");
    patch_footer("dynamic.vhd", 13, 2);
    refused("vpc", "x", "version");
    patch_footer("fixed.vhd", 52, 0xff); /* the size */
    refused("vpc", "x", "shorter than the disk");
    patch_footer("fixed.vhd", 48, 0xff);
    refused("vpc", "x", "cannot be");
    patch_footer("dynamic.vhd", 18, 0xff);
    refused("vpc", "x", "ends behind the file");
    data = slurp("fixed.vhd", &bytes);
    data[bytes - 512 + 40] ^= 1;
    spill("x", data, bytes);
    refused("vpc", "x", "checksum");
    data[bytes - 512] ^= 1;
    spill("x", data, bytes);
    refused("vpc", "x", "no footer");
    g_free(data);

    /* Cut off at the end, a dynamic one has its copy in front; a fixed one nothing. */
    data = slurp("dynamic.vhd", &bytes);
    spill("x", data, bytes - 512);
    image_unref(must_open("vpc", "x"));
    g_free(data);
}

/* A guest may write a footer into its first sector: the disk stays what it is. */
static void test_vpc_guest_footer(void **state)
{
    gsize bytes, other;
    uint8_t *data = slurp("fixed.vhd", &bytes), *dynamic = slurp("dynamic.vhd", &other);
    uint8_t got[512];
    struct image *img;

    (void)state;
    memcpy(data, dynamic, 512);
    spill("x", data, bytes);
    img = must_open("vpc", "x");
    assert_int_equal(image_read(img, 0, got, 512), 0);
    assert_memory_equal(got, dynamic, 512);
    image_unref(img);
    g_free(data);
    g_free(dynamic);
}

static void descriptor(const char *type, const char *extents)
{
    g_autofree char *text = g_strdup_printf("# Disk DescriptorFile\nversion=1\nCID=12345678\n"
                                            "parentCID=ffffffff\ncreateType=\"%s\"\n\n%s\n",
                                            type, extents);

    spill("x.vmdk", text, strlen(text));
}

static void test_vmdk_descriptor(void **state)
{
    struct image *img;
    uint8_t got[1024];

    (void)state;
    descriptor("monolithicFlat", "RW 2048 FLAT \"disk.raw\" 8\nRW 16 ZERO\r\nRDONLY 8 VMFS \"disk.raw\"");
    img = must_open("vmdk", "x.vmdk");
    assert_int_equal(img->bytes, (2048 + 16 + 8) * 512);
    assert_int_equal(image_read(img, 0, got, 512), 0);
    assert_int_equal(got[0], pattern(4096));
    assert_int_equal(image_read(img, 2048 * 512 - 512, got, 1024), 0);
    for (unsigned i = 512; i < 1024; i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(image_read(img, (2048 + 16) * 512, got, 512), 0);
    assert_int_equal(got[0], pattern(0));
    image_unref(img);

    descriptor("monolithicFlat", "RW 8 FLAT \"/etc/passwd\" 0");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 8 FLAT \"../x\" 0");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 8 FLAT \"..\" 0");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 8 FLAT \"a\tb\033[2J\" 0");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 8 FLAT");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 8 FLAT \"missing\" 0");
    refused("vmdk", "x.vmdk", "missing: ");
    descriptor("monolithicFlat", "RW 8 FLAT \"nbd://localhost\" 0");
    refused("vmdk", "x.vmdk", "plain file name");
    descriptor("monolithicFlat", "RW 999999 FLAT \"disk.raw\" 0");
    refused("vmdk", "x.vmdk", "is shorter than");
    descriptor("monolithicFlat", "RW 8 FLAT \"disk.raw\" 99999999");
    refused("vmdk", "x.vmdk", "is shorter than");
    descriptor("monolithicFlat", "RW 99999999999999999999 ZERO");
    refused("vmdk", "x.vmdk", "no good size");
    descriptor("monolithicFlat", "RW 8 FLAT \"disk.raw\" -1");
    refused("vmdk", "x.vmdk", "no good offset");
    descriptor("twoGbMaxExtentSparse", "RW 8 SPARSE \"disk.raw\"");
    refused("vmdk", "x.vmdk", "is not a sparse vmdk");
    descriptor("twoGbMaxExtentSparse", "RW 99999 SPARSE \"twosparse-s001.vmdk\"");
    refused("vmdk", "x.vmdk", "is shorter than");
    descriptor("vmfsSparse", "RW 8 VMFSSPARSE \"disk.raw\"");
    refused("vmdk", "x.vmdk", "type vmfsSparse");
    descriptor("vmfs", "RW 8 VMFSRDM \"disk.raw\"");
    refused("vmdk", "x.vmdk", "type VMFSRDM");
    descriptor("vmfs", "NOACCESS 8 ZERO");
    refused("vmdk", "x.vmdk", "NOACCESS");
    descriptor("fancy", "RW 8 ZERO");
    refused("vmdk", "x.vmdk", "unknown createType");
    descriptor("vmfs", "parentCID=12345678\nRW 8 ZERO");
    refused("vmdk", "x.vmdk", "parent");
    descriptor("vmfs", "");
    refused("vmdk", "x.vmdk", "no extent");
}

/* A packed grain that is not what it was, or not the one that it should be: an error, no wrong data. */
static void test_vmdk_packed(void **state)
{
    static const struct {
        unsigned at;
        uint8_t flip;
    /* marker: sector (8 bytes), length (4); then the packed bytes with their own checksum */
    } wrong[] = { { 0, 0x80 }, { 7, 1 }, { 9, 0x04 }, { 11, 0x40 }, { 12, 0xff }, { 40, 1 } };
    gsize bytes;
    uint8_t *data = slurp("stream.vmdk", &bytes), got[4096];
    gsize first = (data[64] | (gsize)data[65] << 8) * 512; /* behind the overhead */
    struct image *img;

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        data[first + wrong[i].at] ^= wrong[i].flip;
        spill("x", data, bytes);
        data[first + wrong[i].at] ^= wrong[i].flip;
        img = must_open("vmdk", "x");
        assert_int_equal(image_read(img, 0, got, sizeof(got)), EIO);
        assert_int_equal(image_read(img, 3 << 17, got, sizeof(got)), 0); /* another grain */
        image_unref(img);
    }
    spill("x", data, bytes);
    img = must_open("vmdk", "x");
    assert_int_equal(image_read(img, 0, got, sizeof(got)), 0);
    image_unref(img);
    g_free(data);
}

/* ---- damage -------------------------------------------------------------------------------- */

static unsigned opened;

static void try_bytes(const char *driver, const uint8_t *data, size_t bytes)
{
    /* A block of its own, so that the sanitizer sees a read past its end. */
    uint8_t *copy = g_memdup2(data, bytes);
    struct mem_image mem;
    GError *error = NULL;
    struct image *img = mem_open(driver, &mem, copy, bytes, &error);

    if (img) {
        opened++;
        mem_exercise(img);
        mem_close(img);
    } else {
        assert_non_null(error);
        assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
    g_free(copy);
}

/* Small, or each copy of it would take too long. */
static uint8_t *small_image(unsigned kind, gsize *bytes)
{
    g_autofree char *command = g_strdup_printf(
        "head -c 131072 disk.raw >small.raw && qemu-img convert -f raw -O %s -o %s small.raw small",
        kinds[kind].driver, kinds[kind].options);

    assert_true(run(command));
    return slurp("small", bytes);
}

static void test_truncated(void **state)
{
    (void)state;
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        gsize bytes;
        uint8_t *data = small_image(k, &bytes);

        for (gsize n = 0; n < bytes; n += n < 4096 ? 61 : bytes / 37)
            try_bytes(kinds[k].driver, data, n);
        g_free(data);
    }
}

/* Each bit of what is no data: the first kilobytes, and the last. */
static void test_bit_flips(void **state)
{
    (void)state;
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        gsize bytes;
        uint8_t *data = small_image(k, &bytes);

        opened = 0;
        for (gsize bit = 0; bit < bytes * 8; bit++) {
            gsize at = bit / 8;

            if (at >= 2048 && at + 1536 < bytes) {
                bit = (bytes - 1536) * 8 - 1;
                continue;
            }
            data[at] ^= (uint8_t)(1u << (bit % 8));
            try_bytes(kinds[k].driver, data, bytes);
            data[at] ^= (uint8_t)(1u << (bit % 8));
        }
        if (!g_str_has_suffix(kinds[k].name, "flat.vmdk") && strcmp(kinds[k].name, "twosparse.vmdk"))
            assert_true(opened > 0); /* else nothing was read */
        g_free(data);
    }
}

/* Tables whose every entry points anywhere. */
static void test_wild_tables(void **state)
{
    GRand *rand = g_rand_new_with_seed(1);

    (void)state;
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        gsize bytes;
        uint8_t *data = small_image(k, &bytes), *work = g_malloc(bytes);

        for (unsigned i = 0; i < 400 && bytes > 1024; i++) {
            memcpy(work, data, bytes);
            for (unsigned n = 0; n < 24; n++) {
                gsize at = (gsize)g_rand_int_range(rand, 512, (gint32)(bytes < 66000 ? bytes : 66000));

                work[at] = (uint8_t)g_rand_int(rand);
            }
            try_bytes(kinds[k].driver, work, bytes);
        }
        g_free(work);
        g_free(data);
    }
    g_rand_free(rand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),       cmocka_unit_test(test_large),
        cmocka_unit_test(test_as_disk),       cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_wrong_format),  cmocka_unit_test(test_vdi_kinds),
        cmocka_unit_test(test_vpc_kinds),     cmocka_unit_test(test_vpc_guest_footer),
        cmocka_unit_test(test_vmdk_descriptor), cmocka_unit_test(test_vmdk_packed),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_bit_flips),     cmocka_unit_test(test_wild_tables),
    };

    if (system("qemu-img --version >/dev/null 2>&1")) {
        puts("SKIP: no qemu-img");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
