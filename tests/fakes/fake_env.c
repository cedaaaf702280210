/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool in_ram(const struct fake_env *fe, uint64_t gpa, size_t len)
{
    return gpa <= fe->ram_bytes && len <= fe->ram_bytes - gpa;
}

static bool ram_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct fake_env *fe = opaque;

    memset(buf, 0, len);
    if (!in_ram(fe, gpa, len))
        return false;
    memcpy(buf, fe->ram + gpa, len);
    return true;
}

static bool ram_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct fake_env *fe = opaque;

    if (!in_ram(fe, gpa, len))
        return false;
    memcpy(fe->ram + gpa, buf, len);
    return true;
}

static void *ram_map(void *opaque, uint64_t gpa, size_t *len, bool for_write)
{
    struct fake_env *fe = opaque;

    (void)for_write;
    if (gpa >= fe->ram_bytes || !*len)
        return NULL;
    if (*len > fe->ram_bytes - gpa)
        *len = fe->ram_bytes - gpa;
    fe->maps_open++;
    return fe->ram + gpa;
}

static void ram_unmap(void *opaque, uint64_t gpa, void *host, size_t written)
{
    struct fake_env *fe = opaque;

    (void)gpa;
    (void)host;
    (void)written;
    fe->maps_open--;
}

static bool ram_discard(void *opaque, uint64_t gpa, size_t len)
{
    struct fake_env *fe = opaque;

    fe->discards++;
    if (!len || (gpa | len) % 4096 || !in_ram(fe, gpa, len))
        return false;
    memset(fe->ram + gpa, 0, len);
    fe->discarded += len;
    return true;
}

static const struct dma_ops ram_ops = {ram_read, ram_write, ram_map, ram_unmap, ram_discard};

static bool ram_access(void *opaque, struct ioreq *req)
{
    struct fake_env *fe = opaque;

    if (req->count != 1 || !in_ram(fe, req->addr, req->size))
        return false; /* a string comes again, element by element */
    if (req->dir == IO_READ)
        memcpy(req->data, fe->ram + req->addr, req->size);
    else
        memcpy(fe->ram + req->addr, req->data, req->size);
    return true;
}

static void record_request(void *opaque, enum machine_request what, unsigned arg)
{
    struct fake_env *fe = opaque;

    fe->requests[what]++;
    fe->request_arg = arg;
}

static bool get_regs(void *opaque, struct cpu_regs *regs)
{
    struct fake_env *fe = opaque;

    if (fe->has_cpu)
        *regs = fe->regs;
    return fe->has_cpu;
}

static bool set_regs(void *opaque, const struct cpu_regs *regs)
{
    struct fake_env *fe = opaque;

    if (fe->has_cpu)
        fe->regs = *regs;
    return fe->has_cpu;
}

static void record_msi(void *opaque, uint64_t address, uint32_t data)
{
    struct fake_env *fe = opaque;

    fe->msi_sent++;
    fe->msi_address = address;
    fe->msi_data = data;
}

static void record_error(void *opaque, struct device *dev, const char *text)
{
    struct fake_env *fe = opaque;

    fe->guest_errors++;
    snprintf(fe->last_guest_error, sizeof(fe->last_guest_error), "%s: %s", dev->id, text);
}

static void set_line(void *opaque, unsigned line, bool level)
{
    struct fake_env *fe = opaque;

    if (level && !fe->irq_level[line])
        fe->irq_raised[line]++;
    fe->irq_level[line] = level;
}

struct fake_env *fake_env_new(size_t ram_bytes)
{
    struct fake_env *fe = calloc(1, sizeof(*fe));

    if (!fe)
        abort();
    fe->ram = calloc(1, ram_bytes ? ram_bytes : 1);
    if (!fe->ram)
        abort();
    fe->ram_bytes = ram_bytes;
    fe->env.iomap = iomap_new();
    iomap_set_ram(fe->env.iomap, ram_access, fe);
    iomap_reader_add(fe->env.iomap, &fe->reader);
    fe->env.clock = vclock_new_stepped();
    fe->env.dma = (struct dma_port){&ram_ops, fe};
    fe->env.machine = (struct machine_port){record_request, fe};
    fe->env.cpu = (struct cpu_port){get_regs, set_regs, fe};
    fe->env.msi = (struct msi_port){record_msi, fe};
    fe->env.guest_error = record_error;
    fe->env.guest_error_opaque = fe;
    return fe;
}

void fake_env_free(struct fake_env *fe)
{
    iomap_reader_remove(fe->env.iomap, &fe->reader);
    iomap_free(fe->env.iomap);
    vclock_free(fe->env.clock);
    free(fe->ram);
    free(fe);
}

struct irq_pin fake_irq(struct fake_env *fe, unsigned line)
{
    return (struct irq_pin){set_line, fe, line};
}

static void access(struct fake_env *fe, unsigned space, unsigned dir, uint64_t addr, unsigned size,
                   void *data, uint32_t count)
{
    struct ioreq req = {.addr = addr,
                        .data = data,
                        .count = count,
                        .size = (uint8_t)size,
                        .space = (uint8_t)space,
                        .dir = (uint8_t)dir};

    iomap_dispatch(fe->env.iomap, &fe->reader, &req);
}

uint64_t fake_in(struct fake_env *fe, uint16_t port, unsigned size)
{
    uint64_t v = 0;

    access(fe, IO_PORT, IO_READ, port, size, &v, 1);
    return v;
}

void fake_out(struct fake_env *fe, uint16_t port, unsigned size, uint64_t value)
{
    access(fe, IO_PORT, IO_WRITE, port, size, &value, 1);
}

void fake_ins(struct fake_env *fe, uint16_t port, unsigned size, void *buf, uint32_t count)
{
    access(fe, IO_PORT, IO_READ, port, size, buf, count);
}

void fake_outs(struct fake_env *fe, uint16_t port, unsigned size, const void *buf, uint32_t count)
{
    access(fe, IO_PORT, IO_WRITE, port, size, (void *)(uintptr_t)buf, count);
}

uint64_t fake_readmem(struct fake_env *fe, uint64_t addr, unsigned size)
{
    uint64_t v = 0;

    access(fe, IO_MEM, IO_READ, addr, size, &v, 1);
    return v;
}

void fake_writemem(struct fake_env *fe, uint64_t addr, unsigned size, uint64_t value)
{
    access(fe, IO_MEM, IO_WRITE, addr, size, &value, 1);
}

void fake_step(struct fake_env *fe, int64_t delta_ns)
{
    vclock_step(fe->env.clock, vclock_now_ns(fe->env.clock) + delta_ns);
}

struct field_query {
    const char *name;
    uint64_t value;
    bool found;
};

static void match_field(void *opaque, const char *name, uint64_t value, const char *text)
{
    struct field_query *q = opaque;

    (void)text;
    if (!strcmp(name, q->name)) {
        q->value = value;
        q->found = true;
    }
}

uint64_t fake_field(struct device *dev, const char *name)
{
    struct field_query q = {name, 0, false};

    device_enter(dev);
    device_dump(dev, match_field, &q);
    device_leave(dev);
    if (!q.found)
        abort();
    return q.value;
}
