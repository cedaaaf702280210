/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS credentials that options refer to by id ("tls-creds=ID"): what -object tls-creds-x509 and
 * tls-creds-psk define, of a client. Names and files as QEMU's: in `dir` of x509 there are
 * ca-cert.pem and, if the server asks who we are, client-cert.pem and client-key.pem; in that of psk
 * keys.psk. Main loop's thread.
 */
#ifndef BLOCK_TLSCREDS_H
#define BLOCK_TLSCREDS_H

#include <glib.h>
#include <stdbool.h>

struct tls_creds {
    char *id, *dir;
    bool psk;         /* else x509 */
    bool verify_peer; /* x509: the server's certificate has to be good */
    char *username;   /* psk; NULL: "qemu", QEMU's default */
};

/*
 * Defines one; the strings are copied. False with a one-line *error: the id is taken, or what `dir`
 * must hold is not there.
 */
bool tls_creds_add(const struct tls_creds *creds, GError **error);
const struct tls_creds *tls_creds_find(const char *id); /* NULL: none */
/* False: there is none. Who uses them has a copy. */
bool tls_creds_remove(const char *id);
void tls_creds_clear(void); /* removes all */

struct tls_creds *tls_creds_copy(const struct tls_creds *creds);
void tls_creds_free(struct tls_creds *creds);

#endif
