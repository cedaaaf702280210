/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HAZARDS Q-19. A qcow2 image whose writer died at any moment: no corruption, at most leaks, and all that
 * a flush acknowledged is there.
 *   kill: a process writes, flushes, says so, and is killed -9. QCOW2_KILLS=n (default 20).
 *   power: the writes that a load made are replayed up to each point, and from those since the last sync
 *   any subset. QCOW2_CUTS=n subsets per load (default 400).
 *   faults: a write or sync of the file fails at each point, then the image goes on or is closed.
 */
#include "qcow2_util.h"

#include <signal.h>
#include <sys/wait.h>

#define DISK_BYTES (4u << 20)
#define SECTORS (DISK_BYTES / 512)

/*
 * Each sector carries its own number and the serial number of the write that made it, so that what is
 * found can be told: not older than the last one before an acknowledged flush, not newer than the last
 * one started, and the sector's own.
 */
static void stamp(uint8_t *sector, uint32_t number, uint32_t serial)
{
    uint32_t v[2] = { number ^ 0x5a5a5a5a, serial };

    for (unsigned i = 0; i < 64; i++)
        memcpy(sector + 8 * i, v, 8);
}

/* The serial number in it (0: never written, or zeroed); false: it is torn or another sector's. */
static bool read_stamp(const uint8_t *sector, uint32_t number, uint32_t *serial)
{
    uint32_t v[2];

    memcpy(v, sector, 8);
    *serial = v[1];
    if (memcmp(sector, sector + 8, 504))
        return false;
    return v[0] == (number ^ 0x5a5a5a5a) || (v[0] == 0 && v[1] == 0);
}

struct load {
    struct image *img;
    uint32_t first, sectors; /* its part of the disk */
    uint64_t rng;
    uint32_t serial;
    /* Per sector, the oldest serial that may be found, and whether zeroes may be (a zeroing since). */
    uint32_t *newest;      /* last write started; 0 after a zeroing */
    uint32_t *safe;        /* at the last acknowledged flush */
    bool *maybe_zero;      /* zeroed or discarded since that flush, or zero then */
    uint32_t *zeroed;      /* the step at which it was last zeroed; */
    uint32_t step;
};

/* part of parts: threads have a part each. */
static void load_init(struct load *l, uint64_t seed, unsigned part, unsigned parts)
{
    *l = (struct load){ .rng = (seed * 16 + part) * 0x9e3779b97f4a7c15ull + 12345,
                        .first = SECTORS / parts * part, .sectors = SECTORS / parts };
    l->newest = g_new0(uint32_t, SECTORS);
    l->safe = g_new0(uint32_t, SECTORS);
    l->maybe_zero = g_new0(bool, SECTORS);
    l->zeroed = g_new0(uint32_t, SECTORS);
    memset(l->maybe_zero, 1, SECTORS);
}

static void load_clear(struct load *l)
{
    g_free(l->newest);
    g_free(l->safe);
    g_free(l->maybe_zero);
    g_free(l->zeroed);
}

/* One step; the order of random numbers is the same with and without an image. flush: 1 if it was one. */
static int load_step(struct load *l, bool *flush)
{
    static __thread uint8_t buf[256 * 512];
    uint32_t first = l->first + (uint32_t)below(&l->rng, l->sectors);
    uint32_t n = (uint32_t)at_most(l->first + l->sectors - first, 1 + below(&l->rng, below(&l->rng, 4) ? 16 : 255));
    unsigned what = (unsigned)below(&l->rng, 16);
    int err = 0;

    l->step++;
    *flush = what == 0;
    if (what == 0)
        return l->img ? l->img->ops->flush(l->img) : 0;
    if (what <= 2) {
        for (uint32_t i = first; i < first + n; i++) {
            l->newest[i] = 0;
            l->maybe_zero[i] = true;
            l->zeroed[i] = l->step;
        }
        if (what == 1)
            return l->img ? l->img->ops->discard(l->img, first * 512ull, n * 512ull) : 0;
        return l->img ? image_write_zeroes(l->img, first * 512ull, n * 512ull, below(&l->rng, 2))
                      : (below(&l->rng, 2), 0);
    }
    l->serial++;
    for (uint32_t i = 0; i < n; i++) {
        l->newest[first + i] = l->serial;
        stamp(buf + i * 512, first + i, l->serial);
    }
    if (l->img)
        err = image_write(l->img, first * 512ull, buf, n * 512ull);
    return err;
}

/* A flush that came back: what was newest is safe. A discard may have left the old data. */
static void load_acknowledge(struct load *l)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        if (l->newest[i]) {
            l->safe[i] = l->newest[i];
            l->maybe_zero[i] = false;
        }
    }
}

/* What a reader finds in the image at `img`. */
static void load_verify(const struct load *l, struct image *img)
{
    g_autofree uint8_t *got = g_malloc(DISK_BYTES);
    uint32_t serial;

    assert_int_equal(image_read(img, 0, got, DISK_BYTES), 0);
    for (uint32_t i = l->first; i < l->first + l->sectors; i++) {
        if (!read_stamp(got + i * 512ull, i, &serial))
            fail_msg("sector %u is torn or another one's", i);
        if (serial > l->serial)
            fail_msg("sector %u is from the future: %u", i, serial);
        if (serial == 0 ? !l->maybe_zero[i] : serial < l->safe[i])
            fail_msg("sector %u lost what a flush acknowledged: %u, not %u", i, serial, l->safe[i]);
    }
}

/* ---- kill -9 ---- */

static const char *const layouts[] = {
    "-o cluster_size=512",
    "-o cluster_size=4096",
    "-o cluster_size=65536",
    "-o cluster_size=65536,compat=0.10",
    "-o cluster_size=1024,refcount_bits=1",
    "-o cluster_size=2M,lazy_refcounts=on",
};

#define THREADS 4

struct writer {
    struct load l;
    unsigned part;
    int out;
};

struct acknowledgement {
    uint32_t part, step;
};

static void *writer_thread(void *opaque)
{
    struct writer *w = opaque;

    for (;;) {
        struct acknowledgement ack = { w->part, w->l.step + 1 };
        bool flush;

        if (load_step(&w->l, &flush))
            _exit(3);
        if (flush && write(w->out, &ack, sizeof(ack)) != sizeof(ack))
            _exit(4);
    }
    return NULL;
}

static void writer_process(const char *name, uint64_t seed, unsigned threads, int out)
{
    static struct writer w[THREADS];
    struct image *img = open_image(name, "discard=unmap", "l2-cache-size=16k", NULL);
    pthread_t thread;

    for (unsigned i = 0; i < threads; i++) {
        load_init(&w[i].l, seed, i, threads);
        w[i].l.img = img;
        w[i].part = i;
        w[i].out = out;
        if (i > 0 && pthread_create(&thread, NULL, writer_thread, &w[i]))
            _exit(5);
    }
    writer_thread(&w[0]);
}

/* The last acknowledged steps of its threads. */
static void run_and_kill(const char *name, uint64_t seed, unsigned threads, unsigned after_us,
                         uint32_t last[THREADS])
{
    struct acknowledgement ack;
    int pipes[2], status;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        writer_process(name, seed, threads, pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    g_usleep(after_us);
    kill(pid, SIGKILL);
    memset(last, 0, THREADS * sizeof(last[0]));
    while (read(pipes[0], &ack, sizeof(ack)) == sizeof(ack))
        last[ack.part] = ack.step;
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the writer ended by itself: status 0x%x", status);
}

/* The same steps without an image, with what may be known of them. */
static void replay_knowledge(struct load *l, uint32_t acknowledged)
{
    for (uint32_t step = 1; step <= acknowledged; step++) {
        bool flush;

        load_step(l, &flush);
        if (flush)
            load_acknowledge(l);
    }
    for (unsigned more = 0; more < 20000; more++) { /* what it may have done after that */
        bool flush;

        load_step(l, &flush);
    }
}

static unsigned kill_once(unsigned i, unsigned threads, uint64_t *rng)
{
    uint64_t seed = from_env("QCOW2_SEED", 1) * 100000ull + i;
    uint32_t last[THREADS];
    struct image *img;
    unsigned flushed = 0;

    must("rm -f a.qcow2 && qemu-img create -q -f qcow2 %s a.qcow2 %u",
         layouts[i % G_N_ELEMENTS(layouts)], DISK_BYTES);
    run_and_kill("a.qcow2", seed, threads, (unsigned)(20000 + below(rng, 200000)), last);
    expect_no_corruption("a.qcow2");
    img = open_image("a.qcow2", "read-only=on", NULL);
    for (unsigned part = 0; part < threads; part++) {
        struct load l;

        flushed |= last[part] > 0;
        load_init(&l, seed, part, threads);
        replay_knowledge(&l, last[part]);
        load_verify(&l, img);
        load_clear(&l);
    }
    image_unref(img);
    return flushed;
}

static void test_kill(void **state)
{
    unsigned rounds = from_env("QCOW2_KILLS", 20), flushed = 0;
    uint64_t rng = 4711;

    (void)state;
    for (unsigned i = 0; i < rounds; i++)
        flushed += kill_once(i, i % 2 ? THREADS : 1, &rng);
    print_message("%u kills, %u of them after a flush\n", rounds, flushed);
    assert_true(flushed > rounds / 2); /* else it shows nothing */
}

/* ---- power cut ---- */

static struct mem *new_mem_image(unsigned cluster, unsigned refcount_bits, unsigned version)
{
    struct mem *m = mem_new(NULL, 0);
    GError *error = NULL;

    if (!qcow2_create(&m->img,
                      &(struct qcow2_create_options){ .bytes = DISK_BYTES, .cluster_bytes = cluster,
                                                      .refcount_bits = refcount_bits,
                                                      .version = version }, &error))
        fail_msg("%s", error->message);
    return m;
}

/* A flush's place in the log, and what was known when it came back. */
struct mark {
    guint ops;
    struct load known;
};

/* A thread's load, and its flushes. */
struct part {
    struct load l;
    struct mem *m;
    GArray *marks; /* of struct mark */
    unsigned steps;
};

static void copy_load(struct load *to, const struct load *from)
{
    *to = *from;
    to->newest = g_memdup2(from->newest, SECTORS * 4);
    to->safe = g_memdup2(from->safe, SECTORS * 4);
    to->maybe_zero = g_memdup2(from->maybe_zero, SECTORS);
    to->zeroed = g_memdup2(from->zeroed, SECTORS * 4);
}

static void apply_op(struct mem *m, const struct mem_op *op)
{
    struct iovec iov = { op->data, op->bytes };

    if (op->bytes)
        assert_int_equal(mem_write(&m->img, op->off, &iov, 1, false), 0);
}

/*
 * The image after a cut before op `end`: all up to the last sync before it, of the later ones those that
 * `rng` picks (none: a plain prefix is wanted).
 */
static struct mem *cut(const void *base, uint64_t base_bytes, const GArray *log, guint end,
                       uint64_t *rng)
{
    struct mem *m = mem_new(base, base_bytes);
    guint sync = 0;

    for (guint i = 0; i < end; i++) {
        if (!g_array_index(log, struct mem_op, i).bytes)
            sync = i;
    }
    for (guint i = 0; i < end; i++) {
        if (i < sync || !rng || below(rng, 2))
            apply_op(m, &g_array_index(log, struct mem_op, i));
    }
    return m;
}

/* The last of its flushes that came back before the cut. A sector zeroed after it may be zero. */
static void known_at(const struct part *p, guint end, struct load *known)
{
    const struct mark *last = &g_array_index(p->marks, struct mark, 0);

    for (guint k = 0; k < p->marks->len && g_array_index(p->marks, struct mark, k).ops <= end; k++)
        last = &g_array_index(p->marks, struct mark, k);
    copy_load(known, &last->known);
    known->serial = p->l.serial;
    for (uint32_t s = 0; s < SECTORS; s++)
        known->maybe_zero[s] |= p->l.zeroed[s] > known->step;
}

/* No corruption by our own count, sometimes the oracle's, and what was acknowledged is there. */
static void verify_cut(struct mem *m, const struct part *parts, unsigned threads, guint end,
                       bool oracle)
{
    struct qcow2_check_result result;
    GError *error = NULL;
    struct image *img;

    if (oracle) {
        g_autofree char *path = path_of("cut.qcow2");

        assert_true(g_file_set_contents(path, (char *)m->data, (gssize)m->img.bytes, NULL));
        expect_no_corruption("cut.qcow2");
    }
    img = mem_open(m, false, true, NULL, &error); /* for writing: overlapping tables are refused */
    if (!img)
        fail_msg("%s", error->message);
    assert_int_equal(qcow2_check(img, false, &result), 0);
    if (result.corruptions)
        fail_msg("%" PRIu64 " corruptions", result.corruptions);
    for (unsigned i = 0; i < threads; i++) {
        struct load known;

        known_at(&parts[i], end, &known);
        load_verify(&known, img);
        load_clear(&known);
    }
    image_unref(img);
}

static void add_mark(struct part *p)
{
    struct mark mark;

    pthread_mutex_lock(&p->m->lock);
    mark.ops = p->m->log->len;
    pthread_mutex_unlock(&p->m->lock);
    copy_load(&mark.known, &p->l);
    g_array_append_val(p->marks, mark);
}

static void *run_part(void *opaque)
{
    struct part *p = opaque;

    for (unsigned i = 0; i < p->steps; i++) {
        bool flush;

        if (load_step(&p->l, &flush))
            return p;
        if (flush) {
            load_acknowledge(&p->l);
            add_mark(p);
        }
    }
    return NULL;
}

static void run_parts(struct mem *m, struct part *parts, unsigned threads, uint64_t seed)
{
    pthread_t thread[THREADS];
    struct image *img;

    m->record = true;
    image_ref(&m->img);
    img = mem_open(m, false, true, NULL, NULL);
    for (unsigned i = 0; i < threads; i++) {
        struct part *p = &parts[i];

        *p = (struct part){ .m = m, .steps = 300 };
        p->marks = g_array_new(FALSE, FALSE, sizeof(struct mark));
        load_init(&p->l, seed, i, threads);
        p->l.img = img;
        add_mark(p);
        g_array_index(p->marks, struct mark, 0).ops = 0;
        assert_int_equal(pthread_create(&thread[i], NULL, run_part, p), 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        void *failed;

        pthread_join(thread[i], &failed);
        assert_null(failed);
        assert_true(parts[i].marks->len > 2);
    }
    image_unref(img);
}

static void power_cuts(unsigned cluster, unsigned refcount_bits, unsigned version, unsigned threads,
                       uint64_t seed)
{
    struct mem *m = new_mem_image(cluster, refcount_bits, version);
    uint64_t base_bytes = m->img.bytes, rng = seed * 77 + 5;
    g_autofree void *base = g_memdup2(m->data, base_bytes);
    unsigned cuts = from_env("QCOW2_CUTS", 400);
    struct part parts[THREADS];

    run_parts(m, parts, threads, seed);
    for (unsigned i = 0; i < cuts; i++) {
        guint end = (guint)below(&rng, m->log->len + 1);

        verify_cut(cut(base, base_bytes, m->log, end, i % 4 ? &rng : NULL), parts, threads, end,
                   i % 64 == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        for (guint k = 0; k < parts[i].marks->len; k++)
            load_clear(&g_array_index(parts[i].marks, struct mark, k).known);
        g_array_free(parts[i].marks, TRUE);
        load_clear(&parts[i].l);
    }
    image_unref(&m->img);
}

static void test_power_cut_512(void **state)
{
    (void)state;
    power_cuts(512, 16, 3, 1, 1);
    power_cuts(512, 64, 3, 1, 2);
}

static void test_power_cut_4096(void **state)
{
    (void)state;
    power_cuts(4096, 16, 3, 1, 3);
    power_cuts(4096, 1, 3, 1, 4);
    power_cuts(4096, 16, 2, 1, 5);
}

static void test_power_cut_64k(void **state)
{
    (void)state;
    power_cuts(65536, 16, 3, 1, 6);
}

static void test_power_cut_threads(void **state)
{
    (void)state;
    power_cuts(512, 16, 3, THREADS, 7);
    power_cuts(4096, 16, 3, THREADS, 8);
    power_cuts(65536, 16, 3, THREADS, 9);
}

/* ---- failing files ---- */

/* The n-th write or sync fails: an error comes back, nothing that a later flush acknowledges is lost. */
static void fault_at(unsigned cluster, uint64_t n)
{
    struct mem *m = new_mem_image(cluster, 16, 3);
    struct qcow2_check_result result;
    struct load l;
    struct image *img;

    load_init(&l, n, 0, 1);
    image_ref(&m->img);
    img = l.img = mem_open(m, false, true, NULL, NULL);
    m->ops = 0;
    m->fail_at = n;
    for (unsigned i = 0; i < 150; i++) {
        bool flush;
        int err = load_step(&l, &flush);

        assert_true(err == 0 || err == EIO);
        if (flush && !err)
            load_acknowledge(&l);
    }
    image_unref(img);
    m->fail_at = 0;
    img = mem_open(m, false, true, NULL, NULL);
    assert_non_null(img);
    assert_int_equal(qcow2_check(img, false, &result), 0);
    assert_int_equal(result.corruptions, 0);
    image_unref(img);
    load_clear(&l);
}

static void test_faults(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 120; n++) {
        fault_at(512, n);
        fault_at(4096, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kill, empty_dir),
        cmocka_unit_test_setup(test_power_cut_512, empty_dir),
        cmocka_unit_test_setup(test_power_cut_4096, empty_dir),
        cmocka_unit_test_setup(test_power_cut_64k, empty_dir),
        cmocka_unit_test_setup(test_power_cut_threads, empty_dir),
        cmocka_unit_test_setup(test_faults, empty_dir),
    };

    if (!have_oracle()) {
        puts("no qemu-img: apt-get install qemu-utils");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
