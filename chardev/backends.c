/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of back ends, and opening by name. */
#include <signal.h>
#include <string.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"
#include "chardev/seriallog.h"

static void (*quit_fn)(void *opaque);
static void *quit_opaque;
static struct chardev *(*vc_open)(const char *label, GHashTable *opts, GError **error);

void chardev_set_quit_hook(void (*fn)(void *opaque), void *opaque)
{
    quit_fn = fn;
    quit_opaque = opaque;
}

void chardev_quit(void)
{
    if (quit_fn)
        quit_fn(quit_opaque);
    else
        raise(SIGTERM);
}

void chardev_register_vc(struct chardev *(*open_fn)(const char *label, GHashTable *opts,
                                                    GError **error))
{
    vc_open = open_fn;
}

static struct chardev *open_vc(const char *label, GHashTable *opts, GError **error)
{
    return vc_open ? vc_open(label, opts, error) : chardev_null_open(label, opts, error);
}

/* ---- the table ---- */

static const struct chardev_option no_options[] = {{0}};

static const struct chardev_option stdio_options[] = {
    {"signal", CHARDEV_OPT_BOOL, false, "Ctrl-C, Ctrl-Z and Ctrl-\\ act on kvm-dm (default on)"},
    {0},
};

static const struct chardev_option file_options[] = {
    {"path", CHARDEV_OPT_STRING, true, "the file"},
    {"append", CHARDEV_OPT_BOOL, false, "keep what it holds (default off; on with line-prefix=)"},
    {0},
};

static const struct chardev_option log_options[] = {
    {"logfile", CHARDEV_OPT_STRING, false, "a file that gets what the guest sends, too"},
    {"logappend", CHARDEV_OPT_BOOL, false, "keep what it holds (default off; on with line-prefix=)"},
    {"limit", CHARDEV_OPT_SIZE, false,
     "log: write at most this much, drop the rest (default 1G, with rotate-size= 0: all)"},
    {"rotate-size", CHARDEV_OPT_SIZE, false, "log: go on with a new file at this size; the old ones are FILE.1, ..."},
    {"rotate-count", CHARDEV_OPT_NUMBER, false, "log: how many old ones are kept (default 5)"},
    {"timestamps", CHARDEV_OPT_STRING, false, "log: time before each line: off, on or utc, monotonic (default off)"},
    {"line-prefix", CHARDEV_OPT_STRING, false, "log: name before each line, for several VMs on one log"},
    {"reopen", CHARDEV_OPT_BOOL, false, "log: SIGHUP opens it anew and does not end kvm-dm (default off)"},
    {0},
};

const struct chardev_option *chardev_common_options(void)
{
    return log_options;
}

static const struct chardev_option socket_options[] = {
    {"path", CHARDEV_OPT_STRING, false, "unix socket"},
    {"host", CHARDEV_OPT_STRING, false, "TCP: name or address (server: default all addresses)"},
    {"port", CHARDEV_OPT_STRING, false, "TCP: port (server: 0 takes any free one)"},
    {"fd", CHARDEV_OPT_NUMBER, false, "an open socket that was passed to kvm-dm"},
    {"server", CHARDEV_OPT_BOOL, false, "listen instead of connecting (default off)"},
    {"wait", CHARDEV_OPT_BOOL, false,
     "server: start the VM only when a client is there (default on)"},
    {"telnet", CHARDEV_OPT_BOOL, false, "speak telnet (default off)"},
    {"reconnect", CHARDEV_OPT_NUMBER, false,
     "client: try again after so many seconds (default 0: never)"},
    {"backlog", CHARDEV_OPT_SIZE, false,
     "server: a client first gets the last so many bytes of what came before it (default 0)"},
    {"nodelay", CHARDEV_OPT_BOOL, false, "TCP: send small packets at once (default off)"},
    {"ipv4", CHARDEV_OPT_BOOL, false, "TCP: only IPv4"},
    {"ipv6", CHARDEV_OPT_BOOL, false, "TCP: only IPv6"},
    {0},
};

static const struct chardev_option udp_options[] = {
    {"host", CHARDEV_OPT_STRING, false, "name or address to send to (default localhost)"},
    {"port", CHARDEV_OPT_STRING, true, "port to send to"},
    {"localaddr", CHARDEV_OPT_STRING, false, "address to send from (default any)"},
    {"localport", CHARDEV_OPT_STRING, false, "port to receive on (default any free one)"},
    {"ipv4", CHARDEV_OPT_BOOL, false, "only IPv4"},
    {"ipv6", CHARDEV_OPT_BOOL, false, "only IPv6"},
    {0},
};

static const struct chardev_option pipe_options[] = {
    {"path", CHARDEV_OPT_STRING, true, "FIFOs PATH.in (read) and PATH.out (written), or PATH for both"},
    {0},
};

static const struct chardev_option ringbuf_options[] = {
    {"size", CHARDEV_OPT_SIZE, false, "how much is kept, a power of two (default 64k)"},
    {0},
};

/* Sizes and looks of a virtual console; what serves "vc" uses them. */
static const struct chardev_option vc_options[] = {
    {"width", CHARDEV_OPT_NUMBER, false, "pixels"},
    {"height", CHARDEV_OPT_NUMBER, false, "pixels"},
    {"cols", CHARDEV_OPT_NUMBER, false, "characters"},
    {"rows", CHARDEV_OPT_NUMBER, false, "characters"},
    {0},
};

static const struct chardev_driver drivers[] = {
    {"null", "takes everything, says nothing", no_options, chardev_null_open},
    {"stdio", "the terminal kvm-dm was started from", stdio_options, chardev_stdio_open},
    {"file", "output to a file", file_options, chardev_file_open},
    {"pty", "a pseudo terminal", no_options, chardev_pty_open},
    {"socket", "unix or TCP socket, server or client", socket_options, chardev_socket_open},
    {"udp", "datagrams to and from one address", udp_options, chardev_udp_open},
    {"pipe", "named pipes (FIFOs)", pipe_options, chardev_pipe_open},
    {"ringbuf", "memory that QMP ringbuf-read reads", ringbuf_options, chardev_ringbuf_open},
    {"vc", "a console in the display", vc_options, open_vc},
    {"memory", "in this process, for tests", no_options, chardev_memory_open},
};

const struct chardev_driver *chardev_drivers(unsigned *count)
{
    *count = G_N_ELEMENTS(drivers);
    return drivers;
}

const struct chardev_driver *chardev_driver_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i].name, name))
            return &drivers[i];
    }
    return NULL;
}

/* ---- options ---- */

/* -1: neither */
static int parse_bool(const char *word)
{
    static const char *const on[] = {"on", "yes", "true", "y"}, *const off[] = {"off", "no",
                                                                                "false", "n"};

    for (unsigned i = 0; i < G_N_ELEMENTS(on); i++) {
        if (!strcmp(word, on[i]))
            return 1;
        if (!strcmp(word, off[i]))
            return 0;
    }
    return -1;
}

bool chardev_opt_bool(GHashTable *opts, const char *key, bool otherwise)
{
    const char *word = opts_get(opts, key);

    return word ? parse_bool(word) == 1 : otherwise;
}

static bool parse_size(const char *word, uint64_t *bytes)
{
    static const char suffixes[] = "kMGT";
    const char *suffix;
    char *end;
    guint64 n;

    if (!g_ascii_isdigit(word[0]))
        return false;
    n = g_ascii_strtoull(word, &end, 10);
    suffix = *end ? strchr(suffixes, *end == 'K' ? 'k' : *end) : NULL;
    if (*end && (!suffix || end[1]))
        return false;
    for (const char *s = suffixes; suffix && s <= suffix; s++) {
        if (n > UINT64_MAX / 1024)
            return false;
        n *= 1024;
    }
    *bytes = n;
    return true;
}

uint64_t chardev_opt_size(const char *word)
{
    uint64_t bytes = 0;

    parse_size(word, &bytes);
    return bytes;
}

static const char *misfit(const struct chardev_option *o, const char *value)
{
    guint64 n;
    uint64_t bytes;

    switch (o->type) {
    case CHARDEV_OPT_BOOL: return parse_bool(value) < 0 ? "on or off" : NULL;
    case CHARDEV_OPT_NUMBER:
        return g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT, &n, NULL) ? NULL : "a number";
    case CHARDEV_OPT_SIZE: return parse_size(value, &bytes) ? NULL : "a size such as 64k or 1G";
    case CHARDEV_OPT_STRING: return *value ? NULL : "not empty";
    }
    return NULL;
}

static const struct chardev_option *find_option(const struct chardev_driver *driver,
                                                const char *key)
{
    static const struct chardev_option mux = {"mux", CHARDEV_OPT_BOOL, false, "several front ends"};
    const struct chardev_option *const tables[] = {driver->options, log_options};

    for (unsigned i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const struct chardev_option *o = tables[i]; o->name; o++) {
            if (!strcmp(o->name, key))
                return o;
        }
    }
    return strcmp(key, mux.name) ? NULL : &mux;
}

/* The options of a log where there is none. */
static char *log_misfit(const struct chardev_driver *driver, GHashTable *opts)
{
    if (driver->open == chardev_file_open || opts_get(opts, "logfile"))
        return NULL;
    for (const struct chardev_option *o = log_options; o->name; o++) {
        if (opts_get(opts, o->name))
            return g_strdup_printf("option %s= needs logfile=", o->name);
    }
    return NULL;
}

char *chardev_check_options(const struct chardev_driver *driver, GHashTable *opts)
{
    GHashTableIter it;
    gpointer key, value;

    if (opts)
        g_hash_table_iter_init(&it, opts);
    while (opts && g_hash_table_iter_next(&it, &key, &value)) {
        const struct chardev_option *o = find_option(driver, key);
        const char *wanted = o ? misfit(o, value) : NULL;

        if (!o)
            return g_strdup_printf("back end %s has no option '%s'", driver->name, (char *)key);
        if (wanted)
            return g_strdup_printf("option %s=%s must be %s", o->name, (char *)value, wanted);
    }
    for (const struct chardev_option *o = driver->options; o->name; o++) {
        if (o->required && !opts_get(opts, o->name))
            return g_strdup_printf("option %s= is missing (%s)", o->name, o->help);
    }
    return log_misfit(driver, opts);
}

/* ---- opening ---- */

static bool open_log(struct chardev *chr, GHashTable *opts, GError **error)
{
    const char *path = opts_get(opts, "logfile");
    bool append = chardev_opt_bool(opts, "logappend", opts_get(opts, "line-prefix") != NULL);

    if (path)
        chr->log = seriallog_open(chr, path, append, true, opts, error);
    return !path || chr->log;
}

static struct chardev *fail_unknown(GError **error, const char *label, const char *backend)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", drivers[i].name);
    return chardev_fail(error, label, "there is no back end '%s'; there are: %s", backend,
                        names->str);
}

struct chardev *chardev_open(const char *backend, const char *label, GHashTable *opts,
                             GError **error)
{
    bool mux = g_str_has_prefix(backend, "mux-") || chardev_opt_bool(opts, "mux", false);
    const char *name = g_str_has_prefix(backend, "mux-") ? backend + 4 : backend;
    const struct chardev_driver *driver = chardev_driver_find(name);
    g_autofree char *fault = NULL;
    struct chardev *chr;

    if (!driver)
        return fail_unknown(error, label, name);
    fault = chardev_check_options(driver, opts);
    if (fault)
        return chardev_fail(error, label, "%s", fault);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error code, no death */
    chr = driver->open(label, opts, error);
    if (chr && !open_log(chr, opts, error)) {
        chardev_free(chr);
        return NULL;
    }
    if (!chr || !mux)
        return chr;
    if (driver->open == chardev_stdio_open)
        chardev_stdio_no_escape(chr);
    return chardev_mux_new(chr);
}
