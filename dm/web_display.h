/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -display web: the web console (ui/web.h) between the machine, the VNC server and the serial ports. */
#ifndef DM_WEB_DISPLAY_H
#define DM_WEB_DISPLAY_H

#include <glib.h>
#include <stdbool.h>

struct console;
struct vm;

/*
 * Listens and prints the page's address, if the configuration says so; after vnc_display_start(). The
 * serial ports are those whose back end is "vc". False with error.
 */
bool web_display_start(struct vm *vm, struct console *console, GError **error);
void web_display_stop(void); /* before the VNC server and the machine */
const char *web_display_url(void); /* with the token; NULL: there is none */
unsigned web_display_pages(void);

#endif
