/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/ps2_keyboard.h"

#include <string.h>

enum {
    REPLY_ECHO = 0xee,
    REPLY_ACK = 0xfa,
    REPLY_RESEND = 0xfe,
    REPLY_BAT_OK = 0xaa,
    COMMAND_FIRST = 0xed, /* no parameter is as large */
    REPLY_BYTES = 8,
    KEY_BYTES = 8, /* the longest key: Pause in set 2 */
};

const char *const ps2_keyboard_state_names[KBD_STATES] = {
    [KBD_IDLE] = "idle",
    [KBD_LEDS] = "leds",
    [KBD_SCAN_SET] = "scan-set",
    [KBD_RATE] = "rate",
    [KBD_LIST_TYPEMATIC] = "list-typematic",
    [KBD_LIST_MAKE_BREAK] = "list-make-break",
    [KBD_LIST_MAKE] = "list-make",
};

/* The one place where the state changes. */
static void enter(struct ps2_keyboard *kbd, enum ps2_keyboard_state state)
{
    kbd->state = state;
}

static void reply(struct ps2_keyboard *kbd, uint8_t byte)
{
    ps2_queue_push(&kbd->reply, byte, REPLY_BYTES);
}

static bool bit_get(const uint8_t *bits, unsigned n)
{
    return bits[n / 8 % (PS2_KEYS / 8)] >> n % 8 & 1;
}

static void bit_put(uint8_t *bits, unsigned n, bool on)
{
    uint8_t *byte = &bits[n / 8 % (PS2_KEYS / 8)];

    *byte = (uint8_t)((*byte & ~(1u << n % 8)) | (unsigned)on << n % 8);
}

/* What waits is forgotten; of the keys the guest knows those that are still held. */
static void clear_scan(struct ps2_keyboard *kbd)
{
    ps2_queue_clear(&kbd->scan);
    kbd->mid_code = false;
    kbd->overrun = false;
    kbd->releases_due = false;
    for (unsigned i = 0; i < sizeof(kbd->told); i++)
        kbd->told[i] &= kbd->down[i];
}

static void default_key_types(struct ps2_keyboard *kbd)
{
    memset(kbd->key_type, PS2_KEY_TYPEMATIC, sizeof(kbd->key_type));
    for (unsigned n = 0; ps2_key_at(n); n++) {
        const struct ps2_key *key = ps2_key_at(n);

        kbd->key_type[key->set3] = key->type;
    }
}

static void defaults(struct ps2_keyboard *kbd)
{
    clear_scan(kbd);
    kbd->rate = PS2_KEYBOARD_RATE_DEFAULT;
    default_key_types(kbd);
}

void ps2_keyboard_power_on(struct ps2_keyboard *kbd)
{
    default_key_types(kbd);
}

/* ---- commands ---- */

static void cmd_ack(struct ps2_keyboard *kbd)
{
    reply(kbd, REPLY_ACK);
}

static void cmd_echo(struct ps2_keyboard *kbd)
{
    reply(kbd, REPLY_ECHO);
}

static void cmd_identify(struct ps2_keyboard *kbd)
{
    reply(kbd, REPLY_ACK);
    reply(kbd, 0xab);
    reply(kbd, 0x83);
}

static void cmd_enable(struct ps2_keyboard *kbd)
{
    clear_scan(kbd);
    kbd->scanning = true;
    reply(kbd, REPLY_ACK);
}

static void cmd_disable(struct ps2_keyboard *kbd)
{
    defaults(kbd);
    kbd->scanning = false;
    reply(kbd, REPLY_ACK);
}

static void cmd_defaults(struct ps2_keyboard *kbd)
{
    defaults(kbd);
    reply(kbd, REPLY_ACK);
}

static void all_keys(struct ps2_keyboard *kbd, enum ps2_key_type type)
{
    memset(kbd->key_type, type, sizeof(kbd->key_type));
    reply(kbd, REPLY_ACK);
}

static void cmd_all_typematic(struct ps2_keyboard *kbd)
{
    all_keys(kbd, PS2_KEY_TYPEMATIC);
}

static void cmd_all_make_break(struct ps2_keyboard *kbd)
{
    all_keys(kbd, PS2_KEY_MAKE_BREAK);
}

static void cmd_all_make(struct ps2_keyboard *kbd)
{
    all_keys(kbd, PS2_KEY_MAKE_ONLY);
}

static void cmd_all_typematic_break(struct ps2_keyboard *kbd)
{
    all_keys(kbd, PS2_KEY_TYPEMATIC_BREAK);
}

static void cmd_resend(struct ps2_keyboard *kbd)
{
    reply(kbd, kbd->last_sent);
}

static void cmd_reset(struct ps2_keyboard *kbd)
{
    defaults(kbd);
    kbd->set = 2;
    kbd->leds = 0;
    kbd->scanning = true;
    reply(kbd, REPLY_ACK);
    reply(kbd, REPLY_BAT_OK);
}

struct kbd_command {
    const char *name;
    void (*run)(struct ps2_keyboard *kbd);
    enum ps2_keyboard_state next;
};

/* By opcode, from COMMAND_FIRST on. No `run`: there is no such command. */
static const struct kbd_command commands[0x100 - COMMAND_FIRST] = {
    [0xed - COMMAND_FIRST] = {"set LEDs", cmd_ack, KBD_LEDS},
    [0xee - COMMAND_FIRST] = {"echo", cmd_echo, KBD_IDLE},
    [0xf0 - COMMAND_FIRST] = {"select scan code set", cmd_ack, KBD_SCAN_SET},
    [0xf2 - COMMAND_FIRST] = {"identify", cmd_identify, KBD_IDLE},
    [0xf3 - COMMAND_FIRST] = {"set typematic rate", cmd_ack, KBD_RATE},
    [0xf4 - COMMAND_FIRST] = {"enable", cmd_enable, KBD_IDLE},
    [0xf5 - COMMAND_FIRST] = {"default disable", cmd_disable, KBD_IDLE},
    [0xf6 - COMMAND_FIRST] = {"set default", cmd_defaults, KBD_IDLE},
    [0xf7 - COMMAND_FIRST] = {"all keys typematic", cmd_all_typematic, KBD_IDLE},
    [0xf8 - COMMAND_FIRST] = {"all keys make/break", cmd_all_make_break, KBD_IDLE},
    [0xf9 - COMMAND_FIRST] = {"all keys make", cmd_all_make, KBD_IDLE},
    [0xfa - COMMAND_FIRST] = {"all keys typematic/make/break", cmd_all_typematic_break, KBD_IDLE},
    [0xfb - COMMAND_FIRST] = {"keys typematic", cmd_ack, KBD_LIST_TYPEMATIC},
    [0xfc - COMMAND_FIRST] = {"keys make/break", cmd_ack, KBD_LIST_MAKE_BREAK},
    [0xfd - COMMAND_FIRST] = {"keys make", cmd_ack, KBD_LIST_MAKE},
    [0xfe - COMMAND_FIRST] = {"resend", cmd_resend, KBD_IDLE},
    [0xff - COMMAND_FIRST] = {"reset", cmd_reset, KBD_IDLE},
};

/* ---- parameters; false: not one ---- */

static bool param_leds(struct ps2_keyboard *kbd, uint8_t byte)
{
    if (byte > 7)
        return false;
    kbd->leds = byte;
    reply(kbd, REPLY_ACK);
    enter(kbd, KBD_IDLE);
    return true;
}

/* 0 asks for the present set; another set takes effect with an empty queue. */
static bool param_scan_set(struct ps2_keyboard *kbd, uint8_t byte)
{
    if (byte > 3)
        return false;
    reply(kbd, REPLY_ACK);
    if (byte == 0) {
        reply(kbd, kbd->set);
    } else {
        clear_scan(kbd);
        kbd->set = byte;
    }
    enter(kbd, KBD_IDLE);
    return true;
}

static bool param_rate(struct ps2_keyboard *kbd, uint8_t byte)
{
    if (byte > 0x7f)
        return false;
    kbd->rate = byte;
    reply(kbd, REPLY_ACK);
    enter(kbd, KBD_IDLE);
    return true;
}

static bool list_key(struct ps2_keyboard *kbd, uint8_t code, enum ps2_key_type type)
{
    kbd->key_type[code] = type;
    reply(kbd, REPLY_ACK);
    return true;
}

static bool param_typematic(struct ps2_keyboard *kbd, uint8_t byte)
{
    return list_key(kbd, byte, PS2_KEY_TYPEMATIC);
}

static bool param_make_break(struct ps2_keyboard *kbd, uint8_t byte)
{
    return list_key(kbd, byte, PS2_KEY_MAKE_BREAK);
}

static bool param_make(struct ps2_keyboard *kbd, uint8_t byte)
{
    return list_key(kbd, byte, PS2_KEY_MAKE_ONLY);
}

/* NULL: in this state no parameter is awaited. */
static bool (*const params[KBD_STATES])(struct ps2_keyboard *kbd, uint8_t byte) = {
    [KBD_LEDS] = param_leds,
    [KBD_SCAN_SET] = param_scan_set,
    [KBD_RATE] = param_rate,
    [KBD_LIST_TYPEMATIC] = param_typematic,
    [KBD_LIST_MAKE_BREAK] = param_make_break,
    [KBD_LIST_MAKE] = param_make,
};

static bool run_command(struct ps2_keyboard *kbd, uint8_t byte)
{
    const struct kbd_command *command = &commands[byte - COMMAND_FIRST];

    if (!command->run)
        return false;
    enter(kbd, command->next);
    command->run(kbd);
    return true;
}

const char *ps2_keyboard_write(struct ps2_keyboard *kbd, uint8_t byte)
{
    bool known = false;

    ps2_queue_clear(&kbd->reply);
    if (byte >= COMMAND_FIRST)
        known = run_command(kbd, byte);
    else if (params[kbd->state])
        known = params[kbd->state](kbd, byte);
    if (known)
        return NULL;
    reply(kbd, REPLY_RESEND);
    return byte >= COMMAND_FIRST ? "unknown keyboard command" : "unexpected byte to the keyboard";
}

/* ---- keys ---- */

struct key_bytes {
    uint8_t data[KEY_BYTES];
    unsigned count;
};

static void add(struct key_bytes *out, uint8_t byte)
{
    if (out->count < KEY_BYTES)
        out->data[out->count++] = byte;
}

static bool is_down(const struct ps2_keyboard *kbd, unsigned left, unsigned right)
{
    return bit_get(kbd->down, left) || bit_get(kbd->down, right);
}

/* One code with its prefixes in set 1 or 2. `key` as in ps2_keys.h. */
static void add_code(const struct ps2_keyboard *kbd, struct key_bytes *out, unsigned key,
                     uint8_t set2, bool down)
{
    if (key & PS2_KEY_E0)
        add(out, 0xe0);
    if (kbd->set == 1) {
        add(out, (uint8_t)((key & 0x7f) | (down ? 0 : 0x80)));
        return;
    }
    if (!down)
        add(out, 0xf0);
    add(out, set2);
}

/*
 * Print Screen: with Alt it is another key (SysRq); with Shift or Ctrl it is a plain e0 key; alone
 * it is wrapped in a shift that is not there.
 */
static void add_print(const struct ps2_keyboard *kbd, struct key_bytes *out, bool down)
{
    bool shifted = is_down(kbd, PS2_KEY_SHIFT_LEFT, PS2_KEY_SHIFT_RIGHT) ||
                   is_down(kbd, PS2_KEY_CTRL_LEFT, PS2_KEY_CTRL_RIGHT);

    if (down && !shifted)
        add_code(kbd, out, PS2_KEY_E0 | PS2_KEY_SHIFT_LEFT, 0x12, true);
    add_code(kbd, out, PS2_KEY_PRINT, 0x7c, down);
    if (!down && !shifted)
        add_code(kbd, out, PS2_KEY_E0 | PS2_KEY_SHIFT_LEFT, 0x12, false);
}

/* Pause sends its release with its press; with Ctrl it is Break. */
static void add_pause(const struct ps2_keyboard *kbd, struct key_bytes *out, bool down)
{
    static const uint8_t set1[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const uint8_t set2[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};

    if (!down)
        return;
    if (is_down(kbd, PS2_KEY_CTRL_LEFT, PS2_KEY_CTRL_RIGHT)) {
        add_code(kbd, out, PS2_KEY_PAUSE, 0x7e, true);
        add_code(kbd, out, PS2_KEY_PAUSE, 0x7e, false);
        return;
    }
    for (unsigned i = 0; i < (kbd->set == 1 ? sizeof(set1) : sizeof(set2)); i++)
        add(out, kbd->set == 1 ? set1[i] : set2[i]);
}

static void add_set3(const struct ps2_keyboard *kbd, struct key_bytes *out,
                     const struct ps2_key *key, bool down, bool again)
{
    uint8_t type = kbd->key_type[key->set3];
    bool repeats = type == PS2_KEY_TYPEMATIC || type == PS2_KEY_TYPEMATIC_BREAK;
    bool breaks = type == PS2_KEY_MAKE_BREAK || type == PS2_KEY_TYPEMATIC_BREAK;

    if (!key->set3 || (down ? again && !repeats : !breaks))
        return;
    if (!down)
        add(out, 0xf0);
    add(out, key->set3);
}

static struct key_bytes key_code(const struct ps2_keyboard *kbd, const struct ps2_key *key,
                                 bool down)
{
    struct key_bytes out = {.count = 0};

    if (kbd->set == 3)
        add_set3(kbd, &out, key, down, bit_get(kbd->told, key->key));
    else if (key->key == PS2_KEY_PAUSE)
        add_pause(kbd, &out, down);
    else if (key->key == PS2_KEY_PRINT)
        add_print(kbd, &out, down);
    else
        add_code(kbd, &out, key->key, key->set2, down);
    return out;
}

/* Queues a press or release whole, or not at all. The last place is kept for the overrun code. */
static bool queue_key(struct ps2_keyboard *kbd, const struct ps2_key *key, bool down)
{
    struct key_bytes code = key_code(kbd, key, down);

    if (ps2_queue_room(&kbd->scan, PS2_KEYBOARD_SCAN_BYTES - 1) < code.count)
        return false;
    for (unsigned i = 0; i < code.count; i++)
        ps2_queue_push(&kbd->scan, code.data[i], PS2_KEYBOARD_SCAN_BYTES - 1);
    bit_put(kbd->told, key->key, down);
    return true;
}

static void lose_key(struct ps2_keyboard *kbd, bool down)
{
    kbd->dropped++;
    if (!down)
        kbd->releases_due = true;
    if (!kbd->overrun)
        kbd->overrun = ps2_queue_push(&kbd->scan, kbd->set == 1 ? 0xff : 0x00,
                                      PS2_KEYBOARD_SCAN_BYTES);
}

static bool is_scanning(const struct ps2_keyboard *kbd)
{
    bool listing = kbd->state == KBD_LIST_TYPEMATIC || kbd->state == KBD_LIST_MAKE_BREAK ||
                   kbd->state == KBD_LIST_MAKE;

    return kbd->scanning && !listing;
}

/* Releases that found no room earlier: of keys that the guest holds for pressed, but are not. */
static void queue_due_releases(struct ps2_keyboard *kbd)
{
    if (!kbd->releases_due || !is_scanning(kbd))
        return;
    for (unsigned n = 0; ps2_key_at(n); n++) {
        const struct ps2_key *key = ps2_key_at(n);

        if (bit_get(kbd->told, key->key) && !bit_get(kbd->down, key->key) &&
            !queue_key(kbd, key, false))
            return; /* the rest when this has been read */
    }
    kbd->releases_due = false;
}

void ps2_keyboard_key(struct ps2_keyboard *kbd, unsigned name, bool down)
{
    const struct ps2_key *key = ps2_key_find(name);

    if (!key)
        return;
    bit_put(kbd->down, name, down);
    /* With Alt, Print Screen is SysRq, until it is released: whatever Alt does meanwhile. */
    if (name == PS2_KEY_PRINT && kbd->set != 3 &&
        (down ? is_down(kbd, PS2_KEY_ALT_LEFT, PS2_KEY_ALT_RIGHT)
              : bit_get(kbd->told, PS2_KEY_SYSRQ))) {
        key = ps2_key_find(PS2_KEY_SYSRQ);
        bit_put(kbd->down, PS2_KEY_SYSRQ, down);
    }
    if (!down && !bit_get(kbd->told, key->key))
        return; /* nothing the guest would know */
    if (!is_scanning(kbd)) {
        kbd->releases_due |= !down;
        return;
    }
    if (!queue_key(kbd, key, down))
        lose_key(kbd, down);
}

bool ps2_keyboard_send(struct ps2_keyboard *kbd, uint8_t *byte)
{
    if (!kbd->scan.count)
        kbd->mid_code = false;
    if (!kbd->mid_code && ps2_queue_pop(&kbd->reply, byte)) {
        kbd->last_sent = *byte;
        return true;
    }
    if (!kbd->scan.count)
        queue_due_releases(kbd);
    if (!ps2_queue_pop(&kbd->scan, byte))
        return false;
    kbd->last_sent = *byte;
    kbd->mid_code = *byte == 0xe0 || *byte == 0xe1 || (*byte == 0xf0 && kbd->set != 1);
    if (!kbd->scan.count)
        kbd->overrun = false;
    return true;
}

bool ps2_keyboard_empty(const struct ps2_keyboard *kbd)
{
    return !kbd->scan.count && !kbd->reply.count && !kbd->releases_due;
}

bool ps2_keyboard_listens(const struct ps2_keyboard *kbd)
{
    return is_scanning(kbd) && kbd->state == KBD_IDLE;
}
