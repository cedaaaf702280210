/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/i8042.h"

#include <stdlib.h>

#include "hw/input/ps2_keyboard.h"
#include "hw/input/ps2_mouse.h"

enum { PORT_DATA = 0x60, PORT_COMMAND = 0x64 };

/* Status, port 0x64. */
enum {
    STATUS_OBF = 0x01,
    STATUS_SYS = 0x04,
    STATUS_A2 = 0x08,      /* the last write went to 0x64 */
    STATUS_UNLOCKED = 0x10, /* the key switch */
    STATUS_MOBF = 0x20,    /* the byte is the mouse's */
};

/* Command byte. */
enum {
    MODE_KBD_IRQ = 0x01,
    MODE_MOUSE_IRQ = 0x02,
    MODE_SYS = 0x04,
    MODE_KBD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,
    MODE_RESET = MODE_KBD_IRQ | MODE_MOUSE_IRQ,
};

/* Output port. Bits 4 and 5 are the interrupt lines and not stored. */
enum {
    OUT_NO_RESET = 0x01,
    OUT_A20 = 0x02,
    OUT_KBD_IRQ = 0x10,
    OUT_MOUSE_IRQ = 0x20,
    OUT_LINES = OUT_KBD_IRQ | OUT_MOUSE_IRQ,
    OUT_RESET = 0xcf,
};

enum { RAM_BYTES = 32, SELF_TEST_PASSED = 0x55, INPORT_UNLOCKED = 0x80, NO_PASSWORD = 0xf1 };

enum i8042_state {
    KBC_IDLE,
    KBC_WRITE_RAM,
    KBC_WRITE_OUTPORT,
    KBC_WRITE_KBD_OUT,
    KBC_WRITE_AUX_OUT,
    KBC_WRITE_AUX,
    KBC_STATES
};
static const char *const state_names[KBC_STATES] = {
    [KBC_IDLE] = "idle",
    [KBC_WRITE_RAM] = "write-ram",
    [KBC_WRITE_OUTPORT] = "write-outport",
    [KBC_WRITE_KBD_OUT] = "write-kbd-out",
    [KBC_WRITE_AUX_OUT] = "write-aux-out",
    [KBC_WRITE_AUX] = "write-aux",
};

/* Whose byte the output buffer holds, or held last. */
enum i8042_source { FROM_CONTROLLER, FROM_CONTROLLER_AUX, FROM_KBD, FROM_MOUSE, SOURCES };
static const char *const source_names[SOURCES] = {
    [FROM_CONTROLLER] = "controller",
    [FROM_CONTROLLER_AUX] = "controller-aux",
    [FROM_KBD] = "keyboard",
    [FROM_MOUSE] = "mouse",
};

struct i8042 {
    struct device dev;
    struct io_region data_region, command_region;
    struct i8042_config cfg;

    uint8_t state;     /* enum i8042_state */
    uint8_t ram_index; /* for KBC_WRITE_RAM */
    uint8_t mode;      /* the command byte: address 0 of the memory */
    uint8_t ram[RAM_BYTES]; /* the other addresses; [0] is not used */
    uint8_t outport;
    bool a2;
    bool tested; /* self-test done */
    bool obf;
    uint8_t out;    /* output buffer */
    uint8_t source; /* enum i8042_source */
    bool reply;     /* the controller has a byte for the output buffer ... */
    uint8_t reply_byte;
    bool reply_aux;   /* ... marked as the mouse's */
    bool break_seen;  /* translation: f0 came, the next code is a release */
    struct ps2_keyboard kbd;
    struct ps2_mouse mouse;
};

static const struct dev_field i8042_fields[] = {
    DEV_FIELD_ENUM(struct i8042, U8, state, KBC_IDLE, state_names),
    DEV_FIELD(struct i8042, U8, ram_index, 0, RAM_BYTES - 1),
    DEV_FIELD(struct i8042, U8, mode, MODE_RESET, 0),
    DEV_FIELD_BYTES(struct i8042, ram),
    DEV_FIELD(struct i8042, U8, outport, OUT_RESET, 0),
    DEV_FIELD(struct i8042, BOOL, a2, 0, 1),
    DEV_FIELD(struct i8042, BOOL, tested, 0, 1),
    DEV_FIELD(struct i8042, BOOL, obf, 0, 1),
    DEV_FIELD(struct i8042, U8, out, 0, 0),
    DEV_FIELD_ENUM(struct i8042, U8, source, FROM_CONTROLLER, source_names),
    DEV_FIELD(struct i8042, BOOL, reply, 0, 1),
    DEV_FIELD(struct i8042, U8, reply_byte, 0, 0),
    DEV_FIELD(struct i8042, BOOL, reply_aux, 0, 1),
    DEV_FIELD(struct i8042, BOOL, break_seen, 0, 1),
    PS2_KEYBOARD_FIELDS(struct i8042, kbd),
    PS2_MOUSE_FIELDS(struct i8042, mouse),
};

static struct i8042 *from_dev(struct device *dev)
{
    return (struct i8042 *)dev;
}

/* The one place where the state changes. */
static void enter(struct i8042 *s, enum i8042_state state)
{
    s->state = state;
}

/* ---- outputs ---- */

static bool is_aux(const struct i8042 *s)
{
    return s->source == FROM_MOUSE || s->source == FROM_CONTROLLER_AUX;
}

/* A disabled keyboard interface has its interrupt off too: drivers rely on it while they poll. */
static bool kbd_irq_level(const struct i8042 *s)
{
    return s->obf && !is_aux(s) && (s->mode & MODE_KBD_IRQ) && !(s->mode & MODE_KBD_OFF);
}

static bool mouse_irq_level(const struct i8042 *s)
{
    return s->obf && is_aux(s) && (s->mode & MODE_MOUSE_IRQ);
}

static void update_pins(struct i8042 *s)
{
    irq_pin_set(&s->cfg.kbd_irq, kbd_irq_level(s));
    irq_pin_set(&s->cfg.mouse_irq, mouse_irq_level(s));
}

/*
 * Set 2 to set 1, as the controller's ROM does it. Codes from 0x80 on pass unchanged but 83 (F7)
 * and 84 (SysRq); answers of the keyboard pass through here too, so that its id reads ab 41.
 */
static const uint8_t set1_of[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

static uint8_t translate_code(uint8_t code)
{
    if (code < sizeof(set1_of))
        return set1_of[code];
    return code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code;
}

/* A byte of the keyboard as the host sees it; false: swallowed, it marks the next as a release. */
static bool translate(struct i8042 *s, uint8_t *byte)
{
    if (!(s->mode & MODE_TRANSLATE)) {
        s->break_seen = false;
        return true;
    }
    if (*byte == 0xf0) {
        s->break_seen = true;
        return false;
    }
    *byte = (uint8_t)(translate_code(*byte) | (s->break_seen ? 0x80 : 0));
    s->break_seen = false;
    return true;
}

/* The next byte of the keyboard; a swallowed one is followed by another, so two tries suffice. */
static bool kbd_byte(struct i8042 *s, uint8_t *byte)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!ps2_keyboard_send(&s->kbd, byte))
            return false;
        if (translate(s, byte))
            return true;
    }
    return false;
}

static bool next_byte(struct i8042 *s)
{
    if (s->reply) {
        s->reply = false;
        s->out = s->reply_byte;
        s->source = s->reply_aux ? FROM_CONTROLLER_AUX : FROM_CONTROLLER;
        return true;
    }
    if (!(s->mode & MODE_KBD_OFF) && kbd_byte(s, &s->out)) {
        s->source = FROM_KBD;
        return true;
    }
    if (!(s->mode & MODE_MOUSE_OFF) && ps2_mouse_send(&s->mouse, &s->out)) {
        s->source = FROM_MOUSE;
        return true;
    }
    return false;
}

/* After anything happened: fills the output buffer if it is empty, and derives the pins. */
static void settle(struct i8042 *s)
{
    if (!s->obf)
        s->obf = next_byte(s);
    update_pins(s);
}

/* A byte of the controller's own. One that was not fetched yet is replaced. */
static void put_reply(struct i8042 *s, uint8_t byte, bool aux)
{
    if (s->reply)
        device_guest_error(&s->dev, "keyboard controller: a reply was not read");
    s->reply = true;
    s->reply_byte = byte;
    s->reply_aux = aux;
}

static void complain(struct i8042 *s, const char *what, uint8_t byte)
{
    if (what)
        device_guest_error(&s->dev, "%s %02x", what, byte);
}

/* ---- the byte that a command waits for, written to 0x60 ---- */

static void param_kbd(struct i8042 *s, uint8_t byte)
{
    s->mode &= (uint8_t)~MODE_KBD_OFF; /* sending opens the interface */
    complain(s, ps2_keyboard_write(&s->kbd, byte), byte);
}

static void param_ram(struct i8042 *s, uint8_t byte)
{
    if (s->ram_index)
        s->ram[s->ram_index % RAM_BYTES] = byte;
    else
        s->mode = byte;
}

static void set_outport(struct i8042 *s, uint8_t byte)
{
    s->outport = byte & (uint8_t)~OUT_LINES;
    if (!(byte & OUT_NO_RESET)) {
        s->outport |= OUT_NO_RESET;
        machine_request(&s->dev.env->machine, MACHINE_RESET, 0);
    }
}

static void param_kbd_out(struct i8042 *s, uint8_t byte)
{
    put_reply(s, byte, false);
}

static void param_aux_out(struct i8042 *s, uint8_t byte)
{
    put_reply(s, byte, true);
}

static void param_aux(struct i8042 *s, uint8_t byte)
{
    s->mode &= (uint8_t)~MODE_MOUSE_OFF;
    complain(s, ps2_mouse_write(&s->mouse, byte), byte);
}

/* Each state ends with its byte; in IDLE the byte is the keyboard's. */
static void (*const params[KBC_STATES])(struct i8042 *s, uint8_t byte) = {
    [KBC_IDLE] = param_kbd,
    [KBC_WRITE_RAM] = param_ram,
    [KBC_WRITE_OUTPORT] = set_outport,
    [KBC_WRITE_KBD_OUT] = param_kbd_out,
    [KBC_WRITE_AUX_OUT] = param_aux_out,
    [KBC_WRITE_AUX] = param_aux,
};

/* ---- commands, written to 0x64 ---- */

static void cmd_read_ram(struct i8042 *s, uint8_t opcode)
{
    unsigned index = opcode % RAM_BYTES;

    put_reply(s, index ? s->ram[index] : s->mode, false);
}

static void cmd_write_ram(struct i8042 *s, uint8_t opcode)
{
    s->ram_index = opcode % RAM_BYTES;
}

static void cmd_password(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    put_reply(s, NO_PASSWORD, false);
}

static void cmd_mouse_off(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->mode |= MODE_MOUSE_OFF;
}

static void cmd_mouse_on(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->mode &= (uint8_t)~MODE_MOUSE_OFF;
}

static void cmd_self_test(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->tested = true;
    put_reply(s, SELF_TEST_PASSED, false);
}

/* Both interface tests find their lines in order. */
static void cmd_test_lines(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    put_reply(s, 0x00, false);
}

static void cmd_kbd_off(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->mode |= MODE_KBD_OFF;
}

static void cmd_kbd_on(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->mode &= (uint8_t)~MODE_KBD_OFF;
}

static void cmd_read_inport(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    put_reply(s, INPORT_UNLOCKED, false);
}

static void cmd_read_outport(struct i8042 *s, uint8_t opcode)
{
    unsigned lines =
        (kbd_irq_level(s) ? OUT_KBD_IRQ : 0) | (mouse_irq_level(s) ? OUT_MOUSE_IRQ : 0);

    (void)opcode;
    put_reply(s, (uint8_t)(s->outport | lines), false);
}

static void cmd_none(struct i8042 *s, uint8_t opcode)
{
    (void)s;
    (void)opcode;
}

/* The clock lines: high when the interface is on. */
static void cmd_test_inputs(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    put_reply(s, (s->mode & MODE_KBD_OFF ? 0 : 1) | (s->mode & MODE_MOUSE_OFF ? 0 : 2), false);
}

static void cmd_a20_off(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->outport &= (uint8_t)~OUT_A20;
}

static void cmd_a20_on(struct i8042 *s, uint8_t opcode)
{
    (void)opcode;
    s->outport |= OUT_A20;
}

/* Pulses the output lines whose bits are 0 low; of them the processor's reset is connected. */
static void cmd_pulse(struct i8042 *s, uint8_t opcode)
{
    if (!(opcode & OUT_NO_RESET))
        machine_request(&s->dev.env->machine, MACHINE_RESET, 0);
}

struct kbc_command {
    uint8_t first, last; /* opcodes */
    enum i8042_state next;
    void (*run)(struct i8042 *s, uint8_t opcode);
    const char *name;
};

static const struct kbc_command commands[] = {
    {0x20, 0x3f, KBC_IDLE, cmd_read_ram, "read memory"},
    {0x60, 0x7f, KBC_WRITE_RAM, cmd_write_ram, "write memory"},
    {0xa4, 0xa4, KBC_IDLE, cmd_password, "test password"},
    {0xa7, 0xa7, KBC_IDLE, cmd_mouse_off, "disable mouse"},
    {0xa8, 0xa8, KBC_IDLE, cmd_mouse_on, "enable mouse"},
    {0xa9, 0xa9, KBC_IDLE, cmd_test_lines, "test mouse interface"},
    {0xaa, 0xaa, KBC_IDLE, cmd_self_test, "self-test"},
    {0xab, 0xab, KBC_IDLE, cmd_test_lines, "test keyboard interface"},
    {0xad, 0xad, KBC_IDLE, cmd_kbd_off, "disable keyboard"},
    {0xae, 0xae, KBC_IDLE, cmd_kbd_on, "enable keyboard"},
    {0xc0, 0xc0, KBC_IDLE, cmd_read_inport, "read input port"},
    {0xd0, 0xd0, KBC_IDLE, cmd_read_outport, "read output port"},
    {0xd1, 0xd1, KBC_WRITE_OUTPORT, cmd_none, "write output port"},
    {0xd2, 0xd2, KBC_WRITE_KBD_OUT, cmd_none, "write keyboard output buffer"},
    {0xd3, 0xd3, KBC_WRITE_AUX_OUT, cmd_none, "write mouse output buffer"},
    {0xd4, 0xd4, KBC_WRITE_AUX, cmd_none, "write to mouse"},
    {0xdd, 0xdd, KBC_IDLE, cmd_a20_off, "A20 off"},
    {0xdf, 0xdf, KBC_IDLE, cmd_a20_on, "A20 on"},
    {0xe0, 0xe0, KBC_IDLE, cmd_test_inputs, "read test inputs"},
    {0xf0, 0xff, KBC_IDLE, cmd_pulse, "pulse output lines"},
};

static void run_command(struct i8042 *s, uint8_t opcode)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct kbc_command *command = &commands[i];

        if (opcode < command->first || opcode > command->last)
            continue;
        enter(s, command->next);
        command->run(s, opcode);
        return;
    }
    enter(s, KBC_IDLE);
    device_guest_error(&s->dev, "unknown keyboard controller command %02x", opcode);
}

/* ---- ports ---- */

static uint64_t data_read(void *chip, uint64_t off, unsigned size)
{
    struct i8042 *s = chip;
    uint8_t byte = s->out; /* an empty buffer reads as what was last in it */

    (void)off;
    (void)size;
    s->obf = false;
    update_pins(s); /* low, before the next byte raises it again */
    settle(s);
    return byte;
}

static void data_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct i8042 *s = chip;
    enum i8042_state state = s->state;

    (void)off;
    (void)size;
    s->a2 = false;
    enter(s, KBC_IDLE);
    params[state](s, (uint8_t)value);
    settle(s);
}

static uint64_t status_read(void *chip, uint64_t off, unsigned size)
{
    const struct i8042 *s = chip;

    (void)off;
    (void)size;
    /* Guests take SYS for "was tested", and SeaBIOS clears it in the command byte: so either. */
    return STATUS_UNLOCKED | (s->obf ? STATUS_OBF : 0) | (s->obf && is_aux(s) ? STATUS_MOBF : 0) |
           (s->tested || (s->mode & MODE_SYS) ? STATUS_SYS : 0) | (s->a2 ? STATUS_A2 : 0);
}

static void command_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct i8042 *s = chip;

    (void)off;
    (void)size;
    s->a2 = true;
    run_command(s, (uint8_t)value);
    settle(s);
}

static const struct io_ops data_ops = {.read = data_read, .write = data_write, .widths = IO_W1};
static const struct io_ops command_ops = {
    .read = status_read, .write = command_write, .widths = IO_W1};

/* ---- life ---- */

static void i8042_reset(struct device *dev)
{
    struct i8042 *s = from_dev(dev);

    ps2_keyboard_power_on(&s->kbd);
    ps2_mouse_power_on(&s->mouse);
    update_pins(s);
}

static const char *i8042_post_load(struct device *dev)
{
    struct i8042 *s = from_dev(dev);
    const char *fault = ps2_mouse_check(&s->mouse);

    if (!fault)
        update_pins(s);
    return fault;
}

static void i8042_free(struct device *dev)
{
    struct i8042 *s = from_dev(dev);

    iomap_remove(dev->env->iomap, &s->data_region);
    iomap_remove(dev->env->iomap, &s->command_region);
    device_fini(dev);
    free(s);
}

static const struct device_class i8042_class = {
    .name = "i8042",
    .title = "PS/2 keyboard controller with keyboard and mouse",
    .fields = i8042_fields,
    .field_count = sizeof(i8042_fields) / sizeof(i8042_fields[0]),
    .reset = i8042_reset,
    .post_load = i8042_post_load,
    .free = i8042_free,
};

static struct io_region port_region(struct i8042 *s, const char *name, uint64_t port,
                                    const struct io_ops *ops)
{
    return (struct io_region){.name = name, .space = IO_PORT, .base = port, .size = 1, .ops = ops,
                              .chip = s, .lock = s->dev.lock};
}

struct device *i8042_new(const struct dev_env *env, const char *id, const struct i8042_config *cfg,
                         char *why, size_t why_size)
{
    struct i8042 *s = calloc(1, sizeof(*s));

    if (!s)
        abort(); /* out of host memory at start */
    device_init(&s->dev, &i8042_class, env, id);
    s->cfg = *cfg;
    s->data_region = port_region(s, "i8042.data", PORT_DATA, &data_ops);
    s->command_region = port_region(s, "i8042.command", PORT_COMMAND, &command_ops);
    if (!iomap_add(env->iomap, &s->data_region, why, why_size) ||
        !iomap_add(env->iomap, &s->command_region, why, why_size)) {
        device_free(&s->dev);
        return NULL;
    }
    device_reset(&s->dev);
    return &s->dev;
}

void i8042_key(struct device *dev, unsigned keycode, bool down)
{
    struct i8042 *s = from_dev(dev);

    ps2_keyboard_key(&s->kbd, keycode, down);
    settle(s);
}

bool i8042_has_key(unsigned keycode)
{
    return ps2_key_find(keycode) != NULL;
}

void i8042_mouse(struct device *dev, int dx, int dy, int dz, unsigned buttons)
{
    struct i8042 *s = from_dev(dev);

    ps2_mouse_move(&s->mouse, dx, dy, dz, buttons);
    settle(s);
}

void i8042_mouse_wake(struct device *dev)
{
    struct i8042 *s = from_dev(dev);

    ps2_mouse_wake(&s->mouse);
    settle(s);
}

bool i8042_kbd_ready(struct device *dev)
{
    const struct i8042 *s = from_dev(dev);

    return ps2_keyboard_empty(&s->kbd) && ps2_keyboard_listens(&s->kbd) &&
           !(s->mode & MODE_KBD_OFF) && !(s->obf && s->source == FROM_KBD);
}

unsigned i8042_leds(struct device *dev)
{
    return from_dev(dev)->kbd.leds;
}
