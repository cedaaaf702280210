/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmicrohttpd and libwslay, loaded when -display web is given: with the first come gnutls and what that
 * needs, which a machine without the web console has no use for. Their functions are called by their own names.
 */
#ifndef UI_WEB_LIB_H
#define UI_WEB_LIB_H

#include <glib.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <wslay/wslay.h>

/* clang-format off */
#define WEB_HTTP_FUNCTIONS(F) \
    F(MHD_add_response_header) \
    F(MHD_create_response_for_upgrade) \
    F(MHD_create_response_from_buffer) \
    F(MHD_create_response_from_fd) \
    F(MHD_destroy_response) \
    F(MHD_get_connection_info) \
    F(MHD_get_connection_values) \
    F(MHD_get_daemon_info) \
    F(MHD_get_timeout) \
    F(MHD_queue_response) \
    F(MHD_run) \
    F(MHD_start_daemon) \
    F(MHD_stop_daemon) \
    F(MHD_upgrade_action)
#define WEB_SOCKET_FUNCTIONS(F) \
    F(wslay_event_config_set_max_recv_msg_length) \
    F(wslay_event_context_free) \
    F(wslay_event_context_server_init) \
    F(wslay_event_get_close_received) \
    F(wslay_event_get_close_sent) \
    F(wslay_event_get_queued_msg_count) \
    F(wslay_event_queue_close) \
    F(wslay_event_queue_msg) \
    F(wslay_event_recv) \
    F(wslay_event_send) \
    F(wslay_event_set_error) \
    F(wslay_event_want_read) \
    F(wslay_event_want_write)
/* clang-format on */

#define WEB_LIB_MEMBER(name) __typeof__(&name) name##_;
struct web_lib {
    WEB_HTTP_FUNCTIONS(WEB_LIB_MEMBER)
    WEB_SOCKET_FUNCTIONS(WEB_LIB_MEMBER)
};
extern struct web_lib web_lib;

/* Before any of them; again costs nothing. Main loop's thread. False with a one-line *error. */
bool web_lib_load(GError **error);

#ifndef WEB_LIB_OWN_NAMES
#define MHD_add_response_header web_lib.MHD_add_response_header_
#define MHD_create_response_for_upgrade web_lib.MHD_create_response_for_upgrade_
#define MHD_create_response_from_buffer web_lib.MHD_create_response_from_buffer_
#define MHD_create_response_from_fd web_lib.MHD_create_response_from_fd_
#define MHD_destroy_response web_lib.MHD_destroy_response_
#define MHD_get_connection_info web_lib.MHD_get_connection_info_
#define MHD_get_connection_values web_lib.MHD_get_connection_values_
#define MHD_get_daemon_info web_lib.MHD_get_daemon_info_
#define MHD_get_timeout web_lib.MHD_get_timeout_
#define MHD_queue_response web_lib.MHD_queue_response_
#define MHD_run web_lib.MHD_run_
#define MHD_start_daemon web_lib.MHD_start_daemon_
#define MHD_stop_daemon web_lib.MHD_stop_daemon_
#define MHD_upgrade_action web_lib.MHD_upgrade_action_
#define wslay_event_config_set_max_recv_msg_length web_lib.wslay_event_config_set_max_recv_msg_length_
#define wslay_event_context_free web_lib.wslay_event_context_free_
#define wslay_event_context_server_init web_lib.wslay_event_context_server_init_
#define wslay_event_get_close_received web_lib.wslay_event_get_close_received_
#define wslay_event_get_close_sent web_lib.wslay_event_get_close_sent_
#define wslay_event_get_queued_msg_count web_lib.wslay_event_get_queued_msg_count_
#define wslay_event_queue_close web_lib.wslay_event_queue_close_
#define wslay_event_queue_msg web_lib.wslay_event_queue_msg_
#define wslay_event_recv web_lib.wslay_event_recv_
#define wslay_event_send web_lib.wslay_event_send_
#define wslay_event_set_error web_lib.wslay_event_set_error_
#define wslay_event_want_read web_lib.wslay_event_want_read_
#define wslay_event_want_write web_lib.wslay_event_want_write_
#endif

#endif
