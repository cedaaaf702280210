/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: screen-record-start, screen-record-stop, query-screen-record. */
#include "dm/monitor/qmp_record.h"

#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/screen.h"
#include "dm/vm.h"
#include "ui/asciicast.h"

#define POLL_MS 40
#define DEFAULT_MAX_BYTES (64u << 20)
#define MAX_MAX_BYTES (1ull << 40)
#define GRAPHICS_SHARE 10 /* looking for text in pictures takes one part of the time at most */
#define GRAPHICS_US (200 * 1000)

/* One display, one recording. */
static struct {
    struct asciicast *cast; /* NULL: there is none */
    char *filename;
    guint poll;
    uint64_t changes; /* display_changes() of what was looked at last */
    int64_t next_us;
} recording;

static JsonObject *counts_object(void)
{
    struct asciicast_counts counts;
    JsonObject *o = json_object_new();

    asciicast_counts(recording.cast, &counts);
    json_object_set_string_member(o, "filename", recording.filename);
    json_object_set_int_member(o, "bytes", (gint64)counts.bytes);
    json_object_set_int_member(o, "events", (gint64)counts.events);
    json_object_set_double_member(o, "seconds", (double)counts.last_us / G_USEC_PER_SEC);
    return o;
}

static void forget(void)
{
    if (recording.poll)
        g_source_remove(recording.poll); /* also from inside poll_screen() */
    asciicast_free(recording.cast);
    g_free(recording.filename);
    recording.cast = NULL;
    recording.filename = NULL;
    recording.poll = 0;
}

static void end(struct vm *vm, const char *reason, const GError *error)
{
    JsonObject *data = counts_object();

    json_object_set_string_member(data, "reason", reason);
    if (error)
        json_object_set_string_member(data, "error", error->message);
    forget();
    monitor_event(vm, "SCREEN_RECORD_STOPPED", json_node_of_object(data));
}

static bool has_changed(struct vm *vm)
{
    struct display_source *source = vm_display(vm);
    uint64_t changes;

    display_enter(source);
    changes = display_changes(source);
    display_leave(source);
    if (changes == recording.changes)
        return false;
    recording.changes = changes;
    return true;
}

/* False: the recording has ended. */
static bool add(struct vm *vm)
{
    int64_t began_us = g_get_monotonic_time();
    struct screen_reader *r = screen_now(vm, SCREEN_GLYPHS, NULL);
    g_autoptr(GError) error = NULL;
    enum asciicast_result result = ASCIICAST_OK;

    if (r)
        result = asciicast_add(recording.cast, r, began_us, &error);
    if (r && !r->text_mode)
        recording.next_us = began_us + MAX(GRAPHICS_US, (g_get_monotonic_time() - began_us) * GRAPHICS_SHARE);
    if (result == ASCIICAST_OK)
        return true;
    end(vm, result == ASCIICAST_FULL ? "max-bytes" : "error", error);
    return false;
}

static gboolean poll_screen(gpointer vm)
{
    if (g_get_monotonic_time() < recording.next_us || !has_changed(vm))
        return G_SOURCE_CONTINUE;
    add(vm);
    return recording.cast ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static JsonNode *record_start(struct vm *vm, JsonObject *args, GError **error)
{
    uint64_t max_bytes = DEFAULT_MAX_BYTES;
    struct screen_reader *r;

    if (recording.cast)
        return qmp_fail(error, "the screen is being recorded to '%s'", recording.filename);
    if (!qmp_size(args, "max-bytes", &max_bytes, error))
        return NULL;
    if (max_bytes < ASCIICAST_MIN_BYTES || max_bytes > MAX_MAX_BYTES)
        return qmp_fail(error, "Parameter 'max-bytes': from %u to %llu", ASCIICAST_MIN_BYTES, MAX_MAX_BYTES);
    r = screen_now(vm, SCREEN_GLYPHS, error);
    if (!r)
        return NULL;
    recording.cast = asciicast_new(qmp_string(args, "filename"), max_bytes, vm_config(vm)->name, r, error);
    if (!recording.cast)
        return NULL;
    recording.filename = g_strdup(qmp_string(args, "filename"));
    recording.changes = 0;
    recording.next_us = 0;
    recording.poll = g_timeout_add(POLL_MS, poll_screen, vm);
    return qmp_nothing();
}

static JsonNode *record_stop(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o;

    (void)args;
    if (!recording.cast)
        return qmp_fail(error, "the screen is not being recorded");
    if (!add(vm)) /* what happened since the last look */
        return qmp_fail(error, "the recording has just ended by itself: SCREEN_RECORD_STOPPED says why");
    o = counts_object();
    end(vm, "stopped", NULL);
    return json_node_of_object(o);
}

static JsonNode *query_record(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = recording.cast ? counts_object() : json_object_new();

    (void)vm, (void)args, (void)error;
    json_object_set_boolean_member(o, "recording", recording.cast != NULL);
    return json_node_of_object(o);
}

void qmp_record_close(struct vm *vm)
{
    if (recording.cast && vm_display(vm) && add(vm))
        end(vm, "shutdown", NULL);
}

static const struct qmp_arg start_args[] = {{"filename", QMP_STRING, false, NULL},
                                            {"max-bytes", QMP_INT, true, NULL}, {0}};

static const struct qmp_command commands[] = {
    {"screen-record-start", record_start, start_args, true, false},
    {"screen-record-stop", record_stop, NULL, true, false},
    {"query-screen-record", query_record, NULL, true, false},
};

const struct qmp_table qmp_record_table = {commands, G_N_ELEMENTS(commands)};
