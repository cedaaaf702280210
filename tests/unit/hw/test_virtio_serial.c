/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial ports over virtio: the control queues' machine, data both ways, flow, and guests that lie. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/serial.h"
#include "tests/fakes/fake_chardev.h"
#include "tests/fakes/fake_virtio.h"

#define F_MULTIPORT (1ull << 1)
#define F_EMERG (1ull << 2)
enum { CONTROL_RX = 2, CONTROL_TX = 3 };
enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
enum { CONSOLE = 0, AGENT = 1, NOBODY = 2, PORTS = 4, QUEUES = 2 * (PORTS + 1) };
#define RX(nr) ((nr) ? 2 * (nr) + 2 : 0)
#define TX(nr) (RX(nr) + 1)
#define AGENT_NAME "org.qemu.guest_agent.0"
#define MESSAGES (FVD_DATA)            /* buffers of 64 bytes for what the device says */
#define COMMAND (FVD_DATA + 0x10000)
#define DATA (FVD_DATA + 0x20000)
#define IN (FVD_DATA + 0x100000)
#define IN_BYTES 256

struct world {
    struct fake_virtio f;
    struct chardev *console, *agent;
    unsigned changes[PORTS], buffers, seen, in_made, in_seen;
};

static void changed(void *opaque, unsigned nr)
{
    ((struct world *)opaque)->changes[nr]++;
}

static struct world *make(unsigned ports)
{
    struct world *w = calloc(1, sizeof(*w));
    struct virtio_serial_config cfg = {.ports = ports, .emergency_write = true, .changed = changed, .opaque = w};
    char why[200];

    w->console = fake_chardev_new("console", true);
    w->agent = fake_chardev_new("agent", false);
    cfg.port[CONSOLE] = (struct virtio_serial_port_config){true, true, "", w->console};
    if (ports > 1) {
        cfg.port[AGENT] = (struct virtio_serial_port_config){true, false, AGENT_NAME, w->agent};
        cfg.port[NOBODY] = (struct virtio_serial_port_config){true, false, "", NULL};
    }
    fvd_init(&w->f);
    w->f.dev = virtio_serial_new(w->f.bus, FVD_DEVFN, &w->f.fe->env, "serial0", &cfg, why, sizeof(why));
    assert_non_null(w->f.dev);
    fvd_open(&w->f);
    return w;
}

static void unmake(struct world *w)
{
    fvd_free(&w->f);
    assert_false(fake_chardev_attached(w->console));
    fake_chardev_free(w->console);
    fake_chardev_free(w->agent);
    free(w);
}

static uint8_t *ram(struct world *w, uint64_t gpa)
{
    return w->f.fe->ram + gpa;
}

/* ---- a driver ---- */

static void offer_messages(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct fv_buf buf = {MESSAGES + 64 * (w->buffers++ % 32), 64, true};

        fv_add(&w->f.q[CONTROL_RX], &buf, 1, 0);
    }
    fvd_kick(&w->f, CONTROL_RX);
}

static void start(struct world *w, uint64_t features)
{
    fvd_start(&w->f, true, features, QUEUES, 32);
    w->buffers = w->seen = w->in_made = w->in_seen = 0;
}

/* The device's next message; false: there is none. */
static bool message(struct world *w, uint32_t *port, uint16_t *event, uint16_t *value, char *name)
{
    const uint8_t *at = ram(w, MESSAGES + 64 * (w->seen % 32));
    uint32_t head, written;

    if (!fv_used(&w->f.q[CONTROL_RX], &head, &written))
        return false;
    assert_true(written >= 8);
    memcpy(port, at, 4);
    memcpy(event, at + 4, 2);
    memcpy(value, at + 6, 2);
    memcpy(name, at + 8, written - 8);
    name[written - 8] = 0;
    w->seen++;
    return true;
}

static void expect(struct world *w, uint32_t port, uint16_t event, uint16_t value, const char *name)
{
    uint32_t its_port;
    uint16_t its_event, its_value;
    char its_name[64];

    assert_true(message(w, &its_port, &its_event, &its_value, its_name));
    assert_int_equal(its_port, port);
    assert_int_equal(its_event, event);
    assert_int_equal(its_value, value);
    assert_string_equal(its_name, name);
}

static void expect_silence(struct world *w)
{
    uint32_t head, written;

    assert_false(fv_used(&w->f.q[CONTROL_RX], &head, &written));
}

/* Whether anyone listens or not. */
static void mutter(struct world *w, uint32_t port, uint16_t event, uint16_t value)
{
    const struct fv_buf buf = {COMMAND, 8, false};

    memcpy(ram(w, COMMAND), &port, 4);
    memcpy(ram(w, COMMAND + 4), &event, 2);
    memcpy(ram(w, COMMAND + 6), &value, 2);
    fv_add(&w->f.q[CONTROL_TX], &buf, 1, 0);
    fvd_kick(&w->f, CONTROL_TX);
}

static void say(struct world *w, uint32_t port, uint16_t event, uint16_t value)
{
    uint32_t head, written;

    mutter(w, port, event, value);
    assert_true(fv_used(&w->f.q[CONTROL_TX], &head, &written));
    assert_int_equal(written, 0);
}

/* As Linux does it, up to the agent's port being open. */
static struct world *started(void)
{
    struct world *w = make(PORTS);

    start(w, F_MULTIPORT);
    offer_messages(w, 16);
    say(w, UINT32_MAX, DEVICE_READY, 1);
    expect(w, CONSOLE, DEVICE_ADD, 1, "");
    expect(w, AGENT, DEVICE_ADD, 1, "");
    expect(w, NOBODY, DEVICE_ADD, 1, "");
    say(w, CONSOLE, PORT_READY, 1);
    expect(w, CONSOLE, CONSOLE_PORT, 1, "");
    expect(w, CONSOLE, PORT_OPEN, 1, "");
    say(w, AGENT, PORT_READY, 1);
    expect(w, AGENT, PORT_NAME, 1, AGENT_NAME);
    say(w, NOBODY, PORT_READY, 1);
    expect_silence(w);
    say(w, CONSOLE, PORT_OPEN, 1);
    say(w, AGENT, PORT_OPEN, 1);
    fake_chardev_event(w->agent, CHARDEV_OPENED);
    expect(w, AGENT, PORT_OPEN, 1, "");
    expect_silence(w);
    return w;
}

static void put(struct world *w, unsigned nr, const void *bytes, uint32_t count)
{
    const struct fv_buf bufs[] = {{DATA, count / 2, false}, {DATA + count / 2, count - count / 2, false}};

    memcpy(ram(w, DATA), bytes, count);
    fv_add(&w->f.q[TX(nr)], count > 1 ? bufs : bufs + 1, count > 1 ? 2 : 1, 0);
    fvd_kick(&w->f, TX(nr));
}

static bool taken(struct world *w, unsigned nr)
{
    uint32_t head, written;

    return fv_used(&w->f.q[TX(nr)], &head, &written) && written == 0;
}

static void offer_in(struct world *w, unsigned nr, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct fv_buf buf = {IN + IN_BYTES * (w->in_made++ % 64), IN_BYTES, true};

        fv_add(&w->f.q[RX(nr)], &buf, 1, 0);
    }
    fvd_kick(&w->f, RX(nr));
}

/* What has come into the offered buffers. */
static size_t got(struct world *w, unsigned nr, char *to)
{
    uint32_t head, written;
    size_t sum = 0;

    while (fv_used(&w->f.q[RX(nr)], &head, &written)) {
        memcpy(to + sum, ram(w, IN + IN_BYTES * (w->in_seen++ % 64)), written);
        sum += written;
    }
    to[sum] = 0;
    return sum;
}

/* ---- the function ---- */

static void ids_and_features(void **state)
{
    struct world *w = make(PORTS);

    (void)state;
    assert_int_equal(fvd_config(&w->f, 0, 4), 0x10031af4);
    assert_int_equal(fvd_config(&w->f, 0x2c, 4), 0x00031af4);
    assert_int_equal(fvd_config(&w->f, 8, 4) >> 8, 0x078000);
    w->f.modern = true;
    assert_int_equal(fvd_offered(&w->f) & 7, F_MULTIPORT | F_EMERG);
    assert_int_equal(fvd_common(&w->f, 0x12, 2), QUEUES);
    assert_int_equal(fvd_device_config(&w->f, 4, 4), PORTS);
    unmake(w);
    w = make(VIRTIO_SERIAL_PORTS);
    w->f.modern = true;
    assert_int_equal(fvd_common(&w->f, 0x12, 2), 32);
    assert_int_equal(fvd_device_config(&w->f, 4, 4), VIRTIO_SERIAL_PORTS);
    unmake(w);
    w = make(1);
    w->f.modern = true;
    assert_int_equal(fvd_offered(&w->f) & 7, F_EMERG);
    unmake(w);
}

/* ---- the control queues ---- */

static void set_up(void **state)
{
    struct world *w = started();

    (void)state;
    assert_int_equal(w->changes[AGENT], 1);
    assert_true(virtio_serial_open(w->f.dev, AGENT) && chardev_is_open(w->agent));
    assert_false(virtio_serial_open(w->f.dev, NOBODY));
    say(w, AGENT, PORT_OPEN, 1); /* again is no news */
    assert_int_equal(w->changes[AGENT], 1);
    say(w, AGENT, PORT_OPEN, 0);
    assert_int_equal(w->changes[AGENT], 2);
    assert_false(chardev_is_open(w->agent));
    say(w, AGENT, PORT_OPEN, 1);
    fvd_set_status(&w->f, 0);
    assert_false(virtio_serial_open(w->f.dev, AGENT) || chardev_is_open(w->agent));
    assert_int_equal(w->changes[AGENT], 4);
    assert_int_equal(w->f.fe->guest_errors, 0);
    unmake(w);
}

/* Without buffers messages wait; closing and opening again are both told, however often it was. */
static void few_buffers(void **state)
{
    struct world *w = make(PORTS);

    (void)state;
    start(w, F_MULTIPORT);
    say(w, 0, DEVICE_READY, 1);
    expect_silence(w);
    offer_messages(w, 2);
    expect(w, CONSOLE, DEVICE_ADD, 1, "");
    expect(w, AGENT, DEVICE_ADD, 1, "");
    expect_silence(w);
    fake_chardev_event(w->agent, CHARDEV_OPENED); /* before the driver has the port */
    say(w, AGENT, PORT_READY, 1);
    offer_messages(w, 3);
    expect(w, AGENT, PORT_NAME, 1, AGENT_NAME);
    expect(w, AGENT, PORT_OPEN, 1, "");
    expect(w, NOBODY, DEVICE_ADD, 1, "");
    for (unsigned i = 0; i < 100; i++) {
        fake_chardev_event(w->agent, CHARDEV_CLOSED);
        fake_chardev_event(w->agent, CHARDEV_OPENED);
    }
    offer_messages(w, 16);
    expect(w, AGENT, PORT_OPEN, 0, "");
    expect(w, AGENT, PORT_OPEN, 1, "");
    expect_silence(w);
    fake_chardev_event(w->agent, CHARDEV_CLOSED);
    expect(w, AGENT, PORT_OPEN, 0, "");
    unmake(w);
}

/* A short buffer gets the beginning of a name. */
static void short_buffers(void **state)
{
    struct world *w = make(PORTS);
    const struct fv_buf buf = {MESSAGES, 11, true}, none = {MESSAGES, 11, false};
    uint32_t head, written;

    (void)state;
    start(w, F_MULTIPORT);
    fv_add(&w->f.q[CONTROL_RX], &buf, 1, 0);
    fv_add(&w->f.q[CONTROL_RX], &none, 1, 0);
    say(w, AGENT, PORT_READY, 1);
    assert_true(fv_used(&w->f.q[CONTROL_RX], &head, &written));
    assert_int_equal(written, 11);
    assert_memory_equal(ram(w, MESSAGES + 8), "org", 3);
    say(w, 0, DEVICE_READY, 1);
    assert_true(fv_used(&w->f.q[CONTROL_RX], &head, &written));
    assert_int_equal(written, 0);
    unmake(w);
}

static void messages_that_lie(void **state)
{
    static const struct {
        uint32_t port;
        uint16_t event, value;
    } bad[] = {{3, PORT_READY, 1},           {4, PORT_OPEN, 1},  {UINT32_MAX, PORT_READY, 1}, {AGENT, DEVICE_ADD, 1},
               {AGENT, CONSOLE_PORT, 1},     {AGENT, RESIZE, 1}, {AGENT, PORT_NAME, 1},       {AGENT, 8, 1},
               {AGENT, UINT16_MAX, 1},       {0, DEVICE_READY, 0}, {AGENT, PORT_READY, 0},    {0x10000001, PORT_OPEN, 1}};
    const struct fv_buf odd[] = {{COMMAND, 7, false}, {FVD_RAM - 4, 8, false}, {COMMAND, 8, true}};
    struct world *w = started();
    uint32_t head, written;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned before = w->f.fe->guest_errors;

        say(w, bad[i].port, bad[i].event, bad[i].value);
        assert_int_equal(w->f.fe->guest_errors, before + 1);
        expect_silence(w);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned before = w->f.fe->guest_errors;

        fv_add(&w->f.q[CONTROL_TX], &odd[i], 1, 0);
        fvd_kick(&w->f, CONTROL_TX);
        assert_true(fv_used(&w->f.q[CONTROL_TX], &head, &written));
        assert_int_equal(w->f.fe->guest_errors, before + 1);
    }
    assert_int_equal(w->changes[AGENT], 1);
    unmake(w);
}

/* ---- data ---- */

static void to_the_host(void **state)
{
    struct world *w = started();
    size_t len;

    (void)state;
    put(w, AGENT, "hello agent", 11);
    assert_true(taken(w, AGENT));
    assert_string_equal(fake_chardev_written(w->agent, &len), "hello agent");
    put(w, CONSOLE, "login: ", 7);
    assert_true(taken(w, CONSOLE));
    assert_string_equal(fake_chardev_written(w->console, &len), "login: ");
    put(w, NOBODY, "x", 1);
    assert_true(taken(w, NOBODY));
    assert_int_equal(w->f.fe->guest_errors, 0);
    unmake(w);
}

/* A channel waits for its reader, byte by byte if need be, and loses nothing. */
static void a_slow_reader(void **state)
{
    struct world *w = started();
    char text[1000];
    size_t len;

    (void)state;
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    fake_chardev_set_room(w->agent, 10);
    put(w, AGENT, text, sizeof(text));
    assert_false(taken(w, AGENT));
    fvd_kick(&w->f, TX(AGENT));
    fake_step(w->f.fe, 10000000000ll); /* for ever, if it takes that long */
    assert_false(taken(w, AGENT));
    for (unsigned sum = 10; sum < sizeof(text); sum += 33) {
        fake_chardev_written(w->agent, &len);
        assert_int_equal(len, sum);
        fake_chardev_set_room(w->agent, 33);
    }
    assert_true(taken(w, AGENT));
    assert_memory_equal(fake_chardev_written(w->agent, &len), text, sizeof(text));
    assert_int_equal(len, sizeof(text));
    put(w, AGENT, text, 40); /* what is left of the room, and then the reader goes */
    assert_false(taken(w, AGENT));
    fake_chardev_event(w->agent, CHARDEV_CLOSED);
    assert_true(taken(w, AGENT));
    unmake(w);
}

/* A console waits a moment, since a guest may wait with it, and then goes on without a reader. */
static void a_console_that_nobody_reads(void **state)
{
    struct world *w = started();
    size_t len;

    (void)state;
    fake_chardev_set_room(w->console, 3);
    put(w, CONSOLE, "abcdef", 6);
    assert_false(taken(w, CONSOLE));
    fake_step(w->f.fe, 100000000);
    assert_false(taken(w, CONSOLE));
    fake_step(w->f.fe, 150000000);
    assert_true(taken(w, CONSOLE));
    put(w, CONSOLE, "ghi", 3); /* no second wait */
    assert_true(taken(w, CONSOLE));
    assert_int_equal(fake_field(w->f.dev, "lost[0]"), 6);
    fake_chardev_set_room(w->console, 4);
    put(w, CONSOLE, "jklmn", 5); /* read again: waits again */
    assert_false(taken(w, CONSOLE));
    fake_chardev_set_room(w->console, 100);
    assert_true(taken(w, CONSOLE));
    assert_string_equal(fake_chardev_written(w->console, &len), "abcjklmn");
    unmake(w);
}

static void to_the_guest(void **state)
{
    struct world *w = started();
    char text[700], in[1000];

    (void)state;
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)('A' + i % 26);
    assert_int_equal(fake_chardev_feed(w->agent, text, 5), 0); /* no buffers */
    offer_in(w, AGENT, 2);
    assert_true(fake_chardev_accepts(w->agent) > 0);
    assert_int_equal(fake_chardev_feed(w->agent, text, sizeof(text)), IN_BYTES);
    assert_int_equal(fake_chardev_feed(w->agent, text + IN_BYTES, 10), 10);
    assert_int_equal(fake_chardev_feed(w->agent, text, 10), 0);
    assert_int_equal(got(w, AGENT, in), IN_BYTES + 10);
    assert_memory_equal(in, text, IN_BYTES + 10);
    offer_in(w, AGENT, 4);
    say(w, AGENT, PORT_OPEN, 0);
    assert_int_equal(fake_chardev_feed(w->agent, text, 10), 0); /* nobody has it open */
    say(w, AGENT, PORT_OPEN, 1);
    assert_int_equal(fake_chardev_feed(w->agent, text, 10), 10);
    fvd_set_status(&w->f, 0);
    assert_int_equal(fake_chardev_feed(w->agent, text, 10), 0);
    unmake(w);
}

/* A driver of before several ports: there is port 0, and it is open. */
static void one_port(void **state)
{
    for (unsigned modern = 0; modern < 2; modern++) {
        struct world *w = make(PORTS);
        char in[300];
        size_t len;

        (void)state;
        fvd_start(&w->f, modern, 0, 2, 32);
        assert_true(virtio_serial_open(w->f.dev, CONSOLE));
        put(w, CONSOLE, "old", 3);
        assert_true(taken(w, CONSOLE));
        assert_string_equal(fake_chardev_written(w->console, &len), "old");
        offer_in(w, CONSOLE, 1);
        assert_int_equal(fake_chardev_feed(w->console, "new", 3), 3);
        assert_int_equal(got(w, CONSOLE, in), 3);
        assert_string_equal(in, "new");
        fake_chardev_event(w->agent, CHARDEV_OPENED);
        unmake(w);
    }
}

/* A character by a register, before there is any driver, by either transport. */
static void emergency(void **state)
{
    for (unsigned modern = 0; modern < 2; modern++) {
        struct world *w = make(PORTS);
        size_t len;

        (void)state;
        w->f.modern = modern;
        fvd_set_device_config(&w->f, 8, 4, 'p');
        fvd_set_device_config(&w->f, 8, 4, 'a');
        fvd_set_device_config(&w->f, 8, 2, 'n');
        fvd_set_device_config(&w->f, 10, 2, 'x'); /* its upper half */
        fvd_set_device_config(&w->f, 4, 4, 99);   /* no register that is written */
        assert_string_equal(fake_chardev_written(w->console, &len), "pan");
        assert_int_equal(fvd_device_config(&w->f, 8, 4), 0);
        assert_int_equal(fvd_device_config(&w->f, 4, 4), PORTS);
        unmake(w);
    }
}

/* ---- hostile rings ---- */

/* A buffer of a tebibyte: what is memory of it goes, in pieces; the device stays usable. */
static void data_without_end(void **state)
{
    struct world *w = started();
    const struct fv_buf bufs[] = {{0, FVD_RAM, false}, {0, FVD_RAM, false}};

    (void)state;
    fv_add(&w->f.q[TX(NOBODY)], bufs, 2, 0);
    fvd_kick(&w->f, TX(NOBODY));
    assert_false(taken(w, NOBODY)); /* one kick moves a part */
    for (unsigned i = 0; i < 2 * FVD_RAM / 65536; i++)
        fake_step(w->f.fe, 1);
    assert_true(taken(w, NOBODY));
    assert_int_equal(w->f.fe->guest_errors, 0);
    unmake(w);
}

static void rings_that_lie(void **state)
{
    static const struct fv_buf chains[][2] = {{{DATA, 64, false}, {IN, 256, true}},
                                              {{FVD_RAM, 64, false}, {FVD_RAM, 256, true}},
                                              {{DATA, UINT32_MAX, false}, {IN, UINT32_MAX, true}},
                                              {{DATA, 1, true}, {IN, 1, false}}};
    struct world *w = make(PORTS);

    (void)state;
    for (unsigned n = 0; n < QUEUES + 1; n++) {
        for (unsigned c = 0; c < 4; c++) {
            for (unsigned len = 1; len <= 2; len++) {
                start(w, F_MULTIPORT);
                say(w, AGENT, PORT_OPEN, 1);
                say(w, CONSOLE, PORT_OPEN, 1);
                fake_chardev_event(w->agent, CHARDEV_OPENED);
                if (n < QUEUES)
                    fv_add(&w->f.q[n], chains[c], len, 0);
                fvd_kick(&w->f, n);
                fake_chardev_feed(w->agent, "agent", 5);
                fake_chardev_feed(w->console, "console", 7);
                mutter(w, AGENT, PORT_READY, 1);
                fake_step(w->f.fe, 1000000000);
                assert_int_equal(w->f.fe->maps_open, 0);
                fake_chardev_event(w->agent, CHARDEV_CLOSED);
                fake_chardev_clear(w->agent);
                fake_chardev_clear(w->console);
            }
        }
    }
    unmake(w);
}

/* The buffer that was there when the device asked is another when the bytes come. */
static void a_ring_that_is_taken_back(void **state)
{
    struct world *w = started();
    struct fake_virtq *q = &w->f.q[RX(AGENT)];

    (void)state;
    offer_in(w, AGENT, 1);
    fv_desc(q, q->desc, 0, IN, 10, FV_WRITE | FV_NEXT, 0); /* a loop now */
    assert_int_equal(fake_chardev_feed(w->agent, "agent", 5), 0);
    assert_true(fvd_status(&w->f) & VIRTIO_NEEDS_RESET);
    start(w, F_MULTIPORT);
    say(w, AGENT, PORT_OPEN, 1);
    offer_in(w, AGENT, 1);
    assert_int_equal(fake_chardev_feed(w->agent, "agent", 5), 5);
    unmake(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_features),
        cmocka_unit_test(set_up),
        cmocka_unit_test(few_buffers),
        cmocka_unit_test(short_buffers),
        cmocka_unit_test(messages_that_lie),
        cmocka_unit_test(to_the_host),
        cmocka_unit_test(a_slow_reader),
        cmocka_unit_test(a_console_that_nobody_reads),
        cmocka_unit_test(to_the_guest),
        cmocka_unit_test(one_port),
        cmocka_unit_test(emergency),
        cmocka_unit_test(data_without_end),
        cmocka_unit_test(rings_that_lie),
        cmocka_unit_test(a_ring_that_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
