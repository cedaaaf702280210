/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network block devices over TLS: certificates made here, nbdkit and qemu-nbd as servers. */
#include "nbd_util.h"

#ifdef CONFIG_NBD

#include "block/nbd_conn.h"
#include "block/tlscreds.h"

static char *sock, *ours, *others, *psk;

static void run(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void run(const char *format, ...)
{
    g_autofree char *line = NULL, *text = NULL;
    int status = -1;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    if (!g_spawn_command_line_sync(line, NULL, &text, &status, NULL) || status)
        fail_msg("%s: %s", line, text ? text : "");
}

static void put_file(const char *in, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(in, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* An authority, a certificate of "localhost" and one of a client, as QEMU and nbdkit name the files. */
static char *authority(const char *name)
{
    char *d = in_dir(name);

    g_mkdir(d, 0700);
    put_file(d, "ca.info", "cn = Test\nca\ncert_signing_key\n");
    put_file(d, "server.info",
             "organization = Test\ncn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\n"
             "tls_www_server\nencryption_key\nsigning_key\n");
    put_file(d, "client.info", "organization = Test\ncn = client\ntls_www_client\nsigning_key\n");
    for (unsigned i = 0; i < 3; i++) {
        static const char *const who[] = { "ca", "server", "client" };

        run("certtool --generate-privkey --key-type ecdsa --outfile %s/%s-key.pem", d, who[i]);
        if (i == 0)
            run("certtool --generate-self-signed --load-privkey %s/ca-key.pem --template %s/ca.info "
                "--outfile %s/ca-cert.pem", d, d, d);
        else
            run("certtool --generate-certificate --load-ca-certificate %s/ca-cert.pem "
                "--load-ca-privkey %s/ca-key.pem --load-privkey %s/%s-key.pem --template %s/%s.info "
                "--outfile %s/%s-cert.pem", d, d, d, who[i], d, who[i], d, who[i]);
    }
    return d;
}

static int set_up(void **state)
{
    if (make_dir(state))
        return -1;
    sock = in_dir("s");
    ours = authority("ours");
    others = authority("others");
    psk = in_dir("psk");
    g_mkdir(psk, 0700);
    put_file(psk, "keys.psk", "qemu:0123456789abcdef0123456789abcdef\n"
                              "alice:ffff456789abcdef0123456789abcdef\n");
    return 0;
}

static int tear_down(void **state)
{
    g_free(sock);
    g_free(ours);
    g_free(others);
    g_free(psk);
    return remove_dir(state);
}

static void define(const char *id, char *where, bool is_psk, bool verify, char *user)
{
    struct tls_creds creds = { (char *)id, where, is_psk, verify, user };
    GError *error = NULL;

    if (!tls_creds_add(&creds, &error))
        fail_msg("%s", error->message);
}

static void works(const char *text)
{
    struct image *img = open_node(text);
    uint8_t *buf = g_malloc(4 * MIB);

    for (uint64_t i = 0; i < 4 * MIB; i++)
        buf[i] = (uint8_t)(i * 7 + (i >> 9));
    assert_int_equal(image_write(img, 0, buf, 4 * MIB), 0);
    memset(buf, 0, 4 * MIB);
    assert_int_equal(image_read(img, 0, buf, 4 * MIB), 0);
    for (uint64_t i = 0; i < 4 * MIB; i += 511)
        assert_int_equal(buf[i], (uint8_t)(i * 7 + (i >> 9)));
    image_unref(img);
    g_free(buf);
}

static void test_registry(void **state)
{
    struct tls_creds creds = { (char *)"a", ours, false, true, NULL };
    GError *error = NULL;

    (void)state;
    assert_null(tls_creds_find("a"));
    assert_true(tls_creds_add(&creds, NULL));
    assert_string_equal(tls_creds_find("a")->dir, ours);
    assert_false(tls_creds_add(&creds, &error));
    assert_non_null(strstr(error->message, "taken"));
    g_clear_error(&error);
    assert_true(tls_creds_remove("a"));
    assert_false(tls_creds_remove("a"));
    creds.dir = dir;
    assert_false(tls_creds_add(&creds, &error));
    assert_non_null(strstr(error->message, "ca-cert.pem"));
    g_clear_error(&error);
    creds.dir = NULL;
    assert_false(tls_creds_add(&creds, &error));
    assert_non_null(strstr(error->message, "dir="));
    g_clear_error(&error);
}

/* By TCP, so that the name in the certificate is looked at. */
static void test_x509(void **state)
{
    int port = free_port();
    g_autofree char *line =
        g_strdup_printf("nbdkit -f --exit-with-parent -i 127.0.0.1 -p %d --tls=require "
                        "--tls-certificates=%s --tls-verify-peer memory 4M", port, ours);
    g_autofree char *base =
        g_strdup_printf("server.type=inet,server.port=%d,server.host=localhost", port);
    g_autofree char *good = g_strconcat(base, ",tls-creds=ours", NULL);
    g_autofree char *wrong = g_strconcat(base, ",tls-creds=others", NULL);
    g_autofree char *system = g_strconcat(base, ",tls=on", NULL);
    GPid pid = spawn_line(line);

    (void)state;
    wait_server(NULL, port);
    define("ours", ours, false, true, NULL);
    define("others", others, false, true, NULL);
    works(good);
    refused(base, "TLS", 1000);        /* the server insists */
    refused(wrong, "gnutls", 1000);    /* signed by somebody else */
    refused(system, "gnutls", 1000);
    end_server(pid, SIGTERM);
}

/* Who answers without TLS, or for another name, is not talked to. */
static void test_imposters(void **state)
{
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s,tls-creds=ours", sock);
    int port = free_port();
    g_autofree char *line = g_strdup_printf("nbdkit -f --exit-with-parent -i 127.0.0.2 -p %d "
                                            "--tls=require --tls-certificates=%s memory 4M", port, ours);
    g_autofree char *other_name = g_strdup_printf(
        "server.type=inet,server.host=127.0.0.2,server.port=%d,tls-creds=ours", port);
    g_autofree char *trusting = g_strdup_printf(
        "server.type=inet,server.host=127.0.0.2,server.port=%d,tls-creds=trusting", port);
    GPid pid = nbdkit(sock, "", "memory 4M"), second = spawn_line(line);

    (void)state;
    refused(text, "TLS", 1000);
    end_server(pid, SIGTERM);
    define("trusting", ours, false, false, NULL);
    for (int i = 0; i < 200; i++) {
        struct image *img = try_open(trusting, NULL);

        if (img) {
            image_unref(img);
            break;
        }
        g_usleep(10000);
    }
    works(trusting);
    refused(other_name, "gnutls", 1000);
    end_server(second, SIGTERM);
}

static void test_qemu_nbd_x509(void **state)
{
    g_autofree char *file = random_file("a", 4 * MIB, 1);
    int port = free_port();
    g_autofree char *line = g_strdup_printf(
        "qemu-nbd -t -f raw -b 127.0.0.1 -p %d --object "
        "tls-creds-x509,id=t,endpoint=server,verify-peer=on,dir=%s --tls-creds t -x disk %s",
        port, ours, file);
    g_autofree char *text = g_strdup_printf(
        "server.type=inet,server.host=localhost,server.port=%d,tls-creds=ours,export=disk", port);
    GPid pid = spawn_line(line);

    (void)state;
    wait_server(NULL, port);
    works(text);
    end_server(pid, SIGTERM);
}

static void test_psk(void **state)
{
    g_autofree char *options = g_strdup_printf("--tls=require --tls-psk=%s/keys.psk", psk);
    g_autofree char *base = g_strdup_printf("server.type=unix,server.path=%s,tls-creds=", sock);
    g_autofree char *plain = g_strconcat(base, "psk", NULL), *alice = g_strconcat(base, "alice", NULL);
    g_autofree char *bob = g_strconcat(base, "bob", NULL);
    GPid pid = nbdkit(sock, options, "memory 4M");

    (void)state;
    define("psk", psk, true, false, NULL);
    define("alice", psk, true, false, (char *)"alice");
    define("bob", psk, true, false, (char *)"bob");
    works(plain);
    works(alice);
    refused(bob, "bob", 1000);
    end_server(pid, SIGTERM);
}

/* Lost and found again over TLS. */
static void test_reconnect(void **state)
{
    g_autofree char *options = g_strdup_printf("--tls=require --tls-certificates=%s", ours);
    GPid pid = nbdkit(sock, options, "memory 4M");
    struct image *img = open_unix(sock, "tls-creds=ours,reconnect-delay=10");
    uint8_t byte;

    (void)state;
    assert_int_equal(image_read(img, 0, &byte, 1), 0);
    end_server(pid, SIGKILL);
    pid = nbdkit(sock, options, "memory 4M");
    assert_int_equal(image_read(img, 0, &byte, 1), 0);
    image_unref(img);
    end_server(pid, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),      cmocka_unit_test(test_x509),
        cmocka_unit_test(test_imposters),     cmocka_unit_test(test_qemu_nbd_x509),
        cmocka_unit_test(test_psk),           cmocka_unit_test(test_reconnect),
    };

    if (!have("nbdkit") || !have("qemu-nbd") || !have("certtool")) {
        puts("needs nbdkit, qemu-nbd and certtool: apt-get install nbdkit qemu-utils gnutls-bin");
        return 77;
    }
    if (!nbd_conn_has_tls()) {
        puts("libnbd has no TLS here");
        return 77;
    }
    alarm(300);
    return cmocka_run_group_tests_name("nbd_tls", tests, set_up, tear_down);
}

#else

int main(void)
{
    puts("built without libnbd");
    return 77;
}

#endif
