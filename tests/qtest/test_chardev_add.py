#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Character back ends of a running VM: chardev-add, chardev-change, chardev-remove, chardev-send-break, and who may not."""
import os
import socket
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run

RBR, LCR, LSR = 0x3f8, 0x3fb, 0x3fd


def labels(m):
    return {c["label"]: c["filename"] for c in m.execute("query-chardev")}


def error(m, command, words, **arguments):
    answer = m.ask(command, **arguments)
    assert "error" in answer and words in answer["error"]["desc"], (command, arguments, answer)


def backend(kind, **data):
    return {"type": kind, "data": data}


def unix(path, **more):
    return backend("socket", addr={"type": "unix", "data": {"path": path}}, **more)


def test_each_kind():
    with tempfile.TemporaryDirectory() as d, Machine() as m:
        before, fds = labels(m), m.fds()
        answer = m.execute("chardev-add", id="p", backend=backend("pty"))
        assert os.path.exists(answer["pty"]) and labels(m)["p"] == "pty:" + answer["pty"]
        assert m.execute("chardev-add", id="n", backend={"type": "null"}) == {}
        m.execute("chardev-add", id="f", backend=backend("file", out=d + "/out", append=True))
        assert os.path.exists(d + "/out")
        m.execute("chardev-add", id="r", backend=backend("ringbuf", size=4096, logfile=d + "/log"))
        m.execute("ringbuf-write", device="r", data="kept")
        assert m.execute("ringbuf-read", device="r", size=100) == "kept"
        m.execute("chardev-add", id="u", backend=backend(
            "udp", remote={"type": "inet", "data": {"host": "127.0.0.1", "port": "9"}}))
        m.execute("chardev-add", id="s", backend=unix(d + "/s", server=True, wait=False))
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(d + "/s")
        m.execute("chardev-add", id="t", backend=backend(
            "socket", addr={"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}))
        assert set(labels(m)) - set(before) == set("pnfrust")
        for name in "pnfrust":
            m.execute("chardev-remove", id=name)
        assert labels(m) == before
        peer.settimeout(60)
        assert peer.recv(1) == b"" and not os.path.exists(d + "/s")
        m.alive()
        assert m.fds() == fds, (fds, m.fds())


def test_refusals():
    with tempfile.TemporaryDirectory() as d, Machine("-chardev", "ringbuf,id=free") as m:
        before, fds = labels(m), m.fds()
        serial = "serial0"
        assert serial in before
        error(m, "chardev-remove", "busy", id=serial)
        error(m, "chardev-change", "does not support", id=serial, backend={"type": "null"})
        error(m, "chardev-remove", "not found", id="nobody")
        error(m, "chardev-send-break", "not found", id="nobody")
        error(m, "chardev-add", "already exists", id="free", backend={"type": "null"})
        error(m, "chardev-add", "spicevmc", id="x", backend={"type": "spicevmc"})
        error(m, "chardev-add", "missing", id="x", backend={})
        error(m, "chardev-add", "addr.type", id="x", backend=backend("socket", addr={"type": "vsock"}))
        error(m, "chardev-add", "wait", id="x", backend=unix(d + "/w", wait=True))
        error(m, "chardev-add", "tls-creds", id="x", backend=unix(d + "/w", **{"tls-creds": "t"}))
        error(m, "chardev-add", "/no/such", id="x", backend=backend("file", out="/no/such/dir/f"))
        error(m, "chardev-add", "fdname", id="x", backend=backend("socket", addr={"type": "fd", "data": {"str": "fdname"}}))
        error(m, "chardev-add", "1x", id="1x", backend={"type": "null"})
        error(m, "chardev-change", "/no/such", id="free", backend=backend("file", out="/no/such/dir/f"))
        assert labels(m) == before, "a change that fails leaves the old one"
        m.execute("ringbuf-write", device="free", data="x")
        m.execute("chardev-change", id="free", backend=backend("file", out=d + "/f"))
        error(m, "ringbuf-write", "not a ringbuf", device="free", data="x")
        m.execute("chardev-change", id="free", backend=backend("ringbuf"))
        assert m.fds() == fds and not os.path.exists(d + "/w")
        m.alive()


def test_descriptors():
    """A descriptor by name is used, or closed: with a command that fails, too."""
    with Machine() as m:
        def give(name):
            ours, theirs = socket.socketpair()
            m.qmp.sock.sendmsg([b'{"execute":"getfd","arguments":{"fdname":"%s"}}' % name.encode()],
                                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, theirs.fileno().to_bytes(4, sys.byteorder))])
            assert "return" in m.qmp.line()
            theirs.close()
            ours.settimeout(60)
            return ours

        def by_name(name, **more):
            return backend("socket", addr={"type": "fd", "data": {"str": name}}, **more)

        fds = m.fds()
        peer = give("a")
        m.execute("chardev-add", id="a", backend=by_name("a", server=False))
        m.execute("chardev-remove", id="a")
        assert peer.recv(1) == b""
        for data in ({"server": True}, {"server": False, "telnet": 3}, {"server": False, "bogus": 1},
                     {"server": False, "reconnect": 3}, {"server": False, "logfile": "/no/such/dir/log"}, {"server": False, "backlog": 10}):
            peer = give("b")
            assert "error" in m.ask("chardev-add", id="b", backend=by_name("b", **data)), data
            assert peer.recv(1) == b"", data
        assert m.fds() == fds


def test_human_monitor():
    with tempfile.TemporaryDirectory() as d, Machine() as m:
        def hmp(line):
            return m.execute("human-monitor-command", **{"command-line": line})

        assert hmp("chardev-add socket,id=h,path=%s/h,server=on,wait=off" % d) == "" and "h" in labels(m)
        assert "already exists" in hmp("chardev-add null,id=h")
        assert "Error" in hmp("chardev-add nonsense,id=x") and "Error" in hmp("chardev-add null")
        assert hmp("chardev-remove h") == "" and "h" not in labels(m)
        assert "not found" in hmp("chardev-remove h")


def test_break():
    """A break that the monitor sends is one on the guest's line: LSR's bit 4, and a byte 0."""
    with Machine() as m:
        m.outb(LCR, 3)
        assert not m.inb(LSR) & 0x10
        m.execute("chardev-send-break", id="serial0")
        assert m.inb(LSR) & 0x11 == 0x11
        assert m.inb(RBR) == 0 and not m.inb(LSR) & 0x11


def test_many():
    """Added and removed again and again: nothing stays."""
    with tempfile.TemporaryDirectory() as d, Machine() as m:
        def round():
            m.execute("chardev-add", id="x", backend=unix(d + "/x", server=True, wait=False))
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(d + "/x")
            m.execute("chardev-remove", id="x")
            peer.close()

        for _ in range(200):
            round()
        fds, kib = m.fds(), m.rss_kib()
        for _ in range(600):
            round()
        assert m.fds() == fds and m.rss_kib() - kib < 512, (fds, m.fds(), kib, m.rss_kib())


if __name__ == "__main__":
    run(sys.modules[__name__])
