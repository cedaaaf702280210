/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -chroot and -runas: what the process gives up once everything that the command line names is open. Files that a monitor
 * names later are looked for below the new root, as the new user.
 */
#ifndef DM_PRIVILEGES_H
#define DM_PRIVILEGES_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct privileges {
    char *root; /* -chroot; NULL: stay */
    bool change_user;
    uid_t uid;
    gid_t gid;
    char *user; /* for the supplementary groups; NULL: none of them (-runas UID:GID) */
};

/* "USER" or "UID:GID"; false with error: there is no such user. */
bool privileges_parse_user(struct privileges *p, const char *text, GError **error);
/* Changes the root, then the user, for good. False with error: the host refused. */
bool privileges_drop(const struct privileges *p, GError **error);
void privileges_clear(struct privileges *p);

#endif
