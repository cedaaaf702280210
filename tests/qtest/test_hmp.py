#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The human monitor, by QMP and on a socket: each command, errors in words, and lines that nobody would type."""
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run


def hmp(m, line):
    return m.execute("human-monitor-command", **{"command-line": line})


def test_commands():
    with tempfile.TemporaryDirectory() as d:
        disk, iso, shot = (os.path.join(d, n) for n in ("disk.raw", "cd.iso", "shot.ppm"))
        for name in (disk, iso):
            with open(name, "wb") as f:
                f.truncate(1 << 20)
        with Machine("-drive", "file=%s,format=raw" % disk, "-cdrom", iso, "-name", "machine-a") as m:
            assert hmp(m, "") == "" and hmp(m, " \t") == ""
            assert hmp(m, "info status") == "VM status: running\n"
            hmp(m, "stop")
            assert hmp(m, "info status") == "VM status: paused\n"
            assert m.execute("query-status")["status"] == "paused"
            hmp(m, "c")
            assert hmp(m, "info name") == "machine-a\n"
            block = hmp(m, "info block")
            assert "ide0-hd0 (" in block and disk in block and "ide1-cd0 (" in block and iso in block
            hmp(m, "eject ide1-cd0")
            assert "ide1-cd0: [not inserted]" in hmp(m, "info block")
            hmp(m, "change ide1-cd0 %s raw" % iso)
            assert iso in hmp(m, "info block")
            assert hmp(m, "block_resize ide0-hd0 2") == ""
            assert os.path.getsize(disk) == 2 << 20
            assert hmp(m, "screendump '%s'" % shot) == ""
            assert open(shot, "rb").read(2) == b"P6"
            assert hmp(m, "sendkey ctrl-alt-delete") == ""
            assert hmp(m, "sendkey 0x1d") == ""
            assert "8086:1237" in hmp(m, "info pci") and "pin A" in hmp(m, "info pci")
            assert "isa-serial" in hmp(m, "info qtree")
            assert "(io): fw_cfg of fw_cfg" in hmp(m, "info mtree")
            assert "all other lines: low" in hmp(m, "info irq")
            assert "serial0: filename=" in hmp(m, "info chardev")
            assert "rd_bytes=0" in hmp(m, "info blockstats")


def test_network():
    """Cards with their wires, and what is on its own; the layout that scripts cut apart."""
    with Machine("-netdev", "user,id=lan", "-device", "e1000,netdev=lan,id=net0,mac=52:54:00:00:00:07",
                 "-device", "rtl8139,id=net1", "-netdev", "user,id=lone") as m:
        lines = hmp(m, "info network").splitlines()
        assert lines[0].startswith("lone: index=0,type=user"), lines
        assert lines[1] == "net0: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:07", lines
        assert lines[2].startswith(" \\ lan: index=0,type=user"), lines
        assert lines[3].startswith("net1: index=0,type=nic,model=rtl8139,macaddr=52:54:00:"), lines
        assert len(lines) == 4, lines
        assert hmp(m, "set_link net0 off") == "" and m.execute("query-netdevs")[0]["link"] is False
        assert hmp(m, "set_link net0 on") == ""
        assert "'on' or 'off'" in hmp(m, "set_link net0 maybe") and m.execute("query-netdevs")[0]["link"] is True
    with Machine("-nic", "none") as m:
        assert hmp(m, "info network") == ""


def test_words():
    """Every subject of info, and what it makes of words that it does not know."""
    with Machine("-nic", "none") as m:
        listed = [line.split(" -- ")[0].split() for line in hmp(m, "info").splitlines()]
        assert len(listed) >= 19, listed
        for words in listed:
            for name in words[1].split("|"):
                assert "unknown command" not in hmp(m, "info " + name)
                for wrong in ("-x", "foo", "-"):
                    said = hmp(m, "info %s %s" % (name, wrong))
                    assert said.count("\n") == 1, (name, wrong, said)
                    assert "unsupported option" in said or "too many" in said or "unknown word" in said or \
                        "there is no processor" in said, (name, wrong, said)
        assert hmp(m, "info mtree -f") == hmp(m, "info mtree") and "fw_cfg" in hmp(m, "info mtree -f")
        assert "unsupported option -x" in hmp(m, "eject -x ide1-cd0")
        assert "'soon' is not a number" in hmp(m, "sendkey a soon")
        assert hmp(m, "watchdog_action pause") == "" and "Error" in hmp(m, "watchdog_action fly")
        assert "Error" in hmp(m, "change vnc password") and "Error" in hmp(m, "change vnc paint x")
        answer = m.ask("human-monitor-command", **{"command-line": "info registers", "cpu-index": 0})
        assert "cpu-index" in answer["error"]["desc"], answer


def test_errors():
    with Machine() as m:
        for line, words in (("bogus", "unknown command: 'bogus'"), ("info bogus", "info bogus"), ("stop 1", "too many"),
                            ("eject", "missing"), ("eject nodrive", "Error: "), ("sendkey nokey", "Error: "),
                            ("change ide1-cd0 /no/such/file raw", "/no/such/file"), ("savevm x", "cannot save"),
                            ("screendump x -q ppm", "unsupported option -q"), ("screendump x y", "Error: "), ("quote ' open", "quot"), ("help nothing", "nothing"),
                            ("block_resize ide0-hd0 big", "not a size"), (" ".join(["a"] * 40), "too many words")):
            assert words in hmp(m, line), (line, hmp(m, line))
        m.alive()


def test_random_lines():
    rnd = random.Random(4)
    words = ["info", "block", "sendkey", "eject", "-f", "change", "screendump", "help", "", "'", '"', "\\", "\x1b[A",
             "a" * 3000, "0x", "-", "--", "ctrl-" * 50, "%s%n", "\u20ac"]
    with Machine() as m:
        for _ in range(2000):
            line = " ".join(rnd.choice(words) for _ in range(rnd.randrange(6)))
            if "screendump" not in line:
                assert isinstance(hmp(m, line), str)
        m.alive()


def test_on_a_socket():
    """A person's terminal: prompt, editing keys; a peer that does not read; bytes of any kind."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "monitor")
        with Machine("-monitor", "unix:%s,server=on,wait=off" % path) as m:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.settimeout(10)
            got = b""

            def until(word):
                nonlocal got
                while word not in got:
                    more = s.recv(4096)
                    assert more, got
                    got += more
                before, got = got.split(word, 1)
                return before

            until(b"(qemu) ")
            s.sendall(b"info statux\x7fs\r\n")
            assert b"VM status: running\r\n" in until(b"(qemu) ")
            s.sendall(b"garbage\x15stop\x1b[A\n")
            until(b"(qemu) ")
            assert m.execute("query-status")["status"] == "paused"
            s.sendall(b"quit\x03info name\n")  # Ctrl-C forgets the line
            until(b"(qemu) ")
            m.alive()
            s.sendall(bytes(range(0x20)) * 50 + b"\n")
            m.alive()
            s.setblocking(False)
            flood = b"help\n" * 20000
            end = time.monotonic() + 3
            while flood and time.monotonic() < end:
                try:
                    flood = flood[s.send(flood):]
                except BlockingIOError:
                    m.alive()
            before = m.rss_kib()
            m.alive()
            assert m.rss_kib() - before < 4096
            s.close()
            m.alive()


if __name__ == "__main__":
    run(sys.modules[__name__])
