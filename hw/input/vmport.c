/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/vmport.h"

#include <stdlib.h>

#include "hw/input/vmmouse.h"

enum { PORTS = 4 };

struct vmport {
    struct device dev;
    struct io_region region;
    struct vmmouse mouse;
};

static const struct dev_field vmport_fields[] = {
    VMMOUSE_FIELDS(struct vmport, mouse),
};

static struct vmport *from_dev(struct device *dev)
{
    return (struct vmport *)dev;
}

/* ---- commands ---- */

static void cmd_version(struct vmport *p, struct cpu_regs *regs)
{
    (void)p;
    regs->eax = VMPORT_VERSION;
    regs->ebx = VMPORT_MAGIC;
    regs->ecx = VMPORT_PRODUCT;
}

static void cmd_pointer_data(struct vmport *p, struct cpu_regs *regs)
{
    uint32_t *const order[VMMOUSE_READ_MAX] = {&regs->eax, &regs->ebx, &regs->ecx,
                                               &regs->edx, &regs->esi, &regs->edi};
    uint32_t words[VMMOUSE_READ_MAX], count = regs->ebx;

    if (!vmmouse_read(&p->mouse, count, words)) {
        device_guest_error(&p->dev, "%u words of pointer data asked for that are not there", count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        *order[i] = words[i];
}

static void cmd_pointer_status(struct vmport *p, struct cpu_regs *regs)
{
    regs->eax = vmmouse_status(&p->mouse);
}

static void cmd_pointer_command(struct vmport *p, struct cpu_regs *regs)
{
    if (!vmmouse_command(&p->mouse, regs->ebx))
        device_guest_error(&p->dev, "unknown pointer command %08x", regs->ebx);
}

static const struct vmport_command {
    uint16_t code;
    void (*run)(struct vmport *p, struct cpu_regs *regs);
    const char *name;
} commands[] = {
    {10, cmd_version, "get version"},
    {39, cmd_pointer_data, "pointer data"},
    {40, cmd_pointer_status, "pointer status"},
    {41, cmd_pointer_command, "pointer command"},
};

static const struct vmport_command *find_command(uint16_t code)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].code == code)
            return &commands[i];
    }
    return NULL;
}

/* The value of eax afterwards; false: this was no call, and no register changes. */
static bool call(struct vmport *p, uint32_t *eax)
{
    const struct cpu_port *cpu = &p->dev.env->cpu;
    const struct vmport_command *command;
    struct cpu_regs regs;

    if (!cpu_get_regs(cpu, &regs) || regs.eax != VMPORT_MAGIC)
        return false;
    command = find_command((uint16_t)regs.ecx);
    if (!command)
        return false; /* also a question: what hypervisor knows it? */
    command->run(p, &regs);
    *eax = regs.eax;
    return cpu_set_regs(cpu, &regs);
}

/* ---- the port ---- */

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    uint32_t eax;

    return off == 0 && size == 4 && call(chip, &eax) ? eax : UINT64_MAX;
}

/* `out` calls as well; its answer is in the registers only. */
static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    uint32_t eax;

    (void)value;
    if (off == 0 && size == 4)
        call(chip, &eax);
}

/* Narrower accesses are those of a program that looks what is there: they must not call. */
static const uint8_t port_widths[PORTS] = {IO_W1 | IO_W2 | IO_W4, IO_W1, IO_W1 | IO_W2, IO_W1};

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths_at = port_widths};

/* ---- life ---- */

static void vmport_free(struct device *dev)
{
    struct vmport *p = from_dev(dev);

    iomap_remove(dev->env->iomap, &p->region);
    device_fini(dev);
    free(p);
}

static const struct device_class vmport_class = {
    .name = "vmmouse",
    .title = "VMware port with absolute pointer",
    .fields = vmport_fields,
    .field_count = sizeof(vmport_fields) / sizeof(vmport_fields[0]),
    .free = vmport_free,
};

struct device *vmport_new(const struct dev_env *env, const char *id, const struct vmport_config *cfg,
                          char *why, size_t why_size)
{
    struct vmport *p = calloc(1, sizeof(*p));

    if (!p)
        abort(); /* out of host memory at start */
    device_init(&p->dev, &vmport_class, env, id);
    p->region = (struct io_region){.name = p->dev.id, .space = IO_PORT, .base = cfg->port, .size = PORTS,
                                   .ops = &port_ops, .chip = p, .lock = p->dev.lock};
    if (!iomap_add(env->iomap, &p->region, why, why_size)) {
        device_free(&p->dev);
        return NULL;
    }
    device_reset(&p->dev);
    return &p->dev;
}

bool vmport_point(struct device *dev, uint16_t x, uint16_t y, int dz, unsigned buttons)
{
    return vmmouse_point(&from_dev(dev)->mouse, x, y, dz, buttons);
}

bool vmport_move(struct device *dev, int dx, int dy, int dz, unsigned buttons)
{
    return vmmouse_move(&from_dev(dev)->mouse, dx, dy, dz, buttons);
}

bool vmport_is_absolute(struct device *dev)
{
    return from_dev(dev)->mouse.state == VMMOUSE_ABSOLUTE;
}
