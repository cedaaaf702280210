/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs by themselves: states and verbs, pause, errors, limits, cancelling what hangs. */
#include "block_util.h"

#include "block/job.h"

struct work {
    struct job job; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool kicked, hang;
    int steps; /* atomic: done so far */
    int result, todo, fail_at;
    enum job_on_error policy;
};

static GString *story; /* states and events in their order */
static unsigned concluded, freed;
static int refuse_conclude;

static void hook(void *opaque, struct job *job, enum job_event event, bool read, const char *action)
{
    static const char *const names[] = { "", "COMPLETED", "CANCELLED", "READY", "PENDING", "ERROR" };

    (void)opaque;
    assert_true(pthread_equal(pthread_self(), main_thread));
    g_string_append_printf(story, "%s ", event == JOB_EVENT_STATUS ? job_status_name(job->status)
                                                                   : names[event]);
    if (event == JOB_EVENT_ERROR)
        g_string_append_printf(story, "(%s %s) ", read ? "read" : "write", action);
}

static void told(const char *expected)
{
    assert_string_equal(story->str, expected);
    g_string_truncate(story, 0);
}

static void work_wait(struct work *w)
{
    pthread_mutex_lock(&w->mutex);
    while (!w->kicked)
        pthread_cond_wait(&w->cond, &w->mutex);
    w->kicked = false;
    pthread_mutex_unlock(&w->mutex);
}

static void work_wake(struct job *job)
{
    struct work *w = (struct work *)job;

    pthread_mutex_lock(&w->mutex);
    w->kicked = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

static int work_run(struct job *job)
{
    struct work *w = (struct work *)job;

    while (w->steps < w->todo) {
        enum job_turn turn = job_poll(job);

        if (turn == JOB_CANCEL && !w->hang)
            return ECANCELED;
        if (turn == JOB_PAUSE) {
            work_wait(w);
            continue;
        }
        if (w->steps + 1 == w->fail_at && w->result) {
            int err = w->result;

            w->fail_at = 0;
            if (!job_error(job, false, err, w->policy))
                return err;
            continue;
        }
        __atomic_add_fetch(&w->steps, 1, __ATOMIC_SEQ_CST);
        job_progress(job, 10);
        g_usleep(1000);
    }
    return 0;
}

static bool work_conclude(struct job *job, bool good)
{
    (void)job, (void)good;
    if (refuse_conclude-- > 0)
        return false;
    concluded++;
    return true;
}

static void work_free(struct job *job)
{
    (void)job;
    freed++;
}

static const struct job_ops work_ops = {
    .type = "work", .block = true, .run = work_run, .wake = work_wake,
    .conclude = work_conclude, .free = work_free,
};

static struct work *new_work(const char *id, int todo)
{
    struct work *w = g_new0(struct work, 1);
    GError *error = NULL;

    w->todo = todo;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->cond, NULL);
    if (!job_init(&w->job, &work_ops, id, &error))
        fail_msg("%s", error->message);
    return w;
}

static int steps(struct work *w)
{
    return __atomic_load_n(&w->steps, __ATOMIC_SEQ_CST);
}

static void normal(void **state)
{
    (void)state;
    job_start(&new_work("a", 5)->job);
    assert_non_null(job_find("a"));
    wait_until(!job_find("a"));
    told("created running waiting pending COMPLETED concluded null ");
    assert_int_equal(concluded, 1);
}

static void by_hand(void **state)
{
    struct work *w = new_work("a", 1);
    struct job_view v;

    (void)state;
    w->job.manual_dismiss = w->job.manual_finalize = true;
    w->job.total = 10;
    refuse_conclude = 1;
    job_start(&w->job);
    wait_until(w->job.status == JOB_PENDING);
    told("created running waiting pending PENDING ");
    assert_false(job_dismiss(&w->job, NULL));
    assert_true(job_finalize(&w->job, NULL));
    assert_int_equal(w->job.status, JOB_PENDING); /* the disk was busy */
    wait_until(w->job.status == JOB_CONCLUDED);
    job_look(&w->job, &v);
    assert_int_equal(v.current, 10);
    assert_int_equal(v.total, 10);
    assert_null(v.error);
    assert_true(job_dismiss(&w->job, NULL));
    told("COMPLETED concluded null ");
}

static void failure(void **state)
{
    struct work *w = new_work("a", 5);
    struct job_view v;

    (void)state;
    w->job.manual_dismiss = true;
    w->fail_at = 3;
    w->result = ENOSPC;
    job_start(&w->job);
    wait_until(w->job.status == JOB_CONCLUDED);
    told("created running ERROR (write report) aborting COMPLETED concluded ");
    job_look(&w->job, &v);
    assert_string_equal(v.error, g_strerror(ENOSPC));
    g_free(v.error);
    job_dismiss(&w->job, NULL);
    told("null ");
}

static void policies(void **state)
{
    struct work *w = new_work("a", 5);
    struct job_view v;

    (void)state;
    w->fail_at = 3;
    w->result = ENOSPC;
    w->policy = JOB_ON_ERROR_ENOSPC;
    job_start(&w->job);
    wait_until(w->job.status == JOB_PAUSED);
    told("created running ERROR (write stop) paused ");
    job_look(&w->job, &v);
    assert_true(v.io_failed && v.paused);
    run_for(20);
    assert_int_equal(steps(w), 2);
    assert_true(job_user_resume(&w->job, NULL));
    wait_until(!job_find("a"));
    told("running waiting pending COMPLETED concluded null ");

    w = new_work("a", 5);
    w->fail_at = 3;
    w->result = EIO;
    w->policy = JOB_ON_ERROR_ENOSPC;
    job_start(&w->job);
    wait_until(!job_find("a"));
    told("created running ERROR (write report) aborting COMPLETED concluded null ");

    w = new_work("a", 5);
    w->fail_at = 3;
    w->result = EIO;
    w->policy = JOB_ON_ERROR_IGNORE;
    job_start(&w->job);
    wait_until(!job_find("a"));
    told("created running ERROR (write ignore) waiting pending COMPLETED concluded null ");
}

static void pause_and_cancel(void **state)
{
    struct work *w = new_work("a", 100000);
    int at;

    (void)state;
    job_start(&w->job);
    assert_false(job_user_resume(&w->job, NULL));
    assert_true(job_user_pause(&w->job, NULL));
    assert_false(job_user_pause(&w->job, NULL));
    wait_until(w->job.status == JOB_PAUSED);
    at = steps(w);
    run_for(20);
    assert_int_equal(steps(w), at);
    assert_false(job_complete(&w->job, NULL));
    assert_true(job_user_resume(&w->job, NULL));
    wait_until(steps(w) > at);
    assert_true(job_user_pause(&w->job, NULL));
    wait_until(w->job.status == JOB_PAUSED);
    assert_true(job_cancel(&w->job, NULL));
    wait_until(!job_find("a"));
    told("created running paused running paused running aborting CANCELLED concluded null ");

    w = new_work("a", 5); /* never started */
    job_cancel(&w->job, NULL);
    assert_null(job_find("a"));
    told("created null ");
    assert_int_equal(freed, 1);

    w = new_work("a", 1); /* between the end of its work and its finalizing */
    w->job.manual_finalize = true;
    job_start(&w->job);
    wait_until(w->job.status == JOB_PENDING);
    assert_true(job_cancel(&w->job, NULL));
    assert_null(job_find("a"));
    told("created running waiting pending PENDING aborting CANCELLED concluded null ");
}

static void names_and_number(void **state)
{
    static const char *const bad[] = { "", "1a", "a b", "a/b", "\xc3\xa4", "#block1" };
    GError *error = NULL;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_false(job_init((struct job *)g_new0(struct work, 1), &work_ops, bad[i], &error));
        assert_non_null(strstr(error->message, "Invalid job ID"));
        g_clear_error(&error);
    }
    for (int i = 0; i < JOBS_MAX; i++) {
        g_autofree char *id = g_strdup_printf("j%d", i);

        new_work(id, 1);
        assert_false(job_init((struct job *)g_new0(struct work, 1), &work_ops, id, NULL));
    }
    assert_false(job_init((struct job *)g_new0(struct work, 1), &work_ops, "more", &error));
    assert_non_null(strstr(error->message, "dismiss"));
    g_clear_error(&error);
    assert_true(jobs_cancel_all(1000));
    assert_null(job_find("j0"));
    g_string_truncate(story, 0);
}

static void at_the_end(void **state)
{
    struct work *a = new_work("a", 100000), *b = new_work("b", 300);
    gint64 start = g_get_monotonic_time();

    (void)state;
    b->hang = true; /* for 300 ms it does not hear */
    job_start(&a->job);
    job_start(&b->job);
    assert_false(jobs_cancel_all(100));
    assert_in_range(g_get_monotonic_time() - start, 90000, 290000);
    assert_null(job_find("a"));
    assert_non_null(job_find("b"));
    assert_true(jobs_cancel_all(5000));
    assert_null(job_find("b"));
    run_for(20); /* what was still under way refers to nothing that is gone */
    g_string_truncate(story, 0);
}

static int set_up(void **state)
{
    story = g_string_new(NULL);
    job_set_hook(hook, NULL);
    return group_set_up(state);
}

static int tear_down(void **state)
{
    g_string_free(story, TRUE);
    return group_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal),           cmocka_unit_test(by_hand),
        cmocka_unit_test(failure),          cmocka_unit_test(policies),
        cmocka_unit_test(pause_and_cancel), cmocka_unit_test(names_and_number),
        cmocka_unit_test(at_the_end),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
