/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/serial_int.h"

/* Device configuration, 5.3.4; columns and rows are not told. */
enum { MAX_PORTS = 4, EMERGENCY = 8, CONFIG_BYTES = 12 };

#define QUEUE_SIZE 128
#define CONTROL_QUEUE_SIZE 32
#define CHUNK_BYTES 4096u
#define KICK_BYTES 65536u /* that one kick may move; what is more comes later */
#define PATIENCE_NS 200000000ll

static const char *const flows[] = {"open", "waiting", "dropping"};

/* The queues beyond those that all devices have in their tables. */
#define MORE_QUEUES(s, m)                                                                                        \
    VIRTQ_FIELDS(s, m.q[9]), VIRTQ_FIELDS(s, m.q[10]), VIRTQ_FIELDS(s, m.q[11]), VIRTQ_FIELDS(s, m.q[12]),       \
    VIRTQ_FIELDS(s, m.q[13]), VIRTQ_FIELDS(s, m.q[14]), VIRTQ_FIELDS(s, m.q[15]), VIRTQ_FIELDS(s, m.q[16]),      \
    VIRTQ_FIELDS(s, m.q[17]), VIRTQ_FIELDS(s, m.q[18]), VIRTQ_FIELDS(s, m.q[19]), VIRTQ_FIELDS(s, m.q[20]),      \
    VIRTQ_FIELDS(s, m.q[21]), VIRTQ_FIELDS(s, m.q[22]), VIRTQ_FIELDS(s, m.q[23]), VIRTQ_FIELDS(s, m.q[24]),      \
    VIRTQ_FIELDS(s, m.q[25]), VIRTQ_FIELDS(s, m.q[26]), VIRTQ_FIELDS(s, m.q[27]), VIRTQ_FIELDS(s, m.q[28]),      \
    VIRTQ_FIELDS(s, m.q[29]), VIRTQ_FIELDS(s, m.q[30]), VIRTQ_FIELDS(s, m.q[31])

static const struct dev_field fields[] = {
    VIRTIO_FIELDS(struct virtio_serial, v),
    MORE_QUEUES(struct virtio_serial, v),
    DEV_FIELD_ARRAY(struct virtio_serial, U8, ready, 0, 1),
    DEV_FIELD_ARRAY(struct virtio_serial, U8, guest_open, 0, 1),
    DEV_FIELD_ARRAY(struct virtio_serial, U8, due, 0, DUE_ALL),
    {.name = "flow", .type = FIELD_U8, .offset = offsetof(struct virtio_serial, flow), .count = VIRTIO_SERIAL_PORTS,
     .max = FLOW_STATES - 1, .names = flows},
    DEV_FIELD_ARRAY(struct virtio_serial, U64, sent, 0, 0),
    DEV_FIELD_ARRAY(struct virtio_serial, U64, lost, 0, 0),
};

static unsigned rx_queue(const struct serial_port *p)
{
    return p->nr ? 2 * p->nr + 2 : 0;
}

static unsigned tx_queue(const struct serial_port *p)
{
    return rx_queue(p) + 1;
}

/* The port whose queue n is; NULL: none. */
static struct serial_port *port_of(struct virtio_serial *s, unsigned n)
{
    unsigned nr = n < CONTROL_RX ? 0 : (n - 2) / 2;

    return nr < s->ports && s->port[nr].cfg.present ? &s->port[nr] : NULL;
}

/* ---- from the guest to the chardev ---- */

static size_t give(struct serial_port *p, const uint8_t *bytes, size_t count)
{
    return p->cfg.chr ? chardev_write(p->cfg.chr, bytes, count) : count;
}

/* A short write: wait for room; a console that has waited for long loses the rest. True: lost, go on. */
static bool short_write(struct serial_port *p, size_t count)
{
    struct virtio_serial *s = p->s;

    if (s->flow[p->nr] == FLOW_DROPPING) {
        s->lost[p->nr] += count;
        return true;
    }
    s->flow[p->nr] = FLOW_WAITING;
    if (p->cfg.console && !vtimer_armed(&p->patience))
        vtimer_arm(&p->patience, vclock_now_ns(s->v.pci.dev.env->clock) + PATIENCE_NS);
    return false;
}

/* The chain popped, from where it was left; *left is the kick's bound. False: it is not done yet. */
static bool send_chain(struct serial_port *p, struct virtq *q, size_t *left)
{
    struct virtio_serial *s = p->s;
    uint64_t *sent = &s->sent[p->nr];
    uint8_t bytes[CHUNK_BYTES];

    while (*sent < s->chain.out_bytes) {
        uint64_t rest = s->chain.out_bytes - *sent;
        size_t n = rest < sizeof(bytes) ? (size_t)rest : sizeof(bytes), took;

        if (!*left)
            return false;
        if (n > *left)
            n = *left;
        if (!virtq_read(q, &s->chain, *sent, bytes, n)) {
            device_guest_error(&s->v.pci.dev, "port %u: data is not in memory", p->nr);
            break;
        }
        took = give(p, bytes, n);
        *left -= took;
        *sent += took;
        if (took < n && !short_write(p, n - took))
            return false;
        *sent += n - took;
        *left -= n - took;
    }
    *sent = 0;
    return true;
}

/* A chain that is not done stays in the ring, and is read anew. */
static void send_data(struct serial_port *p)
{
    struct virtio_serial *s = p->s;
    unsigned n = tx_queue(p);
    struct virtq *q = &s->v.q[n];
    size_t left = KICK_BYTES;

    for (unsigned i = 0; i < q->size && s->flow[p->nr] != FLOW_WAITING; i++) {
        if (virtq_pop(q, &s->chain) != VIRTQ_GOT)
            return;
        if (!send_chain(p, q, &left)) {
            virtq_unpop(q, 1);
            break;
        }
        virtio_complete(&s->v, n, s->chain.head, 0);
    }
    if (s->flow[p->nr] != FLOW_WAITING)
        virtio_kick_later(&s->v, n);
}

static void flow_on(struct serial_port *p, enum serial_flow flow)
{
    struct virtio_serial *s = p->s;

    vtimer_cancel(&p->patience);
    s->flow[p->nr] = (uint8_t)flow;
    virtio_kick(&s->v, tx_queue(p));
}

static void patience_ends(void *opaque)
{
    flow_on(opaque, FLOW_DROPPING);
}

/* ---- from the chardev to the guest ---- */

/* The driver says which ports are open if it knows several; else there is one, and it is. */
static bool wants_data(const struct serial_port *p)
{
    const struct virtio_serial *s = p->s;

    return virtio_running(&s->v) && s->guest_open[p->nr] && s->v.q[rx_queue(p)].state == VIRTQ_READY;
}

static size_t can_receive(void *opaque)
{
    struct serial_port *p = opaque;
    struct virtio_serial *s = p->s;
    unsigned n = rx_queue(p);
    size_t room = 0;

    if (!wants_data(p))
        return 0;
    for (unsigned i = 0; i < s->v.q[n].size && !room; i++) {
        if (virtq_pop(&s->v.q[n], &s->chain) != VIRTQ_GOT)
            break;
        room = s->chain.in_bytes < CHUNK_BYTES ? (size_t)s->chain.in_bytes : CHUNK_BYTES;
        if (room)
            virtq_unpop(&s->v.q[n], 1);
        else
            virtio_complete(&s->v, n, s->chain.head, 0); /* a buffer that nothing can be written to */
    }
    virtio_look_for_faults(&s->v);
    return room;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct serial_port *p = opaque;
    struct virtio_serial *s = p->s;
    unsigned n = rx_queue(p);

    while (len && wants_data(p) && virtq_pop(&s->v.q[n], &s->chain) == VIRTQ_GOT) {
        size_t count = s->chain.in_bytes < len ? (size_t)s->chain.in_bytes : len;

        if (!virtq_write(&s->v.q[n], &s->chain, 0, buf, count))
            device_guest_error(&s->v.pci.dev, "port %u: a buffer is not in memory, %zu bytes are lost", p->nr, count);
        virtio_complete(&s->v, n, s->chain.head, (uint32_t)count);
        buf += count;
        len -= count;
    }
    if (len) /* it took a buffer back that it had offered */
        device_guest_error(&s->v.pci.dev, "port %u: %zu bytes have no buffer and are lost", p->nr, len);
    virtio_look_for_faults(&s->v);
}

static void peer_event(void *opaque, enum chardev_event event)
{
    struct serial_port *p = opaque;
    bool open = event == CHARDEV_OPENED;

    if (event != CHARDEV_OPENED && (event != CHARDEV_CLOSED || chardev_connected(p->cfg.chr)))
        return;
    if (!p->cfg.console)
        serial_host_changed(p, open);
    flow_on(p, FLOW_OPEN);
}

static void writable(void *opaque)
{
    flow_on(opaque, FLOW_OPEN);
}

static const struct chardev_fe_ops fe_ops = {
    .can_receive = can_receive, .receive = receive, .event = peer_event, .writable = writable};

/* ---- the device ---- */

void serial_set_guest_open(struct serial_port *p, bool open)
{
    struct virtio_serial *s = p->s;

    if (s->guest_open[p->nr] == open)
        return;
    s->guest_open[p->nr] = open;
    if (p->cfg.chr && !p->cfg.console)
        chardev_set_open(p->cfg.chr, open);
    if (p->cfg.chr && open)
        chardev_accept_input(p->cfg.chr);
    s->changed(s->opaque, p->nr);
}

static void kick(struct virtio *v, unsigned n)
{
    struct virtio_serial *s = (struct virtio_serial *)v;
    struct serial_port *p = port_of(s, n);

    if (n == CONTROL_RX)
        serial_send_due(s);
    else if (n == CONTROL_TX)
        serial_take_commands(s);
    else if (p && n == tx_queue(p))
        send_data(p);
    else if (p && p->cfg.chr)
        chardev_accept_input(p->cfg.chr);
}

/* A driver that knows no ports has port 0 open from its start on. */
static void driver_ok(struct virtio *v)
{
    struct virtio_serial *s = (struct virtio_serial *)v;

    if (s->port[0].cfg.present && !virtio_has(v, SERIAL_F_MULTIPORT))
        serial_set_guest_open(&s->port[0], true);
}

static void give_up(struct virtio *v)
{
    struct virtio_serial *s = (struct virtio_serial *)v;

    for (unsigned nr = 0; nr < s->ports; nr++)
        vtimer_cancel(&s->port[nr].patience);
}

static void reset_serial(struct virtio *v)
{
    struct virtio_serial *s = (struct virtio_serial *)v;

    memset(v->config, 0, sizeof(v->config));
    pci_set_long(v->config + MAX_PORTS, s->ports);
    memset(s->ready, 0, sizeof(s->ready));
    memset(s->due, 0, sizeof(s->due));
    memset(s->flow, FLOW_OPEN, sizeof(s->flow));
    memset(s->sent, 0, sizeof(s->sent));
    for (unsigned nr = 0; nr < s->ports; nr++)
        serial_set_guest_open(&s->port[nr], false);
}

static bool config_writable(const struct virtio *v, unsigned off)
{
    return off >= EMERGENCY && v->offered & SERIAL_F_EMERG_WRITE;
}

/* A character without a queue, 5.3.4: the register takes it and is empty again. */
static void config_written(struct virtio *v, unsigned off, unsigned size)
{
    struct virtio_serial *s = (struct virtio_serial *)v;
    uint8_t byte = v->config[EMERGENCY];

    memset(v->config + EMERGENCY, 0, 4);
    if (off > EMERGENCY || off + size <= EMERGENCY)
        return;
    for (unsigned nr = 0; nr < s->ports; nr++) {
        if (!s->port[nr].cfg.present || !s->port[nr].cfg.console)
            continue;
        s->lost[nr] += 1 - give(&s->port[nr], &byte, 1);
        return;
    }
}

static const struct virtio_ops ops = {
    .kick = kick, .driver_ok = driver_ok, .give_up = give_up, .reset = reset_serial,
    .config_writable = config_writable, .config_written = config_written, .config_early = true};

bool virtio_serial_open(const struct device *dev, unsigned nr)
{
    return ((const struct virtio_serial *)dev)->guest_open[nr];
}

static void reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

/* Whoever waited for room is not told any more: each that did tries again. */
static void go_on(struct virtio_serial *s)
{
    for (unsigned nr = 0; nr < s->ports; nr++) {
        struct serial_port *p = &s->port[nr];

        if (p->cfg.chr && !p->cfg.console)
            chardev_set_open(p->cfg.chr, s->guest_open[nr]);
        if (s->flow[nr] == FLOW_OPEN)
            continue;
        s->flow[nr] = FLOW_OPEN;
        virtio_kick_later(&s->v, tx_queue(p));
    }
}

static const char *post_load(struct device *dev)
{
    struct virtio_serial *s = (struct virtio_serial *)dev;
    const char *fault = NULL;
    bool as_before = s->v.load_refused;

    for (unsigned nr = 0; nr < VIRTIO_SERIAL_PORTS; nr++) {
        bool present = nr < s->ports && s->port[nr].cfg.present;

        if (!present && (s->ready[nr] || s->guest_open[nr] || s->due[nr] || s->flow[nr]))
            fault = "a port that is not there is in use";
        if (s->due[nr] & DUE_NAME && !*s->port[nr].cfg.name)
            fault = "a port without a name is about to tell it";
    }
    fault = virtio_post_load(&s->v, fault);
    if (!fault && !as_before)
        go_on(s);
    return fault;
}

static void serial_free(struct device *dev)
{
    struct virtio_serial *s = (struct virtio_serial *)dev;

    for (unsigned nr = 0; nr < s->ports; nr++) {
        if (s->port[nr].cfg.chr)
            chardev_attach(s->port[nr].cfg.chr, NULL, NULL, NULL);
    }
    virtio_fini(&s->v);
    free(s);
}

static const struct device_class serial_class = {
    .name = "virtio-serial-pci",
    .title = "consoles and channels",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = serial_free,
};

static void open_port(struct virtio_serial *s, unsigned nr, const struct virtio_serial_port_config *cfg)
{
    struct serial_port *p = &s->port[nr];

    p->s = s;
    p->nr = nr;
    p->cfg = *cfg;
    p->host_open = cfg->console; /* a console's screen is always there */
    vtimer_init(&p->patience, s->v.pci.dev.env->clock, s->v.pci.dev.lock, patience_ends, p);
    if (!cfg->chr)
        return;
    if (!cfg->console)
        chardev_set_open(cfg->chr, false);
    chardev_attach(cfg->chr, &fe_ops, p, s->v.pci.dev.lock);
}

struct device *virtio_serial_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                                 const struct virtio_serial_config *cfg, char *why, size_t why_size)
{
    const struct virtio_config common = {
        .type = 3,
        .legacy_id = 0x1003,
        .class_code = 0x078000, /* communication controller, other */
        .offered = (cfg->ports > 1 ? SERIAL_F_MULTIPORT : 0) | (cfg->emergency_write ? SERIAL_F_EMERG_WRITE : 0),
        .queues = 2 * (cfg->ports + 1),
        .vectors = cfg->ports + 1,
        .queue_size = QUEUE_SIZE,
        .config_bytes = CONFIG_BYTES,
        .options = cfg->options,
    };
    struct virtio_serial *s = calloc(1, sizeof(*s));

    if (!s) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    s->changed = cfg->changed;
    s->opaque = cfg->opaque;
    if (virtio_init(&s->v, &serial_class, &ops, env, id, &common, why, why_size)) {
        virtio_set_queue_size(&s->v, CONTROL_RX, CONTROL_QUEUE_SIZE);
        virtio_set_queue_size(&s->v, CONTROL_TX, CONTROL_QUEUE_SIZE);
        s->ports = cfg->ports;
        for (unsigned nr = 0; nr < s->ports; nr++)
            open_port(s, nr, &cfg->port[nr]);
        if (virtio_attach(&s->v, bus, devfn, why, why_size))
            return &s->v.pci.dev;
    }
    serial_free(&s->v.pci.dev);
    return NULL;
}
