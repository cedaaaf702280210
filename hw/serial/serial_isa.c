/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/serial/serial_isa.h"

#include <stdlib.h>

#include "hw/serial/uart16550.h"

struct isa_serial {
    struct device dev;
    struct uart16550 uart;
    struct isa_serial_config cfg;
    struct io_region ports;
    struct vtimer timeout;
};

static const struct dev_field fields[] = {UART16550_FIELDS(struct isa_serial, uart)};

/* ---- the chip's surroundings ---- */

static size_t port_send(void *opaque, const uint8_t *buf, size_t len)
{
    struct isa_serial *s = opaque;

    return s->cfg.chr ? chardev_write(s->cfg.chr, buf, len) : len;
}

static void port_send_break(void *opaque)
{
    struct isa_serial *s = opaque;

    if (s->cfg.chr)
        chardev_send_break(s->cfg.chr);
}

static void port_input_room(void *opaque)
{
    struct isa_serial *s = opaque;

    if (s->cfg.chr)
        chardev_accept_input(s->cfg.chr);
}

static void port_rx_timer(void *opaque, int64_t delay_ns)
{
    struct isa_serial *s = opaque;

    if (delay_ns >= 0)
        vtimer_arm(&s->timeout, vclock_now_ns(s->dev.env->clock) + delay_ns);
    else
        vtimer_cancel(&s->timeout);
}

static void port_pin(void *opaque, bool level)
{
    struct isa_serial *s = opaque;

    irq_pin_set(&s->cfg.irq, level);
}

static void port_lost(void *opaque, size_t bytes)
{
    struct isa_serial *s = opaque;

    device_guest_error(&s->dev, "%zu byte(s) written while the transmitter was full are lost",
                       bytes);
}

static const struct uart_port uart_port = {port_send,     port_send_break, port_input_room,
                                           port_rx_timer, port_pin,        port_lost};

static void step(struct isa_serial *s, enum uart_event_kind kind)
{
    uart16550_step(&s->uart, (struct uart_event){.kind = kind});
}

static void timed_out(void *opaque)
{
    step(opaque, UART_TIMEOUT);
}

/* ---- the back end ---- */

static size_t can_receive(void *opaque)
{
    struct isa_serial *s = opaque;

    return uart16550_can_receive(&s->uart);
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct isa_serial *s = opaque;

    for (size_t i = 0; i < len; i++)
        uart16550_step(&s->uart, (struct uart_event){.kind = UART_RECEIVE, .value = buf[i]});
}

/* The end of a peer's input is no hang-up while it still takes output: ask which it is. */
static void event(void *opaque, enum chardev_event what)
{
    struct isa_serial *s = opaque;

    if (what == CHARDEV_BREAK)
        step(s, UART_BREAK);
    else if (what != CHARDEV_FOCUSED)
        step(s, chardev_connected(s->cfg.chr) ? UART_PEER_OPEN : UART_PEER_CLOSED);
}

static void writable(void *opaque)
{
    step(opaque, UART_TX_ROOM);
}

static const struct chardev_fe_ops fe_ops = {can_receive, receive, event, writable};

/* ---- accesses ---- */

static uint64_t ports_read(void *chip, uint64_t off, unsigned size)
{
    struct isa_serial *s = chip;

    (void)size;
    return uart16550_step(&s->uart, (struct uart_event){.kind = UART_READ, .reg = (uint8_t)off});
}

static void ports_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct isa_serial *s = chip;

    (void)size;
    uart16550_step(&s->uart, (struct uart_event){
                                 .kind = UART_WRITE, .reg = (uint8_t)off, .value = (uint8_t)value});
}

static uint32_t ports_write_string(void *chip, uint64_t off, unsigned size, const void *buf,
                                   uint32_t count)
{
    struct isa_serial *s = chip;

    (void)size;
    return off == 0 ? uart16550_send_string(&s->uart, buf, count) : 0;
}

static const struct io_ops port_ops = {
    .read = ports_read, .write = ports_write, .write_string = ports_write_string, .widths = IO_W1};

/* ---- life ---- */

static void serial_reset(struct device *dev)
{
    struct isa_serial *s = (struct isa_serial *)dev;

    uart16550_reset(&s->uart);
}

static const char *serial_post_load(struct device *dev)
{
    struct isa_serial *s = (struct isa_serial *)dev;

    return uart16550_post_load(&s->uart);
}

static void serial_free(struct device *dev)
{
    struct isa_serial *s = (struct isa_serial *)dev;

    if (s->cfg.chr)
        chardev_attach(s->cfg.chr, NULL, NULL, NULL);
    iomap_remove(dev->env->iomap, &s->ports);
    iomap_synchronize(dev->env->iomap);
    device_enter(dev);
    vtimer_cancel(&s->timeout);
    device_leave(dev);
    device_fini(dev);
    free(s);
}

static const struct device_class serial_class = {
    .name = "isa-serial",
    .title = "16550A serial port on the ISA bus",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = serial_reset,
    .post_load = serial_post_load,
    .free = serial_free,
};

struct device *isa_serial_new(const struct dev_env *env, const char *id,
                              const struct isa_serial_config *cfg, char *why, size_t why_size)
{
    struct isa_serial *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    device_init(&s->dev, &serial_class, env, id);
    s->cfg = *cfg;
    s->uart.port = &uart_port;
    s->uart.opaque = s;
    s->uart.out2_gates = !cfg->out2_ignored;
    s->uart.peer = cfg->chr && chardev_connected(cfg->chr);
    vtimer_init(&s->timeout, env->clock, s->dev.lock, timed_out, s);
    s->ports = (struct io_region){.name = s->dev.id, .space = IO_PORT, .base = cfg->iobase,
                                  .size = UART_REGS, .ops = &port_ops, .chip = s,
                                  .lock = s->dev.lock};
    if (!iomap_add(env->iomap, &s->ports, why, why_size)) {
        device_fini(&s->dev);
        free(s);
        return NULL;
    }
    device_reset(&s->dev);
    if (cfg->chr)
        chardev_attach(cfg->chr, &fe_ops, s, s->dev.lock);
    return &s->dev;
}
