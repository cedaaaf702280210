/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp, loaded when the first user network is opened, so that it costs no other start anything. Its functions
 * are called by their own names.
 */
#ifndef NET_SLIRP_LIB_H
#define NET_SLIRP_LIB_H

#include <glib.h>
#include <slirp/libslirp.h>
#include <stdbool.h>

/* clang-format off */
#define SLIRP_LIB_FUNCTIONS(F) \
    F(slirp_add_exec) \
    F(slirp_add_guestfwd) \
    F(slirp_add_hostfwd) \
    F(slirp_add_unix) \
    F(slirp_cleanup) \
    F(slirp_connection_info) \
    F(slirp_handle_timer) \
    F(slirp_input) \
    F(slirp_new) \
    F(slirp_pollfds_fill) \
    F(slirp_pollfds_poll) \
    F(slirp_socket_can_recv) \
    F(slirp_socket_recv)
/* clang-format on */

#define SLIRP_LIB_MEMBER(name) __typeof__(&name) name##_;
struct slirp_lib {
    SLIRP_LIB_FUNCTIONS(SLIRP_LIB_MEMBER)
};
extern struct slirp_lib slirp_lib;

/* Before any of them; again costs nothing. Main loop's thread. False with a one-line *error. */
bool slirp_lib_load(GError **error);

#ifndef SLIRP_LIB_OWN_NAMES
#define slirp_add_exec slirp_lib.slirp_add_exec_
#define slirp_add_guestfwd slirp_lib.slirp_add_guestfwd_
#define slirp_add_hostfwd slirp_lib.slirp_add_hostfwd_
#define slirp_add_unix slirp_lib.slirp_add_unix_
#define slirp_cleanup slirp_lib.slirp_cleanup_
#define slirp_connection_info slirp_lib.slirp_connection_info_
#define slirp_handle_timer slirp_lib.slirp_handle_timer_
#define slirp_input slirp_lib.slirp_input_
#define slirp_new slirp_lib.slirp_new_
#define slirp_pollfds_fill slirp_lib.slirp_pollfds_fill_
#define slirp_pollfds_poll slirp_lib.slirp_pollfds_poll_
#define slirp_socket_can_recv slirp_lib.slirp_socket_can_recv_
#define slirp_socket_recv slirp_lib.slirp_socket_recv_
#endif

#endif
