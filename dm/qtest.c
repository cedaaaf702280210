/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/qtest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chardev/chardev.h"
#include "dm/irq.h"
#include "ioreq/ioreq.h"

#define MAX_LINE_BYTES (34u * 1024 * 1024) /* a write of 16 MiB in hexadecimal */
#define MAX_DATA_BYTES (16u * 1024 * 1024)
#define MAX_OUTPUT_BYTES (64u * 1024 * 1024)
#define MAX_WORDS 6
#define CHUNK_BYTES 65536u

struct qtest {
    struct chardev *chr;
    struct qtest_machine machine;
    struct io_reader reader;
    GString *input, *output;
    FILE *log;
    gint64 started_us;
    bool intercept, running;
    uint32_t pin_held; /* set_irq_in: which lines this client holds up */
    struct irq_pin pins[IRQ_GSIS];
};

/* ---- output ---- */

static void flush_output(struct qtest *q)
{
    size_t n = chardev_write(q->chr, q->output->str, q->output->len);

    g_string_erase(q->output, 0, (gssize)n);
}

static void log_line(struct qtest *q, char kind, const char *text)
{
    if (q->log)
        fprintf(q->log, "[%c +%.6f] %s\n", kind,
                (double)(g_get_monotonic_time() - q->started_us) / 1e6, text);
}

static void send_line(struct qtest *q, const char *text)
{
    log_line(q, 'S', text);
    if (q->output->len > MAX_OUTPUT_BYTES)
        return; /* a client that does not read gets a gap, not our memory */
    g_string_append(q->output, text);
    g_string_append_c(q->output, '\n');
    flush_output(q);
}

static void reply(struct qtest *q, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void reply(struct qtest *q, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    send_line(q, text);
}

void qtest_irq(void *opaque, unsigned gsi, bool level)
{
    struct qtest *q = opaque;

    if (q->intercept)
        reply(q, "IRQ %s %u", level ? "raise" : "lower", gsi);
}

/* ---- words ---- */

static bool number(const char *word, uint64_t *value)
{
    char *end;

    if (!word || !g_ascii_isxdigit(word[0]))
        return false;
    errno = 0;
    *value = g_ascii_strtoull(word, &end, 0);
    return !errno && !*end;
}

static int hex_digit(char c)
{
    return g_ascii_xdigit_value(c);
}

/* "0x0102" to bytes; false unless it is exactly `size` bytes or more. */
static bool hex_bytes(const char *word, uint8_t *out, size_t size)
{
    if (!word || word[0] != '0' || word[1] != 'x' || strlen(word + 2) < size * 2)
        return false;
    word += 2;
    for (size_t i = 0; i < size; i++) {
        int hi = hex_digit(word[2 * i]), lo = hex_digit(word[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

/* ---- accesses ---- */

static void access_one(struct qtest *q, unsigned space, unsigned dir, uint64_t addr, unsigned size,
                       void *data, uint32_t count)
{
    struct ioreq req = {
        .addr = addr,
        .data = data,
        .count = count,
        .size = (uint8_t)size,
        .space = (uint8_t)space,
        .dir = (uint8_t)dir,
        .source = IOREQ_SOURCE_QTEST,
    };

    iomap_dispatch(q->machine.iomap, &q->reader, &req);
}

/* Anything: RAM in chunks, the rest as accesses of natural size and alignment. */
static void access_range(struct qtest *q, unsigned dir, uint64_t addr, uint8_t *data, size_t size)
{
    while (size) {
        size_t n = MIN(size, CHUNK_BYTES);
        bool whole = dir == IO_READ ? dma_read(&q->machine.dma, addr, data, n)
                                    : dma_write(&q->machine.dma, addr, data, n);

        for (size_t i = 0; !whole && i < n;) {
            size_t piece = 8;

            while (piece > n - i || ((addr + i) & (piece - 1)))
                piece >>= 1;
            access_one(q, IO_MEM, dir, addr + i, (unsigned)piece, data + i, 1);
            i += piece;
        }
        addr += n;
        data += n;
        size -= n;
    }
}

static unsigned size_of_suffix(char c)
{
    return c == 'b' ? 1 : c == 'w' ? 2 : c == 'l' ? 4 : 8;
}

static void do_in(struct qtest *q, char **w)
{
    uint64_t port, value = 0;

    if (!number(w[1], &port) || port > 0xffff) {
        reply(q, "FAIL %s takes a port", w[0]);
        return;
    }
    access_one(q, IO_PORT, IO_READ, port, size_of_suffix(w[0][2]), &value, 1);
    reply(q, "OK 0x%04x", (unsigned)value);
}

static void do_out(struct qtest *q, char **w)
{
    uint64_t port, value;

    if (!number(w[1], &port) || port > 0xffff || !number(w[2], &value)) {
        reply(q, "FAIL %s takes a port and a value", w[0]);
        return;
    }
    access_one(q, IO_PORT, IO_WRITE, port, size_of_suffix(w[0][3]), &value, 1);
    reply(q, "OK");
}

/* Our own: insb/insw/insl PORT COUNT -> OK 0xBYTES, as `rep insw` would fetch them. */
static void do_ins(struct qtest *q, char **w)
{
    unsigned size = size_of_suffix(w[0][3]);
    g_autoptr(GString) text = g_string_new("OK 0x");
    g_autofree uint8_t *data = NULL;
    uint64_t port, count;

    if (!number(w[1], &port) || port > 0xffff || !number(w[2], &count) || !count ||
        count > MAX_DATA_BYTES / size) {
        reply(q, "FAIL %s takes a port and a count", w[0]);
        return;
    }
    data = g_malloc0(count * size);
    access_one(q, IO_PORT, IO_READ, port, size, data, (uint32_t)count);
    for (size_t i = 0; i < count * size; i++)
        g_string_append_printf(text, "%02x", data[i]);
    send_line(q, text->str);
}

/* Our own: outsb/outsw/outsl PORT COUNT 0xBYTES. */
static void do_outs(struct qtest *q, char **w)
{
    unsigned size = size_of_suffix(w[0][4]);
    g_autofree uint8_t *data = NULL;
    uint64_t port, count;

    if (!number(w[1], &port) || port > 0xffff || !number(w[2], &count) || !count ||
        count > MAX_DATA_BYTES / size) {
        reply(q, "FAIL %s takes a port, a count and data", w[0]);
        return;
    }
    data = g_malloc0(count * size);
    if (!hex_bytes(w[3], data, count * size)) {
        reply(q, "FAIL %s: not enough data", w[0]);
        return;
    }
    access_one(q, IO_PORT, IO_WRITE, port, size, data, (uint32_t)count);
    reply(q, "OK");
}

static void do_read_sized(struct qtest *q, char **w)
{
    uint64_t addr, value = 0;

    if (!number(w[1], &addr)) {
        reply(q, "FAIL %s takes an address", w[0]);
        return;
    }
    access_one(q, IO_MEM, IO_READ, addr, size_of_suffix(w[0][4]), &value, 1);
    reply(q, "OK 0x%016llx", (unsigned long long)value);
}

static void do_write_sized(struct qtest *q, char **w)
{
    uint64_t addr, value;

    if (!number(w[1], &addr) || !number(w[2], &value)) {
        reply(q, "FAIL %s takes an address and a value", w[0]);
        return;
    }
    access_one(q, IO_MEM, IO_WRITE, addr, size_of_suffix(w[0][5]), &value, 1);
    reply(q, "OK");
}

/* Address and size of a block command; false after a FAIL. */
static bool block_range(struct qtest *q, char **w, uint64_t *addr, uint64_t *size)
{
    if (number(w[1], addr) && number(w[2], size) && *size <= MAX_DATA_BYTES &&
        *size <= UINT64_MAX - *addr)
        return true;
    reply(q, "FAIL %s takes an address and a size of at most %u bytes", w[0], MAX_DATA_BYTES);
    return false;
}

static void do_read(struct qtest *q, char **w)
{
    g_autoptr(GString) text = NULL;
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;

    if (!block_range(q, w, &addr, &size))
        return;
    data = g_malloc0(size + 1);
    access_range(q, IO_READ, addr, data, size);
    text = g_string_sized_new(size * 2 + 8);
    g_string_append(text, "OK 0x");
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", data[i]);
    send_line(q, text->str);
}

static void do_write(struct qtest *q, char **w)
{
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;

    if (!block_range(q, w, &addr, &size))
        return;
    data = g_malloc0(size + 1);
    if (!hex_bytes(w[3], data, size)) {
        reply(q, "FAIL write: not enough data");
        return;
    }
    access_range(q, IO_WRITE, addr, data, size);
    reply(q, "OK");
}

static void do_b64read(struct qtest *q, char **w)
{
    g_autofree uint8_t *data = NULL;
    g_autofree char *text = NULL;
    uint64_t addr, size;

    if (!block_range(q, w, &addr, &size))
        return;
    data = g_malloc0(size + 1);
    access_range(q, IO_READ, addr, data, size);
    text = g_base64_encode(data, size);
    reply(q, "OK %s", text);
}

static void do_b64write(struct qtest *q, char **w)
{
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;
    gsize decoded = 0;

    if (!block_range(q, w, &addr, &size))
        return;
    data = w[3] ? g_base64_decode(w[3], &decoded) : NULL;
    if (!data || decoded != size) {
        reply(q, "FAIL b64write: data of another size");
        return;
    }
    access_range(q, IO_WRITE, addr, data, size);
    reply(q, "OK");
}

static void do_memset(struct qtest *q, char **w)
{
    g_autofree uint8_t *data = g_malloc(CHUNK_BYTES);
    uint64_t addr, size, value;

    if (!number(w[1], &addr) || !number(w[2], &size) || !number(w[3], &value) ||
        size > 4ull << 30 || size > UINT64_MAX - addr) {
        reply(q, "FAIL memset takes an address, a size of at most 4 GiB and a value");
        return;
    }
    memset(data, (int)value, CHUNK_BYTES);
    while (size) {
        size_t n = MIN(size, CHUNK_BYTES);

        access_range(q, IO_WRITE, addr, data, n);
        addr += n;
        size -= n;
    }
    reply(q, "OK");
}

/* ---- clock and lines ---- */

static void let_completions_run(void)
{
    /* What a back end has finished by now belongs before the time that follows. */
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void step_to(struct qtest *q, int64_t ns)
{
    let_completions_run();
    vclock_step(q->machine.clock, ns);
    reply(q, "OK %lld", (long long)vclock_now_ns(q->machine.clock));
}

/* Without a number: to the next timer, as QEMU's does. */
static void do_clock_step(struct qtest *q, char **w)
{
    int64_t now = vclock_now_ns(q->machine.clock), next = vclock_next_ns(q->machine.clock);
    uint64_t ns = next > now ? (uint64_t)(next - now) : 0;

    if (w[1] && (!number(w[1], &ns) || ns > (uint64_t)(INT64_MAX - now))) {
        reply(q, "FAIL clock_step takes nanoseconds");
        return;
    }
    step_to(q, now + (int64_t)ns);
}

static void do_clock_set(struct qtest *q, char **w)
{
    uint64_t ns;

    if (!number(w[1], &ns) || ns > INT64_MAX) {
        reply(q, "FAIL clock_set takes nanoseconds");
        return;
    }
    step_to(q, (int64_t)ns);
}

static void do_intercept(struct qtest *q, char **w)
{
    if (!w[1]) {
        reply(q, "FAIL %s takes a path", w[0]);
        return;
    }
    /* There is one set of lines: what arrives at the I/O APIC. */
    if (strcmp(w[1], "ioapic") && !g_str_has_suffix(w[1], "/ioapic")) {
        reply(q, "FAIL Unknown device '%s': only the lines of ioapic can be watched", w[1]);
        return;
    }
    q->intercept = true;
    reply(q, "OK");
}

static void do_set_irq_in(struct qtest *q, char **w)
{
    uint64_t line, level;

    if (!number(w[3], &line) || !number(w[4], &level) || line >= IRQ_GSIS || !q->machine.irq) {
        reply(q, "FAIL set_irq_in takes a path, a name, a line and a level");
        return;
    }
    if (strcmp(w[1], "ioapic") && !g_str_has_suffix(w[1], "/ioapic")) {
        reply(q, "FAIL Unknown device '%s': only lines of ioapic can be set", w[1]);
        return;
    }
    if (!(q->pin_held & 1u << line)) {
        q->pins[line] = irq_fabric_pin(q->machine.irq, (unsigned)line);
        q->pin_held |= 1u << line;
    }
    irq_pin_set(&q->pins[line], level != 0);
    reply(q, "OK");
}

static void do_endianness(struct qtest *q, char **w)
{
    (void)w;
    reply(q, "OK little");
}

static void do_module_load(struct qtest *q, char **w)
{
    (void)w;
    reply(q, "FAIL there are no modules to load");
}

static const struct {
    const char *name;
    void (*run)(struct qtest *q, char **words);
} commands[] = {
    {"inb", do_in}, {"inw", do_in}, {"inl", do_in},
    {"outb", do_out}, {"outw", do_out}, {"outl", do_out},
    {"insb", do_ins}, {"insw", do_ins}, {"insl", do_ins},
    {"outsb", do_outs}, {"outsw", do_outs}, {"outsl", do_outs},
    {"readb", do_read_sized}, {"readw", do_read_sized},
    {"readl", do_read_sized}, {"readq", do_read_sized},
    {"writeb", do_write_sized}, {"writew", do_write_sized},
    {"writel", do_write_sized}, {"writeq", do_write_sized},
    {"read", do_read}, {"write", do_write},
    {"b64read", do_b64read}, {"b64write", do_b64write},
    {"memset", do_memset}, {"endianness", do_endianness},
    {"clock_step", do_clock_step}, {"clock_set", do_clock_set},
    {"irq_intercept_in", do_intercept}, {"irq_intercept_out", do_intercept},
    {"set_irq_in", do_set_irq_in}, {"module_load", do_module_load},
};

static void run_line(struct qtest *q, char *line)
{
    char *words[MAX_WORDS + 1] = {NULL}, *save = NULL;
    unsigned n = 0;

    log_line(q, 'R', line);
    for (char *w = strtok_r(line, " \t\r", &save); w && n < MAX_WORDS; w = strtok_r(NULL, " \t\r", &save))
        words[n++] = w;
    if (!n)
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(words[0], commands[i].name)) {
            commands[i].run(q, words);
            return;
        }
    }
    reply(q, "FAIL Unknown command '%.40s'", words[0]);
}

/* ---- input ---- */

static size_t can_receive(void *opaque)
{
    struct qtest *q = opaque;

    return q->output->len > MAX_OUTPUT_BYTES / 2 ? 0 : CHUNK_BYTES;
}

/* A command may run the main loop, and more input may arrive meanwhile: it waits its turn. */
static void run_lines(struct qtest *q)
{
    if (q->running)
        return;
    q->running = true;
    while (memchr(q->input->str, '\n', q->input->len)) {
        g_autoptr(GString) input = q->input;
        char *start = input->str, *end;

        q->input = g_string_new(NULL);
        while ((end = memchr(start, '\n', input->len - (size_t)(start - input->str)))) {
            *end = 0;
            run_line(q, start);
            start = end + 1;
        }
        g_string_prepend_len(q->input, start, (gssize)(input->len - (size_t)(start - input->str)));
    }
    q->running = false;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct qtest *q = opaque;

    if (q->input->len + len > MAX_LINE_BYTES) {
        g_string_truncate(q->input, 0);
        reply(q, "FAIL line too long");
        return;
    }
    g_string_append_len(q->input, (const char *)buf, (gssize)len);
    if (memchr(buf, '\n', len))
        run_lines(q);
}

static void event(void *opaque, enum chardev_event what)
{
    struct qtest *q = opaque;

    if (what == CHARDEV_OPENED) {
        q->intercept = false;
        g_string_truncate(q->input, 0);
        g_string_truncate(q->output, 0);
    } else if (what == CHARDEV_CLOSED) {
        q->machine.closed(q->machine.opaque);
    }
}

static void writable(void *opaque)
{
    struct qtest *q = opaque;

    flush_output(q);
    chardev_accept_input(q->chr);
}

struct qtest *qtest_new(struct chardev *chr, const struct qtest_machine *machine,
                        const char *log_path, GError **error)
{
    static const struct chardev_fe_ops ops = {can_receive, receive, event, writable};
    struct qtest *q;
    FILE *log = NULL;

    if (log_path) {
        log = fopen(log_path, "we");
        if (!log) {
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                        "-qtest-log: cannot write %s: %s", log_path, g_strerror(errno));
            return NULL;
        }
        setvbuf(log, NULL, _IOLBF, 0);
    }
    q = g_new0(struct qtest, 1);
    q->chr = chr;
    q->machine = *machine;
    q->log = log;
    q->started_us = g_get_monotonic_time();
    q->input = g_string_new(NULL);
    q->output = g_string_new(NULL);
    iomap_reader_add(machine->iomap, &q->reader);
    chardev_attach(chr, &ops, q, NULL);
    return q;
}

void qtest_free(struct qtest *q)
{
    if (!q)
        return;
    chardev_attach(q->chr, NULL, NULL, NULL);
    iomap_reader_remove(q->machine.iomap, &q->reader);
    if (q->log)
        fclose(q->log);
    g_string_free(q->input, TRUE);
    g_string_free(q->output, TRUE);
    g_free(q);
}
