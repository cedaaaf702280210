/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "dm/config/optlist.h"

static bool parse_numbers(struct privileges *p, const char *text)
{
    unsigned uid, gid;
    char rest;

    if (sscanf(text, "%9u:%9u%c", &uid, &gid, &rest) != 2)
        return false;
    p->uid = uid;
    p->gid = gid;
    p->change_user = true;
    return true;
}

bool privileges_parse_user(struct privileges *p, const char *text, GError **error)
{
    const struct passwd *pw;

    g_clear_pointer(&p->user, g_free);
    if (parse_numbers(p, text))
        return true;
    pw = getpwnam(text);
    if (!pw)
        return opt_error(error, "-runas %s: there is no such user; or give UID:GID", text);
    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
    p->user = g_strdup(text);
    p->change_user = true;
    return true;
}

static bool change_root(const struct privileges *p, GError **error)
{
    if (!p->root || (!chroot(p->root) && !chdir("/")))
        return true;
    return opt_error(error, "-chroot %s: %s", p->root, g_strerror(errno));
}

/* The groups of that user, who may be unknown below the new root. */
static bool change_groups(const struct privileges *p)
{
    return p->user ? !initgroups(p->user, p->gid) : !setgroups(1, &p->gid);
}

bool privileges_drop(const struct privileges *p, GError **error)
{
    if (p->change_user && !change_groups(p))
        return opt_error(error, "-runas: groups: %s", g_strerror(errno));
    if (!change_root(p, error))
        return false;
    if (!p->change_user)
        return true;
    if (setgid(p->gid) || setuid(p->uid))
        return opt_error(error, "-runas: %s", g_strerror(errno));
    /* From a user that is not root there must be no way back. */
    if (p->uid && !setuid(0))
        return opt_error(error, "-runas: root's rights could be had back");
    return true;
}

void privileges_clear(struct privileges *p)
{
    g_free(p->root);
    g_free(p->user);
    *p = (struct privileges){0};
}
