/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-balloon-pci: its -device, and what monitors ask of it. */
#include <string.h>

#include "dm/machine/machine_int.h"
#include "dm/notice.h"
#include "hw/virtio/balloon.h"

#define PAGE_SHIFT 12

static void pages_changed(void *opaque)
{
    struct machine *m = opaque;

    notice_raise(m->balloon_notice);
}

static int64_t wall_seconds(void *opaque)
{
    (void)opaque;
    return g_get_real_time() / G_USEC_PER_SEC;
}

static void tell(void *opaque)
{
    struct machine *m = opaque;

    if (m->hooks && m->balloon)
        m->hooks->balloon_changed(m->hooks->opaque, machine_balloon_actual(m));
}

struct device *machine_make_balloon(struct machine *m, const struct device_config *d, const char *id, int devfn,
                                    GError **error)
{
    const char *poison = device_prop(m, d, "page-poison");
    const struct virtio_balloon_config cfg = {
        .port = {pages_changed, wall_seconds, m},
        .deflate_on_oom = machine_virtio_on(m, d, "deflate-on-oom"),
        .free_page_reporting = machine_virtio_on(m, d, "free-page-reporting"),
        .page_poison = !poison || !strcmp(poison, "on"),
        .poll_seconds = (uint32_t)device_number(m, d, "guest-stats-polling-interval", 0),
        .options = machine_virtio_options(m, d, true),
    };

    if (m->balloon) {
        device_error(d, error, "Only one balloon device is supported");
        return NULL;
    }
    m->balloon_notice = notice_new(tell, m);
    m->balloon = virtio_balloon_new(m->bus, devfn, m->parts.env, id, &cfg, WHY);
    if (!machine_keep(m, m->balloon))
        device_error(d, error, "%s", m->why);
    return m->balloon;
}

void machine_free_balloon(struct machine *m)
{
    notice_free(m->balloon_notice);
}

/* ---- what monitors ask ---- */

struct device *machine_balloon(struct machine *m)
{
    return m ? m->balloon : NULL;
}

void machine_balloon_set(struct machine *m, uint64_t bytes)
{
    uint64_t ram = m->parts.config->ram_bytes;

    device_enter(m->balloon);
    virtio_balloon_set_target(m->balloon, bytes < ram ? (uint32_t)((ram - bytes) >> PAGE_SHIFT) : 0);
    device_leave(m->balloon);
}

uint64_t machine_balloon_actual(struct machine *m)
{
    uint64_t ram = m->parts.config->ram_bytes, held;

    device_enter(m->balloon);
    held = (uint64_t)virtio_balloon_pages(m->balloon) << PAGE_SHIFT;
    device_leave(m->balloon);
    return held < ram ? ram - held : 0; /* a guest may say anything */
}
