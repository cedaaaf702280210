/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One viewer, on a thread of its own with a screen of its own of the library's, so that the library
 * is used as it works best: one client, one thread. It may wait here for a slow peer as long as it
 * likes; vnc.c's watchdog ends it by shutting the socket down.
 */
#include "ui/vnc_int.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* QEMU's extensions of RFB, as its documentation and the RFB registry have them. */
#define ENCODING_POINTER_MODE (-257)
#define ENCODING_EXT_KEY          (-258)
#define MESSAGE_QEMU              255
#define QEMU_EXT_KEY              0 /* submessage */
#define RELATIVE_ZERO             0x7fff

void vnc_wake(int fd)
{
    const uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is awake already */
}

static struct vnc_viewer *viewer_of(rfbClientPtr cl)
{
    return cl->screen->screenData;
}

static void push(struct vnc_viewer *v, struct input_event event)
{
    event.viewer = v->number;
    if (input_push(&v->vnc->input, &event))
        vnc_wake(v->vnc->wake_fd);
}

/* ---- keyboard and pointer ---- */

static void on_keysym(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
    push(viewer_of(cl), (struct input_event){.kind = INPUT_KEYSYM, .down = down, .code = keysym});
}

static uint8_t machine_buttons(int mask)
{
    return (uint8_t)((mask & 1) | (mask & 4) >> 1 | (mask & 2) << 1);
}

/* The wheel is buttons 4 and 5 of RFB: a click is a step. */
static int wheel_steps(int mask, int before)
{
    int pressed = mask & ~before;

    return (pressed & 16 ? 1 : 0) - (pressed & 8 ? 1 : 0);
}

static uint16_t scale(int at, uint32_t size)
{
    uint32_t last = size > 1 ? size - 1 : 1, n = at < 0 ? 0 : (uint32_t)at;

    return (uint16_t)((n < last ? n : last) * VNC_POINTER_MAX / last);
}

static void on_pointer(int mask, int x, int y, rfbClientPtr cl)
{
    struct vnc_viewer *v = viewer_of(cl);
    struct input_event e = {.kind = INPUT_POINTER};
    struct vnc_pointer *p = &e.pointer;

    /* What was sent before the viewer knew is still absolute; no screen reaches that far. */
    if (v->pointer_mode && (x >= RELATIVE_ZERO / 2 || y >= RELATIVE_ZERO / 2)) {
        p->dx = x - RELATIVE_ZERO;
        p->dy = y - RELATIVE_ZERO;
    } else {
        p->absolute = true;
        p->x = scale(x, v->copy.whole_width);
        p->y = scale(y, v->copy.whole_height);
        p->dx = v->have_position ? x - v->last_x : 0;
        p->dy = v->have_position ? y - v->last_y : 0;
        v->last_x = x;
        v->last_y = y;
    }
    p->buttons = machine_buttons(mask);
    p->dz = wheel_steps(mask, v->last_buttons);
    if (p->dx || p->dy || p->dz || mask != v->last_buttons || !v->have_position)
        push(v, e);
    v->last_buttons = mask;
    v->have_position = v->have_position || p->absolute;
}

static void ignore_text(char *text, int len, rfbClientPtr cl)
{
    (void)text, (void)len, (void)cl; /* the machine has no clipboard */
}

/* ---- extensions ---- */

static rfbBool ext_new_client(rfbClientPtr cl, void **data)
{
    (void)cl, (void)data;
    return TRUE;
}

/* Nothing is sent from here: the library is in the middle of a message. */
static rfbBool ext_enable(rfbClientPtr cl, void **data, int encoding)
{
    struct vnc_viewer *v = viewer_of(cl);

    (void)data;
    if (encoding == ENCODING_EXT_KEY)
        v->tell_ext_key = !v->ext_key;
    else if (encoding == ENCODING_POINTER_MODE)
        v->tell_pointer_mode = !v->pointer_mode;
    else
        return FALSE;
    return TRUE;
}

static rfbBool ext_message(rfbClientPtr cl, void *data, const rfbClientToServerMsg *message)
{
    struct vnc_viewer *v = viewer_of(cl);
    uint8_t m[11]; /* submessage, down (16 bits), keysym and scan code (32 bits each) */

    (void)data;
    if (message->type != MESSAGE_QEMU || !v->ext_key)
        return FALSE;
    if (rfbReadExact(cl, (char *)m, 1) <= 0 || m[0] != QEMU_EXT_KEY ||
        rfbReadExact(cl, (char *)m + 1, sizeof(m) - 1) <= 0) {
        rfbCloseClient(cl);
        return TRUE;
    }
    push(v, (struct input_event){.kind = INPUT_XT,
                                 .down = m[1] || m[2],
                                 .code = (uint32_t)m[7] << 24 | m[8] << 16 | m[9] << 8 | m[10]});
    return TRUE;
}

static rfbProtocolExtension extension = {
    .newClient = ext_new_client,
    .enablePseudoEncoding = ext_enable,
    .handleMessage = ext_message,
};

/* An update with one rectangle that has no pixels but says: this extension is there. */
static bool tell(struct vnc_viewer *v, uint16_t x, int32_t encoding)
{
    uint32_t code = (uint32_t)encoding;
    unsigned w = (unsigned)v->screen->width, h = (unsigned)v->screen->height;
    const uint8_t m[16] = {0, 0, 0, 1, x >> 8, (uint8_t)x, 0, 0, w >> 8, w, h >> 8, h,
                           code >> 24, code >> 16, code >> 8, code};

    return rfbWriteExact(v->cl, (const char *)m, sizeof(m)) > 0;
}

static bool tell_extensions(struct vnc_viewer *v)
{
    bool ok = true, absolute = atomic_load(&v->vnc->absolute);

    if (v->tell_ext_key)
        ok = tell(v, 0, ENCODING_EXT_KEY);
    v->ext_key |= v->tell_ext_key;
    v->tell_ext_key = false;
    if (ok && (v->tell_pointer_mode || (v->pointer_mode && v->told_absolute != absolute))) {
        ok = tell(v, absolute, ENCODING_POINTER_MODE);
        v->told_absolute = absolute;
        v->pointer_mode = true;
        v->tell_pointer_mode = false;
    }
    return ok;
}

/* ---- pixel format ---- */

static void set_server_format(rfbScreenInfoPtr screen)
{
    rfbPixelFormat *f = &screen->serverFormat;

    f->depth = 24;
    f->redShift = 16; /* as the surface has them */
    f->greenShift = 8;
    f->blueShift = 0;
}

/* What the library would shift and multiply by, unseen. */
static bool format_ok(const rfbPixelFormat *f)
{
    unsigned bits = f->bitsPerPixel;

    if (!f->trueColour)
        return bits == 8;
    return (bits == 8 || bits == 16 || bits == 32) && f->redShift < bits &&
           f->greenShift < bits && f->blueShift < bits &&
           (uint64_t)f->redMax << f->redShift < 1ull << bits &&
           (uint64_t)f->greenMax << f->greenShift < 1ull << bits &&
           (uint64_t)f->blueMax << f->blueShift < 1ull << bits;
}

static rfbBool set_format(rfbClientPtr cl)
{
    set_server_format(cl->screen);
    if (!format_ok(&cl->format)) {
        rfbCloseClient(cl);
        return FALSE;
    }
    return rfbSetTranslateFunction(cl);
}

/* ---- the handshake ---- */

static rfbBool check_password(rfbClientPtr cl, const char *response, int len)
{
    return len == CHALLENGESIZE && vnc_password_matches(viewer_of(cl)->vnc, cl->authChallenge,
                                                        (const uint8_t *)response);
}

/*
 * ClientInit is one byte, of which the library tells nobody. A WebSocket client sends it in a frame
 * of its own: two bytes, the mask, the byte under it. Not seen: taken for shared.
 */
static bool wants_to_be_alone(struct vnc_viewer *v)
{
    uint8_t b[7];
    ssize_t n = recv(v->fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT);

    if (!v->cl->wsctx)
        return n >= 1 && b[0] == 0;
    return n >= 7 && (b[1] & 0x7f) == 1 && (b[6] ^ b[2]) == 0;
}

bool vnc_viewer_prepare(GError **error)
{
    uint8_t seed[CHALLENGESIZE];
    unsigned random_seed;

    if (!vnc_lib_load(error))
        return false;
    rfbLogEnable(0); /* a peer must not be able to write to our stderr */
    rfbRegisterProtocolExtension(&extension);
    /* Challenges come from random(), which the library seeds with the time at the first. */
    rfbRandomBytes(seed);
    if (getentropy(&random_seed, sizeof(random_seed)) == 0)
        srandom(random_seed);
    return true;
}

void vnc_screen_setup(rfbScreenInfoPtr screen, struct vnc *vnc)
{
    screen->bitsPerPixel = screen->depth = 32;
    screen->desktopName = vnc->name;
    screen->cursor = NULL;
    screen->alwaysShared = TRUE; /* vnc_admit() decides */
    screen->deferUpdateTime = 0;
    screen->deferPtrUpdateTime = 0;
    screen->maxClientWait = VNC_WRITE_MS;
    screen->passwordCheck = check_password;
    screen->kbdAddEvent = on_keysym;
    screen->ptrAddEvent = on_pointer;
    screen->setXCutText = ignore_text;
    screen->setXCutTextUTF8 = ignore_text;
    screen->setTranslateFunction = set_format;
}

/* ---- messages ---- */

/* Encodings that are asked for in the field; the library's others share state between clients. */
static bool encoding_ok(uint32_t encoding)
{
    return encoding == rfbEncodingRaw || encoding == rfbEncodingHextile ||
           encoding == rfbEncodingZlib || encoding == rfbEncodingZRLE ||
           encoding == rfbEncodingTight || encoding == rfbEncodingTightPng;
}

/* What the message may have set up that is not offered here. False: the viewer has to go. */
static bool settle(struct vnc_viewer *v)
{
    rfbClientPtr cl = v->cl;

    if (cl->sock == RFB_INVALID_SOCKET || cl->scaledScreen != cl->screen || cl->fileTransfer.fd != -1)
        return false;
    if (!encoding_ok((uint32_t)cl->preferredEncoding))
        cl->preferredEncoding = rfbEncodingRaw;
    cl->enableLastRectEncoding = FALSE; /* vncsnapshot asks for it, and then waits for more behind it */
    /* The pointer is in the guest's picture; there is no shape to send. */
    cl->enableCursorShapeUpdates = cl->enableCursorPosUpdates = FALSE;
    cl->cursorWasChanged = cl->cursorWasMoved = FALSE;
    if (!v->vnc->config->lossy)
        cl->tightQualityLevel = cl->turboQualityLevel = -1;
    if (v->copy.fixed && cl->useNewFBSize)
        v->copy.seen = 0; /* it may have missed a new size */
    v->copy.fixed = !cl->useNewFBSize;
    /* macOS's viewer sends no ClientInit; it is shared then. */
    if (cl->state == RFB_NORMAL && !v->admitted && !vnc_admit(v, false))
        return false;
    if (cl->state == RFB_NORMAL && !atomic_exchange(&v->initialized, true))
        vnc_wake(v->vnc->wake_fd);
    return true;
}

static bool read_message(struct vnc_viewer *v)
{
    rfbClientPtr cl = v->cl;

    if (cl->state == RFB_INITIALISATION && !v->admitted && !vnc_admit(v, wants_to_be_alone(v)))
        return false;
    rfbProcessClientMessage(cl);
    return settle(v);
}

/* ---- updates ---- */

static void mark(void *opaque, unsigned x1, unsigned y1, unsigned x2, unsigned y2)
{
    struct vnc_viewer *v = opaque;

    rfbMarkRectAsModified(v->screen, (int)x1, (int)y1, (int)x2, (int)y2);
}

static bool fetch(struct vnc_viewer *v)
{
    struct surface *s = &v->copy.surface;
    uint32_t *old = NULL;

    switch (picture_fetch(&v->vnc->picture, &v->copy, &old, mark, v)) {
    case PICTURE_RESIZED:
        rfbNewFramebuffer(v->screen, (char *)s->pixels, (int)s->width, (int)s->height, 8, 3, 4);
        set_server_format(v->screen);
        free(old);
        return true;
    case PICTURE_NO_MEMORY:
        return false;
    default:
        return true;
    }
}

/* Sends what is new, if it is asked for. *wait_ms: when to look again; -1: when something happens. */
static bool update(struct vnc_viewer *v, int *wait_ms)
{
    int64_t now_us = g_get_monotonic_time();
    bool resized, said_before;

    *wait_ms = -1;
    if (v->cl->state != RFB_NORMAL || sraRgnEmpty(v->cl->requestedRegion))
        return true;
    if (now_us - v->sent_us < VNC_UPDATE_MS * 1000) {
        *wait_ms = VNC_UPDATE_MS;
        return true;
    }
    /* Said before looking, so that what changes in between wakes us. */
    said_before = atomic_exchange(&v->waiting, true);
    if (!fetch(v))
        return false;
    resized = v->cl->newFBSizePending;
    if (rfbUpdateClient(v->cl))
        v->sent_us = g_get_monotonic_time();
    if (resized)
        *wait_ms = VNC_UPDATE_MS; /* the new size goes alone, the picture after it */
    if (sraRgnEmpty(v->cl->requestedRegion))
        atomic_store(&v->waiting, false);
    else if (!said_before)
        vnc_wake(v->vnc->wake_fd); /* the display is to be looked at */
    return v->cl->sock != RFB_INVALID_SOCKET;
}

/* ---- the thread ---- */

/* False: neither the peer nor the main loop has anything. */
static void wait_for_news(struct vnc_viewer *v, int wait_ms, bool *readable)
{
    struct pollfd p[2] = {{v->cl->sock, POLLIN, 0}, {v->wake_fd, POLLIN, 0}};
    uint64_t count;

    if (v->cl->wsctx && webSocketsHasDataInBuffer(v->cl))
        wait_ms = 0;
    *readable = wait_ms == 0;
    if (poll(p, 2, wait_ms) <= 0)
        return;
    if (p[0].revents)
        *readable = true;
    if (p[1].revents && read(v->wake_fd, &count, sizeof(count)) < 0)
        return;
}

static void set_busy(struct vnc_viewer *v, bool busy)
{
    atomic_store(&v->busy_since_us, busy ? g_get_monotonic_time() : 0);
}

static void serve(struct vnc_viewer *v)
{
    bool readable = false, ok = true;
    int wait_ms = -1;

    while (ok) {
        wait_for_news(v, wait_ms, &readable);
        set_busy(v, true);
        if (readable)
            ok = read_message(v);
        ok = ok && tell_extensions(v) && update(v, &wait_ms);
        set_busy(v, false);
    }
}

/* The library's select() has room for descriptors below FD_SETSIZE only, and does not look. */
static int library_fd(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy >= FD_SETSIZE) {
        close(copy);
        copy = -1;
    }
    return copy;
}

static bool start_picture(struct vnc_viewer *v)
{
    struct surface *s = &v->copy.surface;
    uint32_t *old = NULL;

    picture_fetch(&v->vnc->picture, &v->copy, &old, mark, v);
    if (!s->pixels)
        return false;
    v->screen->width = (int)s->width;
    v->screen->height = (int)s->height;
    v->screen->paddedWidthInBytes = (int)s->width * 4;
    v->screen->frameBuffer = (char *)s->pixels;
    v->screen->screenData = v;
    v->screen->authPasswdData = v->vnc->config->password && !v->granted ? v->vnc : NULL;
    return true;
}

/*
 * At first the library looks at what the peer has sent, to find out whether it speaks WebSocket or
 * TLS, and waits for more of it in a busy loop: so it gets a socket of our own to look at, whose
 * place the peer's takes when the greeting is out.
 */
static bool start_plain(struct vnc_viewer *v)
{
    static const char guess[4] = {'R', 'F', 'B', ' '};
    char greeting[sz_rfbProtocolVersionMsg];
    int pair[2], fd;
    bool ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    fd = library_fd(pair[0]);
    close(pair[0]);
    ok = fd >= 0 && write(pair[1], guess, sizeof(guess)) == sizeof(guess);
    if (!ok && fd >= 0)
        close(fd);
    v->cl = ok ? rfbNewClient(v->screen, fd) : NULL; /* closes fd if it fails */
    ok = v->cl && read(pair[1], greeting, sizeof(greeting)) == sizeof(greeting) &&
         dup3(v->fd, v->cl->sock, O_CLOEXEC) >= 0 &&
         rfbWriteExact(v->cl, greeting, sizeof(greeting)) > 0;
    close(pair[1]);
    return ok;
}

/* The same for a WebSocket: it begins with a request, and with no TLS. */
static bool begins_with_get(struct vnc_viewer *v)
{
    struct pollfd p = {v->fd, POLLRDHUP, 0};
    char b[4];

    for (unsigned i = 0; i < VNC_REQUEST_MS / VNC_REQUEST_STEP_MS; i++) {
        ssize_t n = recv(v->fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT);

        if (n == sizeof(b))
            return memcmp(b, "GET ", sizeof(b)) == 0;
        /* What came before an end stays to be peeked at, so the end has to be asked for. */
        p.events = n > 0 ? POLLRDHUP : POLLRDHUP | POLLIN;
        if (n == 0 || (poll(&p, 1, VNC_REQUEST_STEP_MS) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
            return false;
    }
    return false;
}

static bool start_websocket(struct vnc_viewer *v)
{
    int fd = begins_with_get(v) ? library_fd(v->fd) : -1;

    v->cl = fd >= 0 ? rfbNewClient(v->screen, fd) : NULL;
    return v->cl && v->cl->wsctx;
}

static bool start(struct vnc_viewer *v)
{
    if (!start_picture(v))
        return false;
    set_server_format(v->screen);
    return v->websocket ? start_websocket(v) : start_plain(v);
}

/* A scaled copy of the screen, from the message that made us disconnect. */
static void free_scaled(rfbScreenInfoPtr screen)
{
    while (screen->scaledScreenNext) {
        rfbScreenInfoPtr scaled = screen->scaledScreenNext;

        screen->scaledScreenNext = scaled->scaledScreenNext;
        free(scaled->frameBuffer);
        free(scaled);
    }
}

/* The library's list of our extensions: it has no other use for it now, and forgets it. */
static void free_extensions(rfbClientPtr cl)
{
    while (cl->extensions) {
        rfbExtensionData *first = cl->extensions;

        cl->extensions = first->next;
        free(first);
    }
}

static void end(struct vnc_viewer *v)
{
    if (v->cl) {
        void *websocket = v->cl->wsctx;

        if (v->cl->sock != RFB_INVALID_SOCKET)
            rfbCloseClient(v->cl);
        v->cl->wsctx = NULL;
        free_extensions(v->cl);
        rfbClientConnectionGone(v->cl);
        free(websocket); /* up to 0.9.14 the library forgets it */
        v->cl = NULL;
    }
    free_scaled(v->screen);
    v->screen->frameBuffer = NULL;
    surface_free(&v->copy.surface);
}

void *vnc_viewer_run(void *opaque)
{
    struct vnc_viewer *v = opaque;

    set_busy(v, true);
    if (start(v)) {
        set_busy(v, false);
        serve(v);
    }
    end(v);
    set_busy(v, false);
    shutdown(v->fd, SHUT_RDWR);
    push(v, (struct input_event){.kind = INPUT_GONE});
    atomic_store(&v->gone, true);
    vnc_wake(v->vnc->wake_fd);
    return NULL;
}
