# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays an asciicast (version 2) in a small model of a terminal: cells with colours, and the cursor."""
import json
import re

SGR = re.compile(r"\x1b\[([0-9;]*)m")
VGA = [0, 4, 2, 6, 1, 5, 3, 7]  # ECMA-48's colours as VGA numbers them


class Terminal:
    def __init__(self, columns, rows):
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.fg, self.bg, self.blink = 7, 0, False
        self.x = self.y = 0
        self.visible = True
        self.clear()

    def clear(self):
        self.cells = [[(" ", 7, 0, False)] * self.columns for _ in range(self.rows)]

    def feed(self, text):
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                assert text[at] >= " " and text[at] != "\x7f", "a control character: %r" % text[at]
                assert self.x < self.columns, "beyond the edge"
                self.cells[self.y][self.x] = (text[at], self.fg, self.bg, self.blink)
                self.x += 1
                at += 1
                continue
            m = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])").match(text, at)
            assert m, "no sequence: %r" % text[at:at + 12]
            self.sequence(m[1], [int(n or 0) for n in m[2].split(";")], m[3])
            at = m.end()

    def sequence(self, mark, numbers, final):
        if (mark, final) == ("", "H"):
            row, column = numbers if len(numbers) == 2 else (1, 1)
            assert 1 <= row <= self.rows and 1 <= column <= self.columns, numbers
            self.x, self.y = column - 1, row - 1
        elif (mark, final, numbers) == ("", "J", [2]):
            self.clear()
        elif (mark, final) == ("", "m"):
            for n in numbers:
                self.rendition(n)
        elif mark == "?" and numbers == [25]:
            self.visible = final == "h"
        else:
            raise AssertionError("sequence %r" % ((mark, numbers, final),))

    def rendition(self, n):
        if n == 0:
            self.fg, self.bg, self.blink = 7, 0, False
        elif n == 5:
            self.blink = True
        elif 30 <= n <= 37 or 90 <= n <= 97:
            self.fg = VGA[n % 10] + (8 if n >= 90 else 0)
        elif 40 <= n <= 47 or 100 <= n <= 107:
            self.bg = VGA[n % 10] + (8 if n >= 100 else 0)
        else:
            raise AssertionError("rendition %d" % n)

    def lines(self):
        return ["".join(c[0] for c in row).rstrip() for row in self.cells]


class Cast:
    """A recording, checked against the format; replay() gives the terminal as it is after each event."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        assert self.data.endswith(b"\n")
        lines = self.data.decode("utf-8").splitlines()
        self.header = json.loads(lines[0])
        assert self.header["version"] == 2 and self.header["env"]["TERM"], self.header
        self.events = [json.loads(line) for line in lines[1:]]
        last = 0
        for at, kind, text in self.events:
            assert at >= last and kind in "or" and isinstance(text, str), (at, kind)
            last = at

    def replay(self):
        terminal = Terminal(self.header["width"], self.header["height"])
        for at, kind, text in self.events:
            if kind == "r":
                columns, rows = map(int, text.split("x"))
                terminal.resize(columns, rows)
            else:
                terminal.feed(text)
            yield at, terminal

    def end(self):
        terminal = Terminal(self.header["width"], self.header["height"])
        for _, terminal in self.replay():
            pass
        return terminal
