/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QMP client on a unix socket: one command at a time, each with a limit of time. Errors are of
 * CTL_ERROR. What the peer sends is read by the strict reader of dm/json.h and bounded.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <json-glib/json-glib.h>

struct client;

/* Connects, takes the greeting and negotiates. */
struct client *client_open(const char *path, double limit_s, GError **error);
void client_close(struct client *client);

/*
 * The value of "return"; NULL with *error. args is taken (NULL: none). Events that come meanwhile
 * wait for client_event(), at most some thousand.
 */
JsonNode *client_call(struct client *client, const char *command, JsonObject *args, double limit_s,
                      GError **error);

/* fn is called with each event that comes while client_call() waits, before it is put by. NULL: nobody. */
void client_watch(struct client *client, void (*fn)(void *opaque, JsonObject *event), void *opaque);

/* The next event, to be unreferenced; NULL with *error: CTL_TIMEOUT, or CTL_NO_VM at the end. */
JsonObject *client_event(struct client *client, double limit_s, GError **error);

JsonObject *client_version(struct client *client); /* "version" of the greeting; may be NULL */

#endif
