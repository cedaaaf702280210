/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control queues, 5.3.6.2: what ports there are, what they are, who is at them. */
#include <string.h>

#include "hw/virtio/serial_int.h"

enum event { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

struct message {
    uint32_t port;
    uint16_t event, value;
};

static struct serial_port *find_port(struct virtio_serial *s, uint32_t nr)
{
    struct serial_port *p = nr < s->ports && s->port[nr].cfg.present ? &s->port[nr] : NULL;

    if (!p)
        device_guest_error(&s->v.pci.dev, "a message is about port %u, which is not there", nr);
    return p;
}

/* ---- to the driver ---- */

static const struct {
    uint8_t due;
    uint16_t event, value;
} kinds[] = {
    {DUE_ADD, DEVICE_ADD, 1},    {DUE_CONSOLE, CONSOLE_PORT, 1}, {DUE_NAME, PORT_NAME, 1},
    {DUE_CLOSED, PORT_OPEN, 0}, {DUE_OPENED, PORT_OPEN, 1},
};

/* False: there is no buffer for it now. A buffer that is too short gets the beginning. */
static bool send(struct serial_port *p, uint16_t event, uint16_t value)
{
    struct virtio_serial *s = p->s;
    const struct message head = {p->nr, event, value};
    uint8_t bytes[sizeof(head) + VIRTIO_SERIAL_NAME_BYTES + 1];
    size_t count = sizeof(head);

    if (virtq_pop(&s->v.q[CONTROL_RX], &s->chain) != VIRTQ_GOT)
        return false;
    memcpy(bytes, &head, sizeof(head));
    if (event == PORT_NAME) {
        memcpy(bytes + sizeof(head), p->cfg.name, strlen(p->cfg.name) + 1);
        count += strlen(p->cfg.name) + 1;
    }
    if (count > s->chain.in_bytes)
        count = (size_t)s->chain.in_bytes;
    if (!virtq_write(&s->v.q[CONTROL_RX], &s->chain, 0, bytes, count)) {
        device_guest_error(&s->v.pci.dev, "a buffer for messages is not in memory");
        count = 0;
    }
    virtio_complete(&s->v, CONTROL_RX, s->chain.head, (uint32_t)count);
    return true;
}

static bool send_port(struct serial_port *p)
{
    uint8_t *due = &p->s->due[p->nr];

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!(*due & kinds[i].due))
            continue;
        if (!send(p, kinds[i].event, kinds[i].value))
            return false;
        *due &= (uint8_t)~kinds[i].due;
    }
    return true;
}

void serial_send_due(struct virtio_serial *s)
{
    if (!virtio_running(&s->v) || !virtio_has(&s->v, SERIAL_F_MULTIPORT) || s->v.q[CONTROL_RX].state != VIRTQ_READY)
        return;
    for (unsigned nr = 0; nr < s->ports; nr++) {
        if (!send_port(&s->port[nr]))
            break;
    }
    virtio_look_for_faults(&s->v);
}

void serial_host_changed(struct serial_port *p, bool open)
{
    uint8_t *due = &p->s->due[p->nr];

    if (p->host_open == open)
        return;
    p->host_open = open;
    if (!p->s->ready[p->nr])
        return;
    if (open)
        *due |= DUE_OPENED;
    else
        *due = (uint8_t)((*due & ~DUE_OPENED) | DUE_CLOSED);
    serial_send_due(p->s);
}

/* ---- from the driver ---- */

static void device_ready(struct virtio_serial *s, const struct message *m)
{
    if (!m->value) {
        device_guest_error(&s->v.pci.dev, "the driver cannot use the device");
        return;
    }
    for (unsigned nr = 0; nr < s->ports; nr++) {
        if (s->port[nr].cfg.present)
            s->due[nr] |= DUE_ADD;
    }
}

static void port_ready(struct virtio_serial *s, const struct message *m)
{
    struct serial_port *p = find_port(s, m->port);

    if (!p)
        return;
    s->ready[p->nr] = m->value != 0;
    if (!m->value) {
        device_guest_error(&s->v.pci.dev, "the driver cannot use port %u", p->nr);
        return;
    }
    s->due[p->nr] |= (p->cfg.console ? DUE_CONSOLE : 0) | (*p->cfg.name ? DUE_NAME : 0) |
                     (p->host_open ? DUE_OPENED : 0);
}

static void port_open(struct virtio_serial *s, const struct message *m)
{
    struct serial_port *p = find_port(s, m->port);

    if (p)
        serial_set_guest_open(p, m->value != 0);
}

static void carry_out(struct virtio_serial *s)
{
    static void (*const commands[])(struct virtio_serial *s, const struct message *m) = {
        [DEVICE_READY] = device_ready, [PORT_READY] = port_ready, [PORT_OPEN] = port_open};
    struct message m;

    if (s->chain.out_bytes < sizeof(m) || !virtq_read(&s->v.q[CONTROL_TX], &s->chain, 0, &m, sizeof(m)))
        device_guest_error(&s->v.pci.dev, "a message of %llu bytes, or not in memory",
                           (unsigned long long)s->chain.out_bytes);
    else if (m.event < sizeof(commands) / sizeof(commands[0]) && commands[m.event])
        commands[m.event](s, &m);
    else
        device_guest_error(&s->v.pci.dev, "message %u is not one of a driver", m.event);
}

void serial_take_commands(struct virtio_serial *s)
{
    struct virtq *q = &s->v.q[CONTROL_TX];

    for (unsigned i = 0; i < q->size; i++) {
        if (virtq_pop(q, &s->chain) != VIRTQ_GOT) {
            serial_send_due(s);
            return;
        }
        carry_out(s);
        virtio_complete(&s->v, CONTROL_TX, s->chain.head, 0);
    }
    serial_send_due(s);
    virtio_kick_later(&s->v, CONTROL_TX);
}
