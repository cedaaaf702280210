/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/web_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_BYTES 16
#define KEY_BYTES   16 /* of Sec-WebSocket-Key */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

/* ---- the token ---- */

char *web_token_new(void)
{
    uint8_t bytes[TOKEN_BYTES];
    char *text = g_malloc(TOKEN_BYTES * 2 + 1);

    if (getentropy(bytes, sizeof(bytes)) != 0)
        g_error("no random numbers: %s", g_strerror(errno)); /* a guessable token is worse than none */
    for (unsigned i = 0; i < TOKEN_BYTES; i++)
        g_snprintf(text + i * 2, 3, "%02x", bytes[i]);
    return text;
}

static bool is_token(const char *text)
{
    size_t length = strlen(text);

    if (length < WEB_TOKEN_MIN || length > WEB_TOKEN_MAX)
        return false;
    for (; *text; text++) {
        if (!g_ascii_isalnum(*text) && *text != '-' && *text != '_')
            return false;
    }
    return true;
}

char *web_token_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error)) {
        g_prefix_error(error, "-display web: token-file: ");
        return NULL;
    }
    if (strlen(text) == length && is_token(g_strchomp(text)))
        return g_steal_pointer(&text);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "-display web: token-file=%s: it has to hold %d to %d letters, digits, - and _", path,
                WEB_TOKEN_MIN, WEB_TOKEN_MAX);
    return NULL;
}

/* How long it takes says nothing about where they differ. */
static bool same_secret(const char *given, size_t length, const char *secret)
{
    size_t expected = strlen(secret);
    unsigned differs = length != expected;

    for (size_t i = 0; i < expected; i++)
        differs |= (uint8_t)secret[i] ^ (uint8_t)(i < length ? given[i] : 0);
    return !differs;
}

/* ---- headers ---- */

/* The next word of a comma-separated list; false: there is none. */
static bool next_word(const char **at, const char **word, size_t *length)
{
    const char *p = *at + strspn(*at, " \t,");

    if (!*p)
        return false;
    *word = p;
    *length = strcspn(p, ",");
    *at = p + *length;
    while (*length && strchr(" \t", p[*length - 1]))
        --*length;
    return true;
}

bool web_header_has(const char *header, const char *word)
{
    const char *at = header, *found;
    size_t length;

    while (at && next_word(&at, &found, &length)) {
        if (length == strlen(word) && !g_ascii_strncasecmp(found, word, length))
            return true;
    }
    return false;
}

bool web_protocols_ok(const char *offered, const char *token)
{
    const size_t prefix = strlen(WEB_TOKEN_PREFIX);
    const char *at = offered, *word;
    bool speaks = false, knows = false;
    size_t length;

    if (!offered || strlen(offered) > WEB_HEADER_MAX)
        return false;
    while (next_word(&at, &word, &length)) {
        if (length == strlen(WEB_PROTOCOL) && !strncmp(word, WEB_PROTOCOL, length))
            speaks = true;
        else if (length > prefix && !strncmp(word, WEB_TOKEN_PREFIX, prefix))
            knows |= same_secret(word + prefix, length - prefix, token);
    }
    return speaks && knows;
}

static bool is_address(const char *name)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* "NAME", "NAME:PORT", "[ADDRESS]", "[ADDRESS]:PORT" without the port; NULL: it is none of these. */
static char *host_name(const char *host)
{
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    const char *rest = end && *end == ']' ? end + 1 : end, *start = *host == '[' ? host + 1 : host;

    if (!end || end == start)
        return NULL;
    if (*rest == ':') {
        size_t digits = strspn(++rest, "0123456789");

        if (digits > 5)
            return NULL;
        rest += digits;
    }
    return *rest ? NULL : g_strndup(start, (gsize)(end - start));
}

bool web_host_ok(const char *host, const char *name)
{
    g_autofree char *given = NULL;

    if (!host || strlen(host) > WEB_HEADER_MAX)
        return false;
    given = host_name(host);
    return given && (is_address(given) || !g_ascii_strcasecmp(given, "localhost") ||
                     (name && *name && !g_ascii_strcasecmp(given, name)));
}

bool web_origin_ok(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"}; /* the second: behind a proxy */

    if (!origin)
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_has_prefix(origin, schemes[i]))
            return !g_ascii_strcasecmp(origin + strlen(schemes[i]), host);
    }
    return false;
}

char *web_accept_key(const char *key)
{
    g_autoptr(GChecksum) sum = NULL;
    g_autofree guchar *decoded = NULL;
    guint8 digest[20];
    gsize length = sizeof(digest);

    if (!key || strlen(key) != (KEY_BYTES + 2) / 3 * 4 ||
        strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != strlen(key))
        return NULL;
    decoded = g_base64_decode(key, &length);
    if (length != KEY_BYTES)
        return NULL;
    sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(sum, (const guchar *)key, -1);
    g_checksum_update(sum, (const guchar *)GUID, -1);
    length = sizeof(digest);
    g_checksum_get_digest(sum, digest, &length);
    return g_base64_encode(digest, length);
}

bool web_is_loopback(const char *address)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
