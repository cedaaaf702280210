/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may talk to the web console. A browser sends requests on behalf of any page that its user visits, so
 * the address that a request comes from says little:
 * - Host: a page of a foreign name that was made to point here afterwards (DNS rebinding) says that name. So
 *   it has to be an address, "localhost", or the name that the console was told to listen on.
 * - Origin: a foreign page may open a WebSocket to here, and its browser says from where.
 * - the token, 128 random bits: whoever has it was given it. It travels in the fragment of the page's address,
 *   which a browser sends to nobody, and then as an offered subprotocol of the WebSocket: so it stands in no
 *   address that is logged, and in no cookie, which other ports of this host would get as well.
 */
#ifndef UI_WEB_CHECK_H
#define UI_WEB_CHECK_H

#include <glib.h>
#include <stdbool.h>

#define WEB_PROTOCOL "kvm-dm"         /* the subprotocol that is spoken */
#define WEB_TOKEN_PREFIX "token."     /* of the other one that is offered */
#define WEB_TOKEN_MIN 32
#define WEB_TOKEN_MAX 128
#define WEB_HEADER_MAX 512

/* A new token, hexadecimal; g_free() it. */
char *web_token_new(void);
/* From a file: WEB_TOKEN_MIN to WEB_TOKEN_MAX letters, digits, - and _, and a line end. NULL with error. */
char *web_token_read(const char *path, GError **error);

/* A Host header; `name` is what the console was told to listen on. NULL: there was none. */
bool web_host_ok(const char *host, const char *name);
/* An Origin header beside a Host header that is fine; NULL: no browser, which is fine. */
bool web_origin_ok(const char *origin, const char *host);
/* A Sec-WebSocket-Protocol header: WEB_PROTOCOL and the token are offered. In constant time for the token. */
bool web_protocols_ok(const char *offered, const char *token);
/* RFC 6455, 4.2.2: what answers a Sec-WebSocket-Key; g_free() it. NULL: that is no key. */
char *web_accept_key(const char *key);
/* A comma-separated header has that word, in any case. */
bool web_header_has(const char *header, const char *word);
/* Nobody but this host reaches that address; a name is none. */
bool web_is_loopback(const char *address);

#endif
