/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subcommands: jobs, and those that start one and stay with it. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define LOOK_EVERY_S 0.5

/* ---- jobs ---- */

static char *progress_of(JsonObject *job)
{
    gint64 total = json_num(job, "total-progress"), now = json_num(job, "current-progress");
    g_autofree char *a = out_bytes(now), *b = out_bytes(total);

    return g_strdup_printf("%d %% (%s of %s)",
                           total > 0 ? (int)(100.0 * (double)now / (double)total) : 0, a, b);
}

static bool print_jobs(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) jobs = ctl_ask(ctl, "query-jobs", NULL, error);
    struct out_table *table;

    if (!jobs)
        return false;
    if (ctl->json) {
        out_json(jobs);
        return true;
    }
    table = out_table_new(5, "lllll");
    out_table_row(table, "JOB", "TYPE", "STATUS", "PROGRESS", "ERROR");
    for (guint i = 0; i < json_count(json_list(jobs)); i++) {
        JsonObject *job = json_item(json_list(jobs), i);
        g_autofree char *progress = progress_of(job);

        out_table_row(table, json_str(job, "id"), json_str(job, "type"), json_str(job, "status"), progress,
                      json_str(job, "error"));
    }
    out_table_print(table);
    return true;
}

/* query-jobs' entry of that job, a new reference; NULL without *error: there is none. */
static JsonObject *find_job(struct ctl *ctl, const char *id, GError **error)
{
    g_autoptr(JsonNode) jobs = ctl_ask(ctl, "query-jobs", NULL, error);

    for (guint i = 0; jobs && i < json_count(json_list(jobs)); i++) {
        JsonObject *job = json_item(json_list(jobs), i);

        if (!g_strcmp0(json_str(job, "id"), id))
            return json_object_ref(job);
    }
    return NULL;
}

static bool act(struct ctl *ctl, const char *action, const char *id, GError **error)
{
    static const char *const actions[] = {"pause", "resume", "cancel", "complete", "finalize", "dismiss",
                                          NULL};
    g_autofree char *command = g_strconcat("job-", action, NULL);
    g_autoptr(JsonObject) job = NULL;
    GError *why = NULL;

    if (!g_strv_contains(actions, action))
        return ctl_fail(error, CTL_USAGE, "no such action: %s; one of pause, resume, cancel, complete, "
                        "finalize, dismiss", action);
    job = find_job(ctl, id, &why);
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    if (!job)
        return ctl_fail(error, CTL_NOT_FOUND, "there is no job '%s'", id);
    return ctl_do(ctl, command, ctl_args("id", id, NULL), error);
}

bool cmd_jobs(struct ctl *ctl, GError **error)
{
    if (ctl->operands->len == 1)
        return ctl_fail(error, CTL_USAGE, "usage: kvm-dm-ctl jobs [ACTION ID]");
    return ctl->operands->len ? act(ctl, ctl_operand(ctl, 0), ctl_operand(ctl, 1), error)
                              : print_jobs(ctl, error);
}

/* ---- staying with a job ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void catch_interrupt(void)
{
    struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART: poll() is to return */

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

struct follow {
    struct ctl *ctl;
    const char *id;
    bool live;      /* the progress is shown, on a terminal */
    bool cancelled; /* by us */
    bool done;
    JsonObject *end; /* data of the last event */
    bool was_cancelled;
};

static void show_progress(struct follow *f)
{
    g_autoptr(JsonObject) job = f->live ? find_job(f->ctl, f->id, NULL) : NULL;
    g_autofree char *progress = job ? progress_of(job) : NULL;

    if (!job)
        return;
    fprintf(stderr, "\r\033[K%s: %s: %s", json_str(job, "type"), json_str(job, "status"), progress);
    fflush(stderr);
}

static void tell(struct follow *f, const char *text)
{
    fprintf(stderr, "%skvm-dm-ctl: %s: %s\n", f->live ? "\r\033[K" : "", f->id, text);
}

static void look_at(struct follow *f, JsonObject *event)
{
    const char *name = json_str(event, "event");
    JsonObject *data = json_obj(event, "data");

    if (g_strcmp0(json_str(data, "device"), f->id))
        return;
    if (!strcmp(name, "BLOCK_JOB_READY") && !f->cancelled) {
        /* Everything is copied; from now on it would follow the guest for ever. */
        JsonNode *answer = ctl_ask(f->ctl, "job-complete", ctl_args("id", f->id, NULL), NULL);

        g_clear_pointer(&answer, json_node_unref);
    } else if (!strcmp(name, "BLOCK_JOB_ERROR")) {
        tell(f, !g_strcmp0(json_str(data, "action"), "stop")
                    ? "an I/O error has paused the job; jobs resume goes on, jobs cancel ends it"
                    : "an I/O error");
    } else if (!strcmp(name, "BLOCK_JOB_COMPLETED") || !strcmp(name, "BLOCK_JOB_CANCELLED")) {
        f->done = true;
        f->was_cancelled = !strcmp(name, "BLOCK_JOB_CANCELLED");
        f->end = json_object_ref(data);
    }
}

static void cancel(struct follow *f)
{
    JsonNode *answer = ctl_ask(f->ctl, "job-cancel", ctl_args("id", f->id, NULL), NULL);

    g_clear_pointer(&answer, json_node_unref);
    f->cancelled = true;
    interrupted = 0;
}

static bool report(struct follow *f, GError **error)
{
    const char *why = json_str(f->end, "error");
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *size = out_bytes(json_num(f->end, "len"));

    if (f->live)
        fputs("\r\033[K", stderr);
    json_node_set_object(node, f->end);
    if (f->ctl->json)
        out_json(node);
    if (why)
        return ctl_fail(error, CTL_REFUSED, "%s: %s", f->id, why);
    if (f->was_cancelled)
        return ctl_fail(error, CTL_REFUSED, "%s: cancelled", f->id);
    if (!f->ctl->json)
        printf("%s: complete, %s\n", f->id, size);
    return true;
}

/* Until the job's last event. Signals cancel the job; the end of that is waited for, too. */
static bool follow(struct ctl *ctl, const char *id, GError **error)
{
    struct follow f = {.ctl = ctl, .id = id, .live = isatty(STDERR_FILENO) && !ctl->json};
    bool ok;

    catch_interrupt();
    while (!f.done) {
        GError *why = NULL;
        g_autoptr(JsonObject) event = client_event(ctl->client, LOOK_EVERY_S, &why);

        if (why && why->code != CTL_TIMEOUT) {
            g_propagate_error(error, why);
            return false;
        }
        g_clear_error(&why);
        if (event)
            look_at(&f, event);
        else
            show_progress(&f);
        if (interrupted)
            cancel(&f);
    }
    ok = report(&f, error);
    json_object_unref(f.end);
    return ok;
}

/* Starts the job (args is taken) and stays with it as the options say. */
static bool start(struct ctl *ctl, const char *command, JsonObject *args, const char *disk, GError **error)
{
    g_autofree char *id = g_strdup(ctl_option(ctl, "job") ? ctl_option(ctl, "job") : disk);
    g_autoptr(JsonNode) answer = NULL;
    gint64 speed = 0;

    if (!ctl_size(ctl, "speed", &speed, error)) {
        json_object_unref(args);
        return false;
    }
    json_object_set_string_member(args, "job-id", id);
    if (speed)
        json_object_set_int_member(args, "speed", speed);
    if (ctl_option(ctl, "no-wait"))
        return ctl_do(ctl, command, args, error);
    answer = ctl_ask(ctl, command, args, error);
    return answer && follow(ctl, id, error);
}

bool cmd_backup(struct ctl *ctl, GError **error)
{
    const char *target = ctl_operand(ctl, 1), *format = ctl_option(ctl, "format");
    const char *sync = ctl_option(ctl, "sync");
    bool to_node = ctl_option(ctl, "to-node") != NULL;
    g_autofree char *file = to_node ? g_strdup(target) : absolute_file(target);
    g_autoptr(JsonObject) disk = disk_find(ctl, ctl_operand(ctl, 0), error);
    JsonObject *args;

    if (!disk)
        return false;
    args = ctl_args("device", disk_name(disk), "target", file, "sync", sync ? sync : "full", NULL);
    if (!to_node) {
        json_object_set_string_member(args, "format", format ? format
                                                      : g_str_has_suffix(file, ".qcow2") ? "qcow2" : "raw");
        json_object_set_string_member(args, "mode",
                                      ctl_option(ctl, "existing") ? "existing" : "absolute-paths");
    }
    return start(ctl, to_node ? "blockdev-backup" : "drive-backup", args, disk_name(disk), error);
}

bool cmd_commit(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonObject) disk = disk_find(ctl, ctl_operand(ctl, 0), error);
    const char *base = ctl_option(ctl, "base");
    g_autofree char *file = base ? absolute_file(base) : NULL;

    return disk && start(ctl, "block-commit",
                         ctl_args("device", disk_name(disk), "base", file, NULL),
                         disk_name(disk), error);
}
