/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP monitor on an in-memory peer, with a VM that only records: protocol, order of events and
 * replies, and peers that misbehave (HAZARDS M-03, M-04). tests/qtest/test_qmp.py has the real VM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chardev/chardev_backends.h"
#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "dm/vm_build.h"

/* ---- a VM that records; these stand in for dm/vm.c, which is not linked then ---- */

struct vm {
    struct vm_config config;
    enum run_state state;
    unsigned resets, powerdowns, quits, dumps;
    bool png;
};

static struct vm vm;

const char *run_state_name(enum run_state state)
{
    return state == RUN_RUNNING ? "running" : "paused";
}

enum run_state vm_run_state(const struct vm *v)
{
    return v->state;
}

const struct vm_config *vm_config(const struct vm *v)
{
    return &v->config;
}

void vm_stop(struct vm *v, enum run_state why)
{
    v->state = why;
    monitor_event(v, "STOP", NULL);
}

bool vm_cont(struct vm *v, GError **error)
{
    if (v->state == RUN_SHUTDOWN) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "reset first");
        return false;
    }
    v->state = RUN_RUNNING;
    monitor_event(v, "RESUME", NULL);
    return true;
}

void vm_system_reset(struct vm *v)
{
    v->resets++;
}

void vm_system_powerdown(struct vm *v)
{
    v->powerdowns++;
}

void vm_quit(struct vm *v, int code, const char *reason)
{
    (void)code;
    (void)reason;
    v->quits++;
    monitor_event(v, "SHUTDOWN", NULL);
}

bool vm_screendump(struct vm *v, const char *path, bool png, GError **error)
{
    v->dumps++;
    v->png = png;
    if (strcmp(path, "bad"))
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "cannot write 'bad'");
    return false;
}

struct display_source *vm_display(struct vm *v)
{
    (void)v;
    return NULL;
}

struct machine *vm_machine(struct vm *v)
{
    return (struct machine *)v; /* there is one; nobody looks into it */
}

const struct dev_env *vm_env(struct vm *v)
{
    (void)v;
    return NULL;
}

struct vcpu_group *vm_vcpus(struct vm *v)
{
    (void)v;
    return NULL;
}

struct backends *vm_backends(struct vm *v)
{
    (void)v;
    return NULL;
}

struct memory *vm_memory(struct vm *v)
{
    (void)v;
    return NULL;
}

struct irq_fabric *vm_irq(struct vm *v)
{
    (void)v;
    return NULL;
}

static struct actions actions;

struct actions *vm_actions(struct vm *v)
{
    (void)v;
    return &actions;
}

void vm_actions_changed(struct vm *v)
{
    (void)v;
}

const struct cpu_spec *vm_cpu(const struct vm *v)
{
    (void)v;
    return NULL;
}

struct kvm_cpuid2 *vm_host_cpuid(const struct vm *v)
{
    (void)v;
    return NULL;
}

bool vm_uses_kvm(const struct vm *v)
{
    (void)v;
    return false;
}

/* ---- the peer ---- */

static struct chardev *chr;
static struct monitor *mon;
static GString *inbox; /* what came, not yet looked at */

static void turn(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void collect(void)
{
    char buf[8192];
    size_t n;

    do {
        turn();
        n = chardev_memory_take(chr, buf, sizeof(buf));
        g_string_append_len(inbox, buf, (gssize)n);
    } while (n);
}

static void send(const char *text)
{
    size_t len = strlen(text), done = 0;

    /* The back end's own ring is small; what the monitor leaves has to be offered again. */
    for (int tries = 0; done < len && tries < 10000; tries++) {
        done += chardev_memory_feed(chr, text + done, len - done);
        turn();
        if (done < len) {
            collect();
            g_usleep(10); /* the back end's deferred work has its time */
        }
    }
    assert_int_equal(done, len);
}

/* The next line; NULL: none. Every line ends in CR LF. */
static JsonNode *next(void)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node;
    char *end;

    collect();
    end = strstr(inbox->str, "\r\n");
    if (!end) {
        assert_int_equal(inbox->len, 0);
        return NULL;
    }
    node = json_read(inbox->str, (size_t)(end - inbox->str), &error);
    if (!node)
        fail_msg("not JSON: %s: %s", error->message, inbox->str);
    g_string_erase(inbox, 0, end + 2 - inbox->str);
    return node;
}

/* The next line as compact JSON, time stamps left out; "" if there is none. */
static char *line(void)
{
    g_autoptr(JsonNode) node = next();

    if (!node)
        return g_strdup("");
    json_object_remove_member(json_node_get_object(node), "timestamp");
    return json_write(node, false);
}

static void expect(const char *want)
{
    g_autofree char *got = line();

    assert_string_equal(got, want);
}

/* The answer to `text` is an error of this class. */
static void expect_error(const char *text, const char *class)
{
    g_autoptr(JsonNode) node = NULL;
    JsonObject *error;

    send(text);
    node = next();
    if (!node || !json_object_has_member(json_node_get_object(node), "error"))
        fail_msg("no error for %s", text);
    error = json_object_get_object_member(json_node_get_object(node), "error");
    assert_string_equal(json_object_get_string_member(error, "class"), class);
    assert_true(strlen(json_object_get_string_member(error, "desc")) < 300);
}

static int open_pretty(void **state, bool pretty)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    vm.state = RUN_RUNNING;
    inbox = g_string_new(NULL);
    chr = chardev_open("memory", "qmp", NULL, NULL);
    mon = monitor_new(&vm, chr, pretty);
    return chr && mon ? 0 : -1;
}

static int open_raw(void **state)
{
    return open_pretty(state, false);
}

static int open_ready(void **state)
{
    g_autofree char *greeting = NULL;

    open_raw(state);
    greeting = line();
    assert_true(g_str_has_prefix(greeting, "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7"));
    send("{\"execute\":\"qmp_capabilities\"}\n");
    expect("{\"return\":{}}");
    return 0;
}

static int close_it(void **state)
{
    (void)state;
    monitor_free(mon);
    chardev_free(chr);
    g_string_free(inbox, TRUE);
    return 0;
}

/* ---- protocol ---- */

static void negotiation(void **state)
{
    g_autofree char *greeting = line();

    (void)state;
    assert_non_null(strstr(greeting, "\"capabilities\":[]"));
    monitor_event(&vm, "STOP", NULL); /* not for a peer that has not negotiated */
    expect_error("{\"execute\":\"query-status\"}", "CommandNotFound");
    expect_error("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}",
                 "GenericError");
    send("{\"execute\":\"qmp_capabilities\",\"id\":\"libvirt-1\"}");
    expect("{\"return\":{},\"id\":\"libvirt-1\"}");
    expect_error("{\"execute\":\"qmp_capabilities\"}", "CommandNotFound");
    monitor_event(&vm, "STOP", NULL);
    expect("{\"event\":\"STOP\"}");
    /* the next peer begins anew */
    chardev_memory_connect(chr, false);
    turn();
    monitor_event(&vm, "STOP", NULL);
    chardev_memory_connect(chr, true);
    g_clear_pointer(&greeting, g_free);
    greeting = line();
    assert_true(g_str_has_prefix(greeting, "{\"QMP\""));
    expect_error("{\"execute\":\"stop\"}", "CommandNotFound");
}

static void commands(void **state)
{
    (void)state;
    send("{\"execute\":\"stop\",\"id\":[1,{\"a\":null}]}");
    expect("{\"event\":\"STOP\"}"); /* before the reply of what caused it */
    expect("{\"return\":{},\"id\":[1,{\"a\":null}]}");
    send("{\"execute\":\"query-status\"}");
    expect("{\"return\":{\"running\":false,\"singlestep\":false,\"status\":\"paused\"}}");
    send("{'execute':'cont'}");
    expect("{\"event\":\"RESUME\"}");
    expect("{\"return\":{}}");
    send("{\"execute\":\"query-events\",\"id\":1}");
    expect("{\"return\":[{\"name\":\"BALLOON_CHANGE\"},{\"name\":\"BLOCK_IO_ERROR\"},"
           "{\"name\":\"BLOCK_JOB_CANCELLED\"},{\"name\":\"BLOCK_JOB_COMPLETED\"},"
           "{\"name\":\"BLOCK_JOB_ERROR\"},{\"name\":\"BLOCK_JOB_PENDING\"},"
           "{\"name\":\"BLOCK_JOB_READY\"},{\"name\":\"CHARDEV_DROPPED\"},{\"name\":\"DEVICE_DELETED\"},"
           "{\"name\":\"DEVICE_TRAY_MOVED\"},"
           "{\"name\":\"GUEST_CRASHLOADED\"},{\"name\":\"GUEST_PANICKED\"},{\"name\":\"JOB_STATUS_CHANGE\"},"
           "{\"name\":\"NETDEV_STREAM_CONNECTED\"},{\"name\":\"NETDEV_STREAM_DISCONNECTED\"},"
           "{\"name\":\"NIC_RX_FILTER_CHANGED\"},{\"name\":\"POWERDOWN\"},"
           "{\"name\":\"RESET\"},{\"name\":\"RESUME\"},{\"name\":\"SCREEN_RECORD_STOPPED\"},{\"name\":\"SHUTDOWN\"},"
           "{\"name\":\"STOP\"},{\"name\":\"TYPE_COMPLETED\"},"
           "{\"name\":\"TYPE_PROGRESS\"}"
#ifdef CONFIG_VNC
           ",{\"name\":\"VNC_CONNECTED\"},{\"name\":\"VNC_DISCONNECTED\"},{\"name\":\"VNC_INITIALIZED\"}"
#endif
           ",{\"name\":\"VSERPORT_CHANGE\"},{\"name\":\"WATCHDOG\"}],\"id\":1}");
    send("{\"execute\":\"set-action\",\"arguments\":{\"reboot\":\"shutdown\",\"watchdog\":\"inject-nmi\"}}");
    expect("{\"return\":{}}");
    assert_true(actions.of[ACTION_REBOOT] == ACTION_END && actions.of[ACTION_WATCHDOG] == ACTION_INJECT_NMI);
    send("{\"execute\":\"watchdog-set-action\",\"arguments\":{\"action\":\"pause\"}}");
    expect("{\"return\":{}}");
    assert_true(actions.of[ACTION_REBOOT] == ACTION_END && actions.of[ACTION_WATCHDOG] == ACTION_PAUSE);
    expect_error("{\"execute\":\"set-action\",\"arguments\":{\"panic\":\"reset\"}}", "GenericError");
    expect_error("{\"execute\":\"query-command-line-options\",\"arguments\":{\"option\":\"x\"}}",
                 "GenericError");
    vm.state = RUN_SHUTDOWN;
    expect_error("{\"execute\":\"cont\"}", "GenericError");
    send("{\"execute\":\"system_reset\"}{\"execute\":\"system_powerdown\"} {\"execute\":\"quit\"}");
    expect("{\"return\":{}}");
    expect("{\"return\":{}}");
    expect("{\"event\":\"SHUTDOWN\"}"); /* before the reply, as QEMU 7.2 does it */
    expect("{\"return\":{}}");
    assert_true(vm.resets == 1 && vm.powerdowns == 1 && vm.quits == 1);
    send("{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"f\",\"format\":\"png\"}}");
    expect("{\"return\":{}}");
    assert_true(vm.dumps == 1 && vm.png);
    expect_error("{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"bad\"}}",
                 "GenericError");
    expect("");
}

static void errors(void **state)
{
    static const char *const generic[] = {
        "{}", "[]", "1 ", "\"x\"", "null ", "{\"execute\":1}", "{\"execute\":{}}",
            "{\"execute\":null}",
        "{\"execute\":\"stop\",\"x\":1}", "{\"execute\":\"stop\",\"arguments\":[]}",
        "{\"execute\":\"stop\",\"arguments\":{\"x\":1}}", "{\"execute\":\"screendump\"}",
        "{\"execute\":\"screendump\",\"arguments\":{\"filename\":1}}",
        "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"f\",\"format\":\"gif\"}}",
        "{\"execute\":\"screendump\",\"arguments\":{\"filename\":null}}",
        "{\"execute\":\"stop\",\"execute\":\"cont\"}", "{\"execute\":\"stop\",}", "{stop}\n",
        "}\n", "{\"a\n", "{]\n",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(generic); i++)
        expect_error(generic[i], "GenericError");
    expect_error("{\"execute\":\"no-such\"}", "CommandNotFound");
    expect_error("{\"execute\":\"\"}", "CommandNotFound");
    expect_error("{\"execute\":\"device-list-properties\",\"arguments\":{\"typename\":\"x\"}}",
                 "DeviceNotFound");
    assert_int_equal(vm.state, RUN_RUNNING);
    expect("");
}

static void byte_by_byte(void **state)
{
    static const char text[] = "\n {\"execute\" :\t\"query-name\",\"id\":\"}{\\\"\\u0041\"}\r\n"
                               "{\"execute\":\"query-target\"}";

    (void)state;
    for (const char *p = text; *p; p++) {
        const char one[] = {*p, 0};

        send(one);
    }
    expect("{\"return\":{},\"id\":\"}{\\\"A\"}");
    expect("{\"return\":{\"arch\":\"x86_64\"}}");
}

/* Every query that needs nothing answers, and the schema knows every command and type. */
static void table(void **state)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(JsonNode) node = NULL;
    JsonArray *schema;
    unsigned count;
    const struct qmp_command *c = qmp_commands(&count);

    (void)state;
    send("{\"execute\":\"query-qmp-schema\"}");
    node = next();
    schema = json_object_get_array_member(json_node_get_object(node), "return");
    for (guint i = 0; i < json_array_get_length(schema); i++) {
        JsonObject *o = json_array_get_object_element(schema, i);

        assert_true(g_hash_table_add(known, g_strdup(json_object_get_string_member(o, "name"))));
    }
    for (guint i = 0; i < json_array_get_length(schema); i++) {
        JsonObject *o = json_array_get_object_element(schema, i);

        if (json_object_has_member(o, "arg-type"))
            assert_true(g_hash_table_contains(known, json_object_get_string_member(o, "arg-type")));
    }
    for (unsigned i = 0; i < count; i++) {
        assert_true(g_hash_table_contains(known, c[i].name));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(c[i].name, c[j].name);
    }
}

static void pretty(void **state)
{
    open_pretty(state, true);
    collect();
    assert_non_null(strstr(inbox->str, "\n    \"QMP\""));
    assert_true(g_str_has_suffix(inbox->str, "}\r\n"));
}

/* ---- peers that misbehave ---- */

static size_t held(void)
{
    return chardev_queued(chr);
}

/* M-03: nobody reads: input is left standing, memory is bounded; then all answers come. */
static void flood_of_commands(void **state)
{
    static const char command[] = "{\"execute\":\"query-commands\"}";
    size_t fed = 0, stuck = 0, answers = 0;
    g_autoptr(JsonNode) node = NULL;

    (void)state;
    chardev_memory_set_room(chr, 0);
    for (int i = 0; i < 100000 && stuck < 100; i++) {
        size_t n = chardev_memory_feed(chr, command, sizeof(command) - 1);

        turn();
        if (n && n < sizeof(command) - 1)
            break; /* cut in the middle: finished below */
        fed += n == sizeof(command) - 1;
        stuck += !n;
    }
    assert_true(fed < 5000); /* it stopped reading */
    assert_true(held() <= 65536);
    chardev_memory_connect(chr, false);
    chardev_memory_set_room(chr, 1 << 20);
    chardev_memory_connect(chr, true);
    g_string_truncate(inbox, 0);
    node = next();
    assert_true(json_object_has_member(json_node_get_object(node), "QMP"));
    /* and a peer that does read gets each answer, however many it asks for at once */
    send("{\"execute\":\"qmp_capabilities\"}");
    expect("{\"return\":{}}");
    for (int i = 0; i < 2000; i++)
        send("{\"execute\":\"query-qmp-schema\"}");
    for (;;) {
        g_autoptr(JsonNode) answer = next();

        if (!answer)
            break;
        assert_true(json_object_has_member(json_node_get_object(answer), "return"));
        answers++;
    }
    assert_int_equal(answers, 2000);
}

/* M-04: events that nobody reads: bounded, then the peer is cut off; the next one is served. */
static void flood_of_events(void **state)
{
    g_autoptr(JsonNode) node = NULL;

    (void)state;
    chardev_memory_set_room(chr, 0);
    for (int i = 0; i < 100000; i++) {
        monitor_event(&vm, i & 1 ? "STOP" : "RESUME", NULL);
        if (i % 100 == 0)
            turn();
    }
    turn();
    assert_false(chardev_connected(chr));
    assert_int_equal(held(), 0);
    chardev_memory_set_room(chr, 1 << 20);
    chardev_memory_connect(chr, true);
    g_string_truncate(inbox, 0);
    node = next();
    assert_true(json_object_has_member(json_node_get_object(node), "QMP"));
}

static void too_long_and_too_deep(void **state)
{
    g_autofree char *longer = g_strnfill(3 << 20, 'x');
    g_autofree char *text = g_strconcat("{\"execute\":\"", longer, "\"}\n", NULL);
    g_autofree char *deep = g_strnfill(100000, '[');

    (void)state;
    expect_error(text, "GenericError");
    expect_error(deep, "GenericError");
    send("\n{\"execute\":\"query-target\"}");
    expect("{\"return\":{\"arch\":\"x86_64\"}}");
    expect("");
}

/* Damaged commands of any kind: each line answered or skipped, and the next good one works. */
static void damaged_commands(void **state)
{
    static const char good[] = "{\"execute\":\"query-status\",\"arguments\":{},\"id\":\"a\"}";
    GRand *rng = g_rand_new_with_seed(42);

    (void)state;
    for (int round = 0; round < 3000; round++) {
        char text[sizeof(good) + 1];

        memcpy(text, good, sizeof(good));
        for (int n = g_rand_int_range(rng, 1, 6); n > 0; n--)
            text[g_rand_int_range(rng, 0, sizeof(good) - 1)] = (char)g_rand_int_range(rng, 1, 256);
        strcpy(text + sizeof(good) - 1, "\n");
        send(text);
        if (round % 50)
            continue;
        /* a quote or bracket may still be open: a line end closes the one, "]}" the others */
        send("\n]}]}\"\n\n");
        send("\n{\"execute\":\"query-target\",\"id\":\"mark\"}\n");
        for (;;) {
            g_autofree char *got = line();

            if (!*got)
                fail_msg("round %d: no answer any more", round);
            if (!strcmp(got, "{\"return\":{\"arch\":\"x86_64\"},\"id\":\"mark\"}"))
                break;
        }
    }
    g_rand_free(rng);
    assert_int_equal(vm.quits, 0);
}

/* A peer that goes away in the middle of a command leaves nothing for the next. */
static void gone_in_the_middle(void **state)
{
    g_autoptr(JsonNode) node = NULL;

    (void)state;
    send("{\"execute\":\"st");
    chardev_memory_connect(chr, false);
    turn();
    chardev_memory_connect(chr, true);
    node = next();
    assert_true(json_object_has_member(json_node_get_object(node), "QMP"));
    send("{\"execute\":\"qmp_capabilities\"}");
    expect("{\"return\":{}}");
}

#define TEST(f, open) cmocka_unit_test_setup_teardown(f, open, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(negotiation, open_raw), TEST(commands, open_ready), TEST(errors, open_ready),
        TEST(byte_by_byte, open_ready), TEST(table, open_ready), TEST(pretty, NULL),
        TEST(flood_of_commands, open_ready), TEST(flood_of_events, open_ready),
        TEST(too_long_and_too_deep, open_ready), TEST(damaged_commands, open_ready),
        TEST(gone_in_the_middle, open_ready),
    };

    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
