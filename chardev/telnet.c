/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/telnet.h"

enum { IAC = 255, DONT = 254, DO = 253, WILL = 251, SB = 250, BREAK = 243, SE = 240 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_NO_GO_AHEAD = 3 };

const uint8_t telnet_greeting[12] = {IAC, WILL, OPT_ECHO,   IAC, WILL, OPT_NO_GO_AHEAD,
                                     IAC, WILL, OPT_BINARY, IAC, DO,   OPT_BINARY};

/* After IAC. *data: the byte is data after all (a doubled 0xff). */
static enum telnet_state command(uint8_t byte, bool *data, unsigned *breaks)
{
    *data = byte == IAC;
    if (byte == BREAK)
        ++*breaks;
    if (byte >= WILL && byte <= DONT)
        return TELNET_OPTION;
    return byte == SB ? TELNET_SUB : TELNET_DATA;
}

static enum telnet_state next(enum telnet_state state, uint8_t byte, bool *data, unsigned *breaks)
{
    *data = false;
    switch (state) {
    case TELNET_COMMAND: return command(byte, data, breaks);
    case TELNET_OPTION: return TELNET_DATA;
    case TELNET_SUB: return byte == IAC ? TELNET_SUB_ESCAPE : TELNET_SUB;
    case TELNET_SUB_ESCAPE: return byte == SE ? TELNET_DATA : TELNET_SUB;
    case TELNET_CR:
        if (byte == 0)
            return TELNET_DATA; /* CR NUL is how a bare carriage return travels */
        break;
    case TELNET_DATA:
    case TELNET_STATES: break;
    }
    if (byte == IAC)
        return TELNET_COMMAND;
    *data = true;
    return byte == '\r' ? TELNET_CR : TELNET_DATA;
}

size_t telnet_filter(enum telnet_state *state, uint8_t *buf, size_t len, unsigned *breaks)
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = buf[i];
        bool data;

        *state = next(*state, byte, &data, breaks);
        if (data)
            buf[kept++] = byte;
    }
    return kept;
}
