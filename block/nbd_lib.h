/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libnbd, loaded when the first nbd node is opened: with it come gnutls, libxml2 and ICU, 40 MB of
 * mappings and some milliseconds of every start, which a machine without network disks has no use for.
 * Its functions are called by their own names.
 */
#ifndef BLOCK_NBD_LIB_H
#define BLOCK_NBD_LIB_H

#include <glib.h>
#include <libnbd.h>
#include <stdbool.h>

/* clang-format off */
#define NBD_LIB_FUNCTIONS(F) \
    F(nbd_add_meta_context) \
    F(nbd_aio_block_status) \
    F(nbd_aio_connect_socket) \
    F(nbd_aio_connect_tcp) \
    F(nbd_aio_connect_unix) \
    F(nbd_aio_disconnect) \
    F(nbd_aio_flush) \
    F(nbd_aio_get_direction) \
    F(nbd_aio_get_fd) \
    F(nbd_aio_is_closed) \
    F(nbd_aio_is_dead) \
    F(nbd_aio_is_ready) \
    F(nbd_aio_notify_read) \
    F(nbd_aio_notify_write) \
    F(nbd_aio_pread_structured) \
    F(nbd_aio_pwrite) \
    F(nbd_aio_trim) \
    F(nbd_aio_zero) \
    F(nbd_can_flush) \
    F(nbd_can_fua) \
    F(nbd_can_meta_context) \
    F(nbd_can_trim) \
    F(nbd_can_zero) \
    F(nbd_close) \
    F(nbd_create) \
    F(nbd_get_block_size) \
    F(nbd_get_errno) \
    F(nbd_get_error) \
    F(nbd_get_size) \
    F(nbd_is_read_only) \
    F(nbd_set_export_name) \
    F(nbd_set_tls) \
    F(nbd_set_tls_certificates) \
    F(nbd_set_tls_psk_file) \
    F(nbd_set_tls_username) \
    F(nbd_set_tls_verify_peer) \
    F(nbd_supports_tls)
/* clang-format on */

#define NBD_LIB_MEMBER(name) __typeof__(&name) name##_;
struct nbd_lib {
    NBD_LIB_FUNCTIONS(NBD_LIB_MEMBER)
};
extern struct nbd_lib nbd_lib;

/* Before any of them; again costs nothing. Main loop's thread. False with a one-line *error. */
bool nbd_lib_load(GError **error);

#ifndef NBD_LIB_OWN_NAMES
#define nbd_add_meta_context nbd_lib.nbd_add_meta_context_
#define nbd_aio_block_status nbd_lib.nbd_aio_block_status_
#define nbd_aio_connect_socket nbd_lib.nbd_aio_connect_socket_
#define nbd_aio_connect_tcp nbd_lib.nbd_aio_connect_tcp_
#define nbd_aio_connect_unix nbd_lib.nbd_aio_connect_unix_
#define nbd_aio_disconnect nbd_lib.nbd_aio_disconnect_
#define nbd_aio_flush nbd_lib.nbd_aio_flush_
#define nbd_aio_get_direction nbd_lib.nbd_aio_get_direction_
#define nbd_aio_get_fd nbd_lib.nbd_aio_get_fd_
#define nbd_aio_is_closed nbd_lib.nbd_aio_is_closed_
#define nbd_aio_is_dead nbd_lib.nbd_aio_is_dead_
#define nbd_aio_is_ready nbd_lib.nbd_aio_is_ready_
#define nbd_aio_notify_read nbd_lib.nbd_aio_notify_read_
#define nbd_aio_notify_write nbd_lib.nbd_aio_notify_write_
#define nbd_aio_pread_structured nbd_lib.nbd_aio_pread_structured_
#define nbd_aio_pwrite nbd_lib.nbd_aio_pwrite_
#define nbd_aio_trim nbd_lib.nbd_aio_trim_
#define nbd_aio_zero nbd_lib.nbd_aio_zero_
#define nbd_can_flush nbd_lib.nbd_can_flush_
#define nbd_can_fua nbd_lib.nbd_can_fua_
#define nbd_can_meta_context nbd_lib.nbd_can_meta_context_
#define nbd_can_trim nbd_lib.nbd_can_trim_
#define nbd_can_zero nbd_lib.nbd_can_zero_
#define nbd_close nbd_lib.nbd_close_
#define nbd_create nbd_lib.nbd_create_
#define nbd_get_block_size nbd_lib.nbd_get_block_size_
#define nbd_get_errno nbd_lib.nbd_get_errno_
#define nbd_get_error nbd_lib.nbd_get_error_
#define nbd_get_size nbd_lib.nbd_get_size_
#define nbd_is_read_only nbd_lib.nbd_is_read_only_
#define nbd_set_export_name nbd_lib.nbd_set_export_name_
#define nbd_set_tls nbd_lib.nbd_set_tls_
#define nbd_set_tls_certificates nbd_lib.nbd_set_tls_certificates_
#define nbd_set_tls_psk_file nbd_lib.nbd_set_tls_psk_file_
#define nbd_set_tls_username nbd_lib.nbd_set_tls_username_
#define nbd_set_tls_verify_peer nbd_lib.nbd_set_tls_verify_peer_
#define nbd_supports_tls nbd_lib.nbd_supports_tls_
#endif

#endif
