/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two outputs: VGA text memory at b8000 (80 x 25, mode 3 as BIOS left it) and COM1 at 115200 8N1. */
#include <stdarg.h>

#include "demo.h"

#define ROWS 25
#define COLUMNS 80

static volatile uint16_t *const cells = (volatile uint16_t *)0xb8000;

struct text {
    char *at, *end;
};

static void put(struct text *out, char c)
{
    if (out->at < out->end) {
        *out->at++ = c;
    }
}

static void put_padded(struct text *out, const char *s, int length, int width, char fill)
{
    for (; width > length; width--) {
        put(out, fill);
    }
    while (length--) {
        put(out, *s++);
    }
}

static void put_number(struct text *out, uint32_t value, uint32_t base, int width, char fill)
{
    char digits[12];
    char *at = digits + sizeof(digits);

    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put_padded(out, at, digits + sizeof(digits) - at, width, fill);
}

/* The result is NUL-terminated; returns its length. */
static int format_text(char *buf, int size, const char *format, va_list args)
{
    struct text out = {buf, buf + size - 1};

    for (; *format; format++) {
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        char fill = *++format == '0' ? '0' : ' ';
        int width = 0;
        for (; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + *format - '0';
        }
        if (*format == 's') {
            const char *s = va_arg(args, const char *);
            int length = 0;
            while (s[length]) {
                length++;
            }
            put_padded(&out, s, length, width, ' ');
        } else if (*format == 'u' || *format == 'x') {
            put_number(&out, va_arg(args, uint32_t), *format == 'u' ? 10 : 16, width, fill);
        } else if (*format == 'c') {
            put(&out, va_arg(args, int));
        } else {
            put(&out, *format);
        }
    }
    *out.at = 0;
    return out.at - buf;
}

static void serial_char(char c)
{
    /* THRE; bounded, so that a machine without the port still runs the demo. */
    for (int spin = 0; spin < 20000 && !(inb(COM1 + 5) & 0x20); spin++) {
    }
    outb(COM1, c);
}

void serial_line(const char *format, ...)
{
    char line[160];
    va_list args;

    va_start(args, format);
    format_text(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c; c++) {
        serial_char(*c);
    }
    serial_char('\r');
    serial_char('\n');
}

void screen_at(int row, int column, uint8_t colour, const char *format, ...)
{
    char line[COLUMNS + 1];
    va_list args;

    va_start(args, format);
    format_text(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c && column < COLUMNS; c++) {
        cells[row * COLUMNS + column++] = colour << 8 | (uint8_t)*c;
    }
}

static void fill_cells(int row, int column, int width, uint8_t colour, uint8_t character)
{
    volatile uint16_t *at = cells + row * COLUMNS + column;

    __asm__ volatile("rep stosw"
                     : "+D"(at), "+c"(width)
                     : "a"(colour << 8 | character)
                     : "memory");
}

void screen_bar(int row, int column, int width, uint8_t colour)
{
    fill_cells(row, column, width, colour, ' ');
}

void screen_box(int row, int column, int height, int width, const char *heading)
{
    /* Code page 437: da bf c0 d9 are corners, c4 and b3 lines. */
    int last_row = row + height - 1, last_column = column + width - 1;

    fill_cells(row, column, width, FRAME, 0xc4);
    fill_cells(last_row, column, width, FRAME, 0xc4);
    for (int r = row + 1; r < last_row; r++) {
        fill_cells(r, column, 1, FRAME, 0xb3);
        fill_cells(r, last_column, 1, FRAME, 0xb3);
    }
    fill_cells(row, column, 1, FRAME, 0xda);
    fill_cells(row, last_column, 1, FRAME, 0xbf);
    fill_cells(last_row, column, 1, FRAME, 0xc0);
    fill_cells(last_row, last_column, 1, FRAME, 0xd9);
    screen_at(row, column + 2, HEADING, " %s ", heading);
}

void screen_cursor(int row, int column)
{
    uint16_t place = row * COLUMNS + column;

    outw(0x3d4, 0x0e | (place & 0xff00));
    outw(0x3d4, 0x0f | (place & 0xff) << 8);
}

void console_init(void)
{
    outb(COM1 + 1, 0);    /* no interrupts */
    outb(COM1 + 3, 0x80); /* divisor 1: 115200 */
    outb(COM1 + 0, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03); /* 8N1 */
    outb(COM1 + 2, 0x07); /* FIFOs on and empty */
    outb(COM1 + 4, 0x03); /* DTR, RTS */
    fill_cells(0, 0, ROWS * COLUMNS, PLAIN, ' ');
}
