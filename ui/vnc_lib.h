/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvncserver, loaded when -vnc is given: with it come gnutls, libgcrypt, lzo and libjpeg, which a
 * machine that nobody looks at by VNC has no use for. Its functions are called by their own names.
 */
#ifndef UI_VNC_LIB_H
#define UI_VNC_LIB_H

#include <glib.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <stdbool.h>

/* clang-format off */
#define VNC_LIB_FUNCTIONS(F) \
    F(rfbClientConnectionGone) \
    F(rfbCloseClient) \
    F(rfbEncryptBytes) \
    F(rfbGetScreen) \
    F(rfbLogEnable) \
    F(rfbMarkRectAsModified) \
    F(rfbNewClient) \
    F(rfbNewFramebuffer) \
    F(rfbProcessClientMessage) \
    F(rfbRandomBytes) \
    F(rfbReadExact) \
    F(rfbRegisterProtocolExtension) \
    F(rfbScreenCleanup) \
    F(rfbSetTranslateFunction) \
    F(rfbUpdateClient) \
    F(rfbWriteExact) \
    F(sraRgnEmpty) \
    F(webSocketsHasDataInBuffer)
/* clang-format on */

#define VNC_LIB_MEMBER(name) __typeof__(&name) name##_;
struct vnc_lib {
    VNC_LIB_FUNCTIONS(VNC_LIB_MEMBER)
};
extern struct vnc_lib vnc_lib;

/* Before any of them; again costs nothing. Main loop's thread. False with a one-line *error. */
bool vnc_lib_load(GError **error);

#ifndef VNC_LIB_OWN_NAMES
#define rfbClientConnectionGone vnc_lib.rfbClientConnectionGone_
#define rfbCloseClient vnc_lib.rfbCloseClient_
#define rfbEncryptBytes vnc_lib.rfbEncryptBytes_
#define rfbGetScreen vnc_lib.rfbGetScreen_
#define rfbLogEnable vnc_lib.rfbLogEnable_
#define rfbMarkRectAsModified vnc_lib.rfbMarkRectAsModified_
#define rfbNewClient vnc_lib.rfbNewClient_
#define rfbNewFramebuffer vnc_lib.rfbNewFramebuffer_
#define rfbProcessClientMessage vnc_lib.rfbProcessClientMessage_
#define rfbRandomBytes vnc_lib.rfbRandomBytes_
#define rfbReadExact vnc_lib.rfbReadExact_
#define rfbRegisterProtocolExtension vnc_lib.rfbRegisterProtocolExtension_
#define rfbScreenCleanup vnc_lib.rfbScreenCleanup_
#define rfbSetTranslateFunction vnc_lib.rfbSetTranslateFunction_
#define rfbUpdateClient vnc_lib.rfbUpdateClient_
#define rfbWriteExact vnc_lib.rfbWriteExact_
#define sraRgnEmpty vnc_lib.sraRgnEmpty_
#define webSocketsHasDataInBuffer vnc_lib.webSocketsHasDataInBuffer_
#endif

#endif
