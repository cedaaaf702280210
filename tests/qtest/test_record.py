#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Recording the text screen: what the file replays to is what query-screen-text says, in whole lines, within its limit."""
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from cast import Cast, Terminal
from kvmdm import KVM_DM, Machine, run
from test_screen import Screen

COLOURS = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[\\]^_`abcxyz{|}~\xe9\xc4\xdb\x01\x1b\x07\x0d\x7f"


def machine(*more):
    return Machine("-vga", "std", "-name", 'a "name" \\', *more)


def start(m, **more):
    path = os.path.join(m.dir.name, "screen.cast")
    m.execute("screen-record-start", filename=path, **more)
    return path


def settle(m, path, text, limit_s=10):
    """Until the file replays to a screen with that text."""
    end = time.monotonic() + limit_s
    while not any(text in line for line in Cast(path).end().lines()):
        assert time.monotonic() < end, Cast(path).end().lines()
        time.sleep(0.05)


def same(m, terminal):
    got = m.execute("query-screen-text", attributes=True)
    assert (terminal.columns, terminal.rows) == (got["columns"], got["rows"])
    assert terminal.lines() == [line.rstrip() for line in got["lines"]], (terminal.lines(), got["lines"])
    for y, runs in enumerate(got["attributes"]):
        for r in runs:
            for x in range(r["start"], r["start"] + r["count"]):
                cell = terminal.cells[y][x]
                assert cell[1:] == (r["foreground"], r["background"], r["blink"]), (x, y, cell, r)
    cursor = got["cursor"]
    assert terminal.visible == cursor["visible"]
    if cursor["visible"]:
        assert (terminal.x, terminal.y) == (cursor["x"], cursor["y"]), (terminal.x, terminal.y, cursor)


def move_cursor(screen, at):
    screen.set(0x3d4, 0x0e, at >> 8)
    screen.set(0x3d4, 0x0f, at & 255)


def test_replay():
    rng = random.Random(3)
    with machine() as m:
        screen = Screen(m)
        screen.text()
        screen.put(0, 0, "from the beginning", 0x1e)
        path = start(m)
        for i in range(60):
            for _ in range(rng.randrange(1, 6)):
                text = "".join(rng.choice(COLOURS) for _ in range(rng.randrange(1, 30)))
                screen.put(rng.randrange(24), rng.randrange(50), text, rng.randrange(256))
            move_cursor(screen, rng.randrange(80 * 25))
            time.sleep(0.01)
        screen.put(24, 0, "the end")
        answer = m.execute("screen-record-stop")
        cast = Cast(path)
        same(m, cast.end())
        assert cast.header["title"] == 'a "name" \\' and (cast.header["width"], cast.header["height"]) == (80, 25)
        assert abs(cast.header["timestamp"] - time.time()) < 60
        assert answer["bytes"] == len(cast.data) and answer["events"] >= 3, answer
        first = next(cast.replay())[1].lines()
        assert first[0] == "from the beginning"
        m.execute("query-status")
        said = [e["data"] for e in m.events if e["event"] == "SCREEN_RECORD_STOPPED"]
        assert len(said) == 1 and said[0]["reason"] == "stopped" and said[0]["filename"] == path, said


def test_only_changes():
    with machine() as m:
        screen = Screen(m)
        screen.text()
        for row in range(25):
            screen.put(row, 0, "x" * 80, 0x17)
        path = start(m)
        time.sleep(0.4)
        before = m.execute("query-screen-record")
        assert before["recording"] and before["events"] == 1, before
        screen.put(3, 4, "y")
        settle(m, path, "y")
        after = m.execute("query-screen-record")
        assert after["events"] == 2 and after["bytes"] - before["bytes"] < 100, (before, after)
        m.execute("screen-record-stop")
        assert m.execute("query-screen-record") == {"recording": False}


def test_sizes_and_blinking():
    with machine() as m:
        screen = Screen(m)
        screen.text(80)
        path = start(m)
        for columns in 40, 132, 80:
            screen.text(columns)
            screen.put(5, 7, "%d columns" % columns, 0xf1)
            settle(m, path, "%d columns" % columns)
            same(m, Cast(path).end())
        screen.attribute(0x10, 0x04)  # bit 7 is the background's from now on
        screen.attribute(0x30, 0x04)
        screen.put(6, 7, "not blinking", 0xa1)
        settle(m, path, "not blinking")
        same(m, Cast(path).end())
        cast = Cast(path)
        assert [e[2] for e in cast.events if e[1] == "r"][:1] == ["40x25"], cast.events[:3]
        m.execute("screen-record-stop")


def test_graphics():
    with machine() as m:
        screen = Screen(m)
        screen.text()
        screen.put(0, 0, "text before")
        path = start(m)
        for index, value in ((4, 0), (1, 640), (2, 480), (3, 32), (4, 0x41)):
            m.outw(0x1ce, index)
            m.outw(0x1cf, value)
        m.inb(0x3da)
        m.outb(0x3c0, 0x20)
        settle(m, path, "(graphics mode 640 x 480)")
        m.outw(0x1ce, 4)
        m.outw(0x1cf, 0)
        screen.text()
        screen.put(1, 0, "text after")
        settle(m, path, "text after")
        m.execute("screen-record-stop")
        same(m, Cast(path).end())


def test_limit():
    with machine() as m:
        screen = Screen(m)
        screen.text()
        path = start(m, **{"max-bytes": 65536})
        end = time.monotonic() + 60
        i = 0
        while m.execute("query-screen-record")["recording"]:
            assert time.monotonic() < end
            i += 1
            for row in range(25):
                screen.put(row, 0, chr(33 + (i + row) % 90) * 80, i & 127)
            assert os.path.getsize(path) <= 65536
        m.execute("query-status")
        said = [e["data"] for e in m.events if e["event"] == "SCREEN_RECORD_STOPPED"]
        assert said[0]["reason"] == "max-bytes" and said[0]["bytes"] == os.path.getsize(path), said
        assert 65536 - 8192 < os.path.getsize(path) <= 65536
        Cast(path).end()  # and all of it can be replayed
        m.execute("screen-record-start", filename=path)  # a new one replaces it
        m.execute("screen-record-stop")
        assert os.path.getsize(path) < 8192


def refused(m, words, **args):
    why = m.ask("screen-record-start", **args)["error"]["desc"]
    assert words in why and "\n" not in why, (words, why)


def test_refusals():
    with machine() as m:
        fifo = os.path.join(m.dir.name, "fifo")
        os.mkfifo(fifo)
        keep = os.path.join(m.dir.name, "keep")
        with open(keep, "w") as f:
            f.write("keep me")
        refused(m, "No such file", filename=os.path.join(m.dir.name, "no", "file"))
        refused(m, "", filename=m.dir.name)
        refused(m, "", filename=fifo)
        refused(m, "no regular file", filename="/dev/null")
        for bad in 0, 65535, 1 << 50, -1:
            refused(m, "max-bytes", filename=keep, **{"max-bytes": bad})
        with open(keep) as f:
            assert f.read() == "keep me"
        assert "not being recorded" in m.ask("screen-record-stop")["error"]["desc"]
        path = start(m)
        refused(m, "is being recorded", filename=keep)
        assert path
    with Machine("-vga", "none") as m:
        refused(m, "no graphic console", filename=os.path.join(m.dir.name, "x"))


def test_full_disk():
    """/dev/full is no regular file; a limit of the file's size is as good."""
    import resource
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)
    with machine() as m:
        screen = Screen(m)
        screen.text()
        path = start(m)
        resource.prlimit(m.process.pid, resource.RLIMIT_FSIZE, (6000, soft[1]))
        end = time.monotonic() + 30
        i = 0
        while m.execute("query-screen-record")["recording"]:
            assert time.monotonic() < end
            i += 1
            for row in range(25):
                screen.put(row, 0, chr(33 + (i + row) % 90) * 80)
        m.execute("query-status")
        said = [e["data"] for e in m.events if e["event"] == "SCREEN_RECORD_STOPPED"]
        assert said[0]["reason"] == "error" and "too large" in said[0]["error"], said
        Cast(path)  # whole lines all the same


def test_end_of_the_machine():
    with machine() as m:
        screen = Screen(m)
        screen.text()
        path = start(m)
        screen.put(2, 2, "last words")
        m.execute("quit")
        m.process.wait(10)
        assert Cast(path).end().lines()[2] == "  last words"


def test_model():
    """The model of the terminal can fail."""
    t = Terminal(10, 2)
    t.feed("\x1b[2;3H\x1b[0;94;103;5mab")
    assert t.cells[1][2:4] == [("a", 9, 14, True), ("b", 9, 14, True)] and (t.x, t.y) == (4, 1), t.cells
    for bad in "\n", "\x1b[3;1H", "\x1b[1K", "\x1b]0;x", "x" * 11, "\x1b[38m":
        try:
            Terminal(10, 2).feed(bad)
        except AssertionError:
            continue
        raise SystemExit("taken: %r" % bad)


if __name__ == "__main__":
    run(sys.modules[__name__])
