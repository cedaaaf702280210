/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may look, and beside whom. */
#include <string.h>
#include <sys/socket.h>

#include "ui/vnc_int.h"

bool vnc_admit(struct vnc_viewer *v, bool exclusive)
{
    struct vnc *vnc = v->vnc;
    bool ok = true;

    if (vnc->config->share == VNC_SHARE_IGNORE)
        exclusive = false;
    pthread_mutex_lock(&vnc->admission);
    if (exclusive && vnc->config->share == VNC_SHARE_FORCE_SHARED)
        ok = false;
    for (guint i = 0; i < vnc->viewers->len && ok; i++) {
        struct vnc_viewer *other = g_ptr_array_index(vnc->viewers, i);

        if (other == v || !other->admitted || atomic_load(&other->gone))
            continue;
        if (exclusive)
            shutdown(other->fd, SHUT_RDWR);
        else if (other->exclusive)
            ok = false;
    }
    v->admitted = ok;
    v->exclusive = ok && exclusive;
    pthread_mutex_unlock(&vnc->admission);
    return ok;
}

static int64_t now_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/*
 * DES by the library, which says nothing when it refuses a weak key and then leaves the challenge as
 * it is: who sends that back must not get in.
 */
bool vnc_password_matches(struct vnc *vnc, const uint8_t *challenge, const uint8_t *response)
{
    unsigned char expected[CHALLENGESIZE];
    char secret[sizeof(vnc->secret)];
    unsigned differs = 0;
    bool ok;

    pthread_mutex_lock(&vnc->secret_lock);
    memcpy(secret, vnc->secret, sizeof(secret));
    ok = *secret && now_s() < vnc->expires_s;
    memcpy(expected, challenge, sizeof(expected));
    if (ok)
        rfbEncryptBytes(expected, secret); /* locked: not all of its back ends are made for threads */
    pthread_mutex_unlock(&vnc->secret_lock);
    for (unsigned i = 0; i < sizeof(expected); i++)
        differs |= expected[i] ^ response[i];
    return ok && !differs && memcmp(expected, challenge, sizeof(expected)) != 0;
}

bool vnc_set_password(struct vnc *vnc, const char *password)
{
    if (!vnc->config->password)
        return false;
    pthread_mutex_lock(&vnc->secret_lock);
    memset(vnc->secret, 0, sizeof(vnc->secret));
    if (password)
        strncpy(vnc->secret, password, VNC_PASSWORD_MAX);
    pthread_mutex_unlock(&vnc->secret_lock);
    return true;
}

bool vnc_expire_password(struct vnc *vnc, int64_t time_s)
{
    if (!vnc->config->password)
        return false;
    pthread_mutex_lock(&vnc->secret_lock);
    vnc->expires_s = time_s;
    pthread_mutex_unlock(&vnc->secret_lock);
    return true;
}
