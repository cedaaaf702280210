/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: jobs, their events, and blockdev-create. Members as QEMU's job.json and block-core.json document. */
#include "dm/monitor/qmp_jobs.h"

#include <string.h>

#include "block/create.h"
#include "block/job.h"
#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"

/* ---- what is shared ---- */

void *qmp_fail(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, QMP_ERROR, QMP_GENERIC_ERROR, text);
    return NULL;
}

const char *qmp_string(JsonObject *args, const char *name)
{
    return json_object_get_string_member_with_default(args, name, NULL);
}

bool qmp_bool(JsonObject *args, const char *name, bool otherwise)
{
    return json_object_get_boolean_member_with_default(args, name, otherwise);
}

bool qmp_size(JsonObject *args, const char *name, uint64_t *value, GError **error)
{
    gint64 n;

    if (!json_object_has_member(args, name))
        return true;
    n = json_object_get_int_member(args, name);
    if (n < 0)
        return qmp_fail(error, "Invalid parameter '%s': it is negative", name);
    *value = (uint64_t)n;
    return true;
}

JsonNode *qmp_nothing(void)
{
    return json_node_of_object(json_object_new());
}

/* ---- events ---- */

static JsonObject *event_data(struct job *job, bool with_error)
{
    JsonObject *o = json_object_new();
    struct job_view v;

    job_look(job, &v);
    json_object_set_string_member(o, "type", job->ops->type);
    json_object_set_string_member(o, "device", job->id);
    json_object_set_int_member(o, "len", (gint64)v.total);
    json_object_set_int_member(o, "offset", (gint64)v.current);
    json_object_set_int_member(o, "speed", (gint64)v.speed);
    if (with_error && v.error)
        json_object_set_string_member(o, "error", v.error);
    g_free(v.error);
    return o;
}

static JsonObject *status_data(struct job *job)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "id", job->id);
    json_object_set_string_member(o, "status", job_status_name(job->status));
    return o;
}

static JsonObject *error_data(struct job *job, bool read, const char *action)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "device", job->id);
    json_object_set_string_member(o, "operation", read ? "read" : "write");
    json_object_set_string_member(o, "action", action);
    return o;
}

static JsonObject *pending_data(struct job *job)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "type", job->ops->type);
    json_object_set_string_member(o, "id", job->id);
    return o;
}

static void job_event(void *opaque, struct job *job, enum job_event event, bool read,
                      const char *action)
{
    static const char *const names[] = {
        [JOB_EVENT_STATUS] = "JOB_STATUS_CHANGE",
        [JOB_EVENT_COMPLETED] = "BLOCK_JOB_COMPLETED",
        [JOB_EVENT_CANCELLED] = "BLOCK_JOB_CANCELLED",
        [JOB_EVENT_READY] = "BLOCK_JOB_READY",
        [JOB_EVENT_PENDING] = "BLOCK_JOB_PENDING",
        [JOB_EVENT_ERROR] = "BLOCK_JOB_ERROR",
    };
    JsonObject *data = event == JOB_EVENT_STATUS    ? status_data(job)
                       : event == JOB_EVENT_PENDING ? pending_data(job)
                       : event == JOB_EVENT_ERROR   ? error_data(job, read, action)
                                                    : event_data(job, event == JOB_EVENT_COMPLETED);

    monitor_event(opaque, names[event], json_node_of_object(data));
}

void qmp_jobs_follow(struct vm *vm)
{
    job_set_hook(job_event, vm);
}

/* ---- queries ---- */

static void add_job(void *opaque, struct job *job)
{
    JsonObject *o = json_object_new();
    struct job_view v;

    job_look(job, &v);
    json_object_set_string_member(o, "id", job->id);
    json_object_set_string_member(o, "type", job->ops->type);
    json_object_set_string_member(o, "status", job_status_name(job->status));
    json_object_set_int_member(o, "current-progress", (gint64)v.current);
    json_object_set_int_member(o, "total-progress", (gint64)v.total);
    if (v.error)
        json_object_set_string_member(o, "error", v.error);
    g_free(v.error);
    json_array_add_object_element(opaque, o);
}

static JsonNode *query_jobs(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    job_foreach(add_job, array);
    return json_node_of_array(array);
}

static void add_block_job(void *opaque, struct job *job)
{
    JsonObject *o;
    struct job_view v;

    if (!job->ops->block)
        return;
    o = event_data(job, true);
    job_look(job, &v);
    g_free(v.error);
    json_object_set_boolean_member(o, "busy", v.busy && job->status == JOB_RUNNING);
    json_object_set_boolean_member(o, "paused", v.paused);
    json_object_set_boolean_member(o, "ready", v.ready);
    json_object_set_string_member(o, "io-status", v.io_failed ? "failed" : "ok");
    json_object_set_string_member(o, "status", job_status_name(job->status));
    json_object_set_boolean_member(o, "auto-finalize", !job->manual_finalize);
    json_object_set_boolean_member(o, "auto-dismiss", !job->manual_dismiss);
    json_array_add_object_element(opaque, o);
}

static JsonNode *query_block_jobs(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    job_foreach(add_block_job, array);
    return json_node_of_array(array);
}

/* ---- verbs: job-X {id} and block-job-X {device} ---- */

static struct job *find_job(JsonObject *args, GError **error)
{
    const char *device = qmp_string(args, "device");
    struct job *job = job_find(device ? device : qmp_string(args, "id"));

    if (job && (!device || job->ops->block))
        return job;
    if (device)
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_ACTIVE, "Block job '%.60s' not found", device);
    else
        qmp_fail(error, "Job not found");
    return NULL;
}

#define VERB(function, call)                                                                       \
    static JsonNode *function(struct vm *vm, JsonObject *args, GError **error)                     \
    {                                                                                              \
        struct job *job = find_job(args, error);                                                   \
                                                                                                   \
        (void)vm;                                                                                  \
        return job && call(job, error) ? qmp_nothing() : NULL;                                     \
    }
VERB(do_cancel, job_cancel)
VERB(do_pause, job_user_pause)
VERB(do_resume, job_user_resume)
VERB(do_complete, job_complete)
VERB(do_dismiss, job_dismiss)
VERB(do_finalize, job_finalize)

static JsonNode *block_job_cancel(struct vm *vm, JsonObject *args, GError **error)
{
    struct job *job = find_job(args, error);
    struct job_view v;

    (void)vm;
    if (!job)
        return NULL;
    job_look(job, &v);
    g_free(v.error);
    if (v.paused && !qmp_bool(args, "force", false))
        return qmp_fail(error, "The block job for device '%s' is currently paused", job->id);
    if (qmp_bool(args, "force", false))
        return job_cancel(job, error) ? qmp_nothing() : NULL;
    return job_cancel_softly(job, error) ? qmp_nothing() : NULL;
}

static JsonNode *set_speed(struct vm *vm, JsonObject *args, GError **error)
{
    struct job *job = find_job(args, error);
    uint64_t speed = 0;

    (void)vm;
    if (!job || !qmp_size(args, "speed", &speed, error))
        return NULL;
    return job_set_speed(job, speed, error) ? qmp_nothing() : NULL;
}

/* ---- blockdev-create ---- */

struct create_job {
    struct job job; /* first */
    char *driver, *filename;
    struct image *file; /* or NULL: driver file */
    struct create_options opt;
    JsonObject *args; /* owns the strings of opt */
};

static struct create_job *create_of(struct job *job)
{
    return (struct create_job *)job;
}

static int create_run(struct job *job)
{
    struct create_job *c = create_of(job);
    GError *error = NULL;
    int code;
    bool good = c->file ? create_image(c->driver, c->file, &c->opt, &error)
                        : create_file(c->filename, &c->opt, NULL, &error);

    if (good) {
        job_progress(job, 1);
        return 0;
    }
    code = error->code > 0 ? error->code : EINVAL;
    job_fail(job, "%s", error->message);
    g_error_free(error);
    return code;
}

static void create_free(struct job *job)
{
    struct create_job *c = create_of(job);

    if (c->file) {
        create_end(c->file);
        image_unref(c->file);
    }
    g_free(c->driver);
    g_free(c->filename);
    json_object_unref(c->args);
}

static bool create_conclude(struct job *job, bool good)
{
    (void)good;
    create_free(job);
    return true;
}

static const struct job_ops create_ops = {
    .type = "create",
    .run = create_run,
    .conclude = create_conclude,
    .free = create_free,
};

static const struct qmp_arg create_file_args[] = {
    {"driver", QMP_STRING, false, NULL}, {"filename", QMP_STRING, false, NULL},
    {"size", QMP_INT, false, NULL},      {"preallocation", QMP_STRING, true, "off|falloc|full"},
    {"nocow", QMP_BOOL, true, NULL},     {"extent-size-hint", QMP_INT, true, NULL},
    {0}};
static const struct qmp_arg create_raw_args[] = {{"driver", QMP_STRING, false, NULL},
                                                 {"file", QMP_STRING, false, NULL},
                                                 {"size", QMP_INT, false, NULL},
                                                 {"preallocation", QMP_STRING, true, "off"},
                                                 {0}};
static const struct qmp_arg create_qcow2_args[] = {
    {"driver", QMP_STRING, false, NULL},
    {"file", QMP_STRING, false, NULL},
    {"size", QMP_INT, false, NULL},
    {"version", QMP_STRING, true, "v2|v3"},
    {"backing-file", QMP_STRING, true, NULL},
    {"backing-fmt", QMP_STRING, true, NULL},
    {"cluster-size", QMP_INT, true, NULL},
    {"preallocation", QMP_STRING, true, "off|metadata"},
    {"lazy-refcounts", QMP_BOOL, true, NULL},
    {"refcount-bits", QMP_INT, true, NULL},
    {"compression-type", QMP_STRING, true, "zlib"},
    {"data-file-raw", QMP_BOOL, true, NULL},
    {"extended-l2", QMP_BOOL, true, NULL},
    {0}};
static const struct {
    const char *driver;
    const struct qmp_arg *args;
} creatable[] = {{"file", create_file_args}, {"raw", create_raw_args}, {"qcow2", create_qcow2_args}};

static bool check_create(JsonObject *o, GError **error)
{
    const char *driver;

    if (!json_object_has_member(o, "driver") ||
        json_node_get_value_type(json_object_get_member(o, "driver")) != G_TYPE_STRING)
        return qmp_fail(error, "Parameter 'driver' is missing");
    driver = qmp_string(o, "driver");
    for (size_t i = 0; i < G_N_ELEMENTS(creatable); i++) {
        if (!strcmp(creatable[i].driver, driver))
            return qmp_check_args(creatable[i].args, o, error);
    }
    return qmp_fail(error, "Driver '%.60s' does not support blockdev-create here; file, raw and qcow2 do",
                    driver);
}

static bool read_create(JsonObject *o, struct create_options *opt, GError **error)
{
    const char *version = qmp_string(o, "version");
    uint64_t bits = 0;

    if (!qmp_size(o, "size", &opt->bytes, error) ||
        !qmp_size(o, "cluster-size", &opt->cluster_bytes, error) ||
        !qmp_size(o, "refcount-bits", &bits, error))
        return false;
    if (bits > 64)
        return qmp_fail(error, "Invalid parameter 'refcount-bits': at most 64");
    if (qmp_bool(o, "extended-l2", false) || qmp_bool(o, "data-file-raw", false))
        return qmp_fail(error, "extended-l2 and data-file-raw are not supported");
    opt->refcount_bits = (unsigned)bits;
    opt->version = version ? (unsigned)(version[1] - '0') : 0;
    opt->lazy_refcounts = qmp_bool(o, "lazy-refcounts", false);
    opt->backing_file = qmp_string(o, "backing-file");
    opt->backing_format = qmp_string(o, "backing-fmt");
    opt->preallocation = qmp_string(o, "preallocation");
    return true;
}

/* The node that an image is to be put into, in use; NULL with *error. */
static struct image *create_target(const char *name, GError **error)
{
    struct image *file = node_find(name);

    if (!file)
        return qmp_fail(error, "Cannot find device='' nor node-name='%.60s'", name);
    if (!create_begin(file, error))
        return NULL;
    return image_ref(file);
}

static JsonNode *blockdev_create(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_get_object_member(args, "options");
    const char *file = NULL;
    struct create_job *c;
    struct image *target = NULL;
    struct create_options opt = {0};

    (void)vm;
    if (!check_create(o, error) || !read_create(o, &opt, error))
        return NULL;
    file = qmp_string(o, "file");
    if (file && !(target = create_target(file, error)))
        return NULL;
    c = g_new0(struct create_job, 1);
    c->job.manual_dismiss = true;
    c->job.total = 1;
    if (!job_init(&c->job, &create_ops, qmp_string(args, "job-id"), error)) {
        if (target) {
            create_end(target);
            image_unref(target);
        }
        return NULL;
    }
    c->opt = opt;
    c->file = target;
    c->args = json_object_ref(o);
    c->driver = g_strdup(qmp_string(o, "driver"));
    c->filename = g_strdup(qmp_string(o, "filename"));
    job_start(&c->job);
    return qmp_nothing();
}

/* ---- the table ---- */

static const struct qmp_arg id_args[] = {{"id", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg device_args[] = {{"device", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg cancel_args[] = {{"device", QMP_STRING, false, NULL},
                                             {"force", QMP_BOOL, true, NULL},
                                             {0}};
static const struct qmp_arg speed_args[] = {{"device", QMP_STRING, false, NULL},
                                            {"speed", QMP_INT, false, NULL},
                                            {0}};
static const struct qmp_arg create_args[] = {{"job-id", QMP_STRING, false, NULL},
                                             {"options", QMP_OBJECT, false, NULL},
                                             {0}};

static const struct qmp_command rows[] = {
    {"query-jobs", query_jobs, NULL, false, false},
    {"query-block-jobs", query_block_jobs, NULL, false, false},
    {"job-cancel", do_cancel, id_args, false, false},
    {"job-pause", do_pause, id_args, false, false},
    {"job-resume", do_resume, id_args, false, false},
    {"job-complete", do_complete, id_args, false, false},
    {"job-dismiss", do_dismiss, id_args, false, false},
    {"job-finalize", do_finalize, id_args, false, false},
    {"block-job-cancel", block_job_cancel, cancel_args, false, false},
    {"block-job-pause", do_pause, device_args, false, false},
    {"block-job-resume", do_resume, device_args, false, false},
    {"block-job-complete", do_complete, device_args, false, false},
    {"block-job-dismiss", do_dismiss, id_args, false, false},
    {"block-job-finalize", do_finalize, id_args, false, false},
    {"block-job-set-speed", set_speed, speed_args, false, false},
    {"blockdev-create", blockdev_create, create_args, false, false},
};
const struct qmp_table qmp_jobs_table = {rows, G_N_ELEMENTS(rows)};
