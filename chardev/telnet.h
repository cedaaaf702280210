/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The little of telnet (RFC 854, 857, 858, 856) that a serial line needs: characters, binary. */
#ifndef CHARDEV_TELNET_H
#define CHARDEV_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum telnet_state {
    TELNET_DATA,
    TELNET_COMMAND,    /* after IAC */
    TELNET_OPTION,     /* after WILL, WONT, DO, DONT */
    TELNET_SUB,        /* in a subnegotiation */
    TELNET_SUB_ESCAPE, /* and after an IAC there */
    TELNET_CR,         /* after a carriage return, which a NUL may follow */
    TELNET_STATES,
};

/* What a server offers at the start: it echoes, no go-ahead, eight bits both ways. */
extern const uint8_t telnet_greeting[12];

/*
 * Takes the protocol out of len bytes in place; returns what is left. *state is TELNET_DATA at the
 * start of a connection. *breaks: raised by each IAC BREAK. Answers of the peer need none of ours.
 */
size_t telnet_filter(enum telnet_state *state, uint8_t *buf, size_t len, unsigned *breaks);

#endif
