// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the Linux guest: sets modes by the kernel's mode setting and draws a picture that shows where it is.
 *
 *   kmsctl modes           the modes that the connector offers, a line each
 *   kmsctl WIDTHxHEIGHT    sets the first of that size, draws, says so, and keeps it until a line is typed
 *
 * Pixel x, y is: red x, green y, blue x ^ y, each cut to eight bits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>

#define MAX_MODES 128

struct card {
    int fd;
    uint32_t crtc, connector, mode_count;
    struct drm_mode_modeinfo modes[MAX_MODES];
};

static int fault(const char *what)
{
    printf("lab: FAIL: kmsctl: %s: %s\n", what, strerror(errno));
    return 1;
}

/* The first CRTC and the first connector with its modes. */
static int open_card(struct card *c)
{
    uint32_t crtcs[8], connectors[8], encoders[8], properties[64];
    uint64_t values[64];
    struct drm_mode_card_res res = {.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8,
                                    .connector_id_ptr = (uintptr_t)connectors, .count_connectors = 8,
                                    .encoder_id_ptr = (uintptr_t)encoders, .count_encoders = 8};
    struct drm_mode_get_connector get = {0};

    c->fd = open("/dev/dri/card0", O_RDWR);
    if (c->fd < 0 || ioctl(c->fd, DRM_IOCTL_MODE_GETRESOURCES, &res) < 0 || !res.count_crtcs ||
        !res.count_connectors)
        return fault("card0");
    c->crtc = crtcs[0];
    c->connector = get.connector_id = connectors[0];
    if (ioctl(c->fd, DRM_IOCTL_MODE_GETCONNECTOR, &get) < 0) /* count_modes 0: it asks the monitor */
        return fault("connector");
    if (get.count_modes > MAX_MODES || get.count_props > 64 || get.count_encoders > 8)
        return fault("too many modes");
    get.modes_ptr = (uintptr_t)c->modes;
    get.encoders_ptr = (uintptr_t)encoders;
    get.props_ptr = (uintptr_t)properties;
    get.prop_values_ptr = (uintptr_t)values;
    if (ioctl(c->fd, DRM_IOCTL_MODE_GETCONNECTOR, &get) < 0)
        return fault("modes");
    c->mode_count = get.count_modes;
    return 0;
}

static int list(const struct card *c)
{
    for (uint32_t i = 0; i < c->mode_count; i++)
        printf("lab: mode %ux%u\n", c->modes[i].hdisplay, c->modes[i].vdisplay);
    return 0;
}

static void draw(uint8_t *pixels, const struct drm_mode_create_dumb *b)
{
    for (uint32_t y = 0; y < b->height; y++) {
        uint32_t *row = (uint32_t *)(pixels + (size_t)y * b->pitch);

        for (uint32_t x = 0; x < b->width; x++)
            row[x] = (x & 255) << 16 | (y & 255) << 8 | ((x ^ y) & 255);
    }
}

static int show(const struct card *c, const struct drm_mode_modeinfo *mode)
{
    struct drm_mode_create_dumb dumb = {.width = mode->hdisplay, .height = mode->vdisplay, .bpp = 32};
    struct drm_mode_map_dumb map = {0};
    struct drm_mode_fb_cmd fb = {.width = mode->hdisplay, .height = mode->vdisplay, .bpp = 32, .depth = 24};
    struct drm_mode_crtc crtc = {.crtc_id = c->crtc, .set_connectors_ptr = (uintptr_t)&c->connector,
                                 .count_connectors = 1, .mode = *mode, .mode_valid = 1};
    uint8_t *pixels;
    int typed;

    if (ioctl(c->fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0)
        return fault("buffer");
    map.handle = fb.handle = dumb.handle;
    fb.pitch = dumb.pitch;
    if (ioctl(c->fd, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0 || ioctl(c->fd, DRM_IOCTL_MODE_ADDFB, &fb) < 0)
        return fault("frame buffer");
    pixels = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)map.offset);
    if (pixels == MAP_FAILED)
        return fault("mmap");
    crtc.fb_id = fb.fb_id;
    if (ioctl(c->fd, DRM_IOCTL_MODE_SETCRTC, &crtc) < 0)
        return fault(mode->name);
    draw(pixels, &dumb); /* now that the buffer is in video memory */
    printf("lab: ask %ux%u\n", mode->hdisplay, mode->vdisplay);
    fflush(stdout);
    while ((typed = getchar()) != '\n' && typed != EOF)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct card c = {0};
    unsigned width, height;

    if (open_card(&c))
        return 1;
    if (argc == 2 && !strcmp(argv[1], "modes"))
        return list(&c);
    if (argc != 2 || sscanf(argv[1], "%ux%u", &width, &height) != 2) {
        fprintf(stderr, "usage: kmsctl modes | WIDTHxHEIGHT\n");
        return 2;
    }
    for (uint32_t i = 0; i < c.mode_count; i++) {
        if (c.modes[i].hdisplay == width && c.modes[i].vdisplay == height)
            return show(&c, &c.modes[i]);
    }
    printf("lab: no mode %s\n", argv[1]);
    return 0;
}
