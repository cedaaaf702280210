#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Character back ends against real peers: datagrams, FIFOs, rings that the monitor reads."""
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, LIMIT_S, Machine, run
from test_qmp import answer

THR = 0x3f8
LSR = 0x3fd


def serial(backend, *more):
    return ["-chardev", backend + ",id=s", "-serial", "chardev:s", *more]


def say(m, text):
    m.cmds(["outb 0x%x 0x%x" % (THR, b) for b in text])


def hear(m, count):
    """Bytes that the guest's port has received."""
    got, end = b"", time.monotonic() + LIMIT_S
    while len(got) < count and time.monotonic() < end:
        if m.inb(LSR) & 1:
            got += bytes([m.inb(THR)])
    return got


def wait_for(what):
    end = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)


def refused(text, *options):
    p = subprocess.run([KVM_DM, "-S", "-display", "none", *options], stderr=subprocess.PIPE, timeout=LIMIT_S)
    assert p.returncode == 1 and p.stderr.count(b"\n") == 1 and text in p.stderr.decode(), p


def command(m, name, **arguments):
    m.qmp.send(json.dumps({"execute": name, "arguments": arguments}))
    return answer(m)


def test_udp():
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(LIMIT_S)
    port = peer.getsockname()[1]
    with Machine(*serial("udp,host=127.0.0.1,port=%d,localaddr=127.0.0.1" % port)) as m:
        say(m, b"over UDP\n")
        got, sender = b"", None
        while len(got) < 9:
            part, sender = peer.recvfrom(2048)
            got += part
        assert got == b"over UDP\n"
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.sendto(b"evil", sender)  # not from the one address
        peer.sendto(b"", sender)
        long = bytes(i & 0x7f for i in range(6000))  # more than the room for input
        peer.sendto(long, sender)
        assert hear(m, 6000) == long
        peer.sendto(b"next", sender)
        assert hear(m, 4) == b"next"
        peer.close()
        for _ in range(3):  # nobody there: its host says so, and the line stays up
            say(m, b"lost")
            time.sleep(0.05)
        again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        again.bind(("127.0.0.1", port))
        again.sendto(b"back", sender)
        assert hear(m, 4) == b"back"
    refused("port=", "-chardev", "udp,id=s")
    refused("cannot", "-chardev", "udp,id=s,host=127.0.0.1,port=1,localaddr=192.0.2.77")


def test_udp_socat():
    """The legacy word, with a local port, and the usual tool at the other end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        ours, theirs = a.getsockname()[1], b.getsockname()[1]
    socat = subprocess.Popen(["socat", "-", "UDP4:127.0.0.1:%d,bind=127.0.0.1:%d" % (ours, theirs)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with Machine("-serial", "udp:127.0.0.1:%d@127.0.0.1:%d" % (theirs, ours)) as m:
        socat.stdin.write(b"typed\n")
        socat.stdin.flush()
        assert hear(m, 6) == b"typed\n"
        say(m, b"#\n")
        assert socat.stdout.read(2) == b"#\n"
    socat.terminate()
    socat.wait()


def test_pipe():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "com")
        os.mkfifo(path + ".in")
        os.mkfifo(path + ".out")
        with Machine("-serial", "pipe:" + path) as m:
            say(m, b"before a reader")
            out = os.open(path + ".out", os.O_RDONLY | os.O_NONBLOCK)
            got = b""
            end = time.monotonic() + LIMIT_S
            while len(got) < 15 and time.monotonic() < end:
                try:
                    got += os.read(out, 100)
                except BlockingIOError:
                    time.sleep(0.01)
            assert got == b"before a reader"
            for word in (b"one", b"two"):  # a writer that leaves ends nothing
                with open(path + ".in", "wb") as f:
                    f.write(word)
                assert hear(m, 3) == word
            os.close(out)
            assert m.execute("query-chardev")[-1]["filename"]
        os.mkfifo(path)
        os.unlink(path + ".in")
        with Machine(*serial("pipe,path=" + path)) as m:  # one for both: what is written there comes in
            with open(path, "wb") as f:
                f.write(b"x")
            assert hear(m, 1) == b"x"
        refused("cannot open", "-serial", "pipe:" + path + "-missing")


def test_ringbuf():
    with Machine(*serial("ringbuf,size=16")) as m:
        assert m.execute("ringbuf-read", device="s", size=10) == ""
        say(m, b"0123456789abcdefXY")
        assert m.execute("ringbuf-read", device="s", size=4) == "2345"  # the oldest gave way
        m.execute("ringbuf-write", device="s", data="é")
        assert m.execute("ringbuf-read", device="s", size=1000) == "6789abcdefXYé"
        m.execute("ringbuf-write", device="s", data=base64.b64encode(b"\0\xff\n").decode(), format="base64")
        assert base64.b64decode(m.execute("ringbuf-read", device="s", size=3, format="base64")) == b"\0\xff\n"
        say(m, b"a\xff")
        assert m.execute("ringbuf-read", device="s", size=3) == "a\ufffd"
        for name, args in (("ringbuf-read", {"device": "q", "size": 1}), ("ringbuf-read", {"device": "s", "size": 0}),
                           ("ringbuf-read", {"device": "char0", "size": 1}), ("ringbuf-read", {"device": "s", "size": -1}),
                           ("ringbuf-read", {"device": "s", "size": 1, "format": "hex"}),
                           ("ringbuf-write", {"device": "s", "data": "a", "format": "base64"}),
                           ("ringbuf-write", {"device": "s", "data": "a*==", "format": "base64"}),
                           ("ringbuf-write", {"device": "s"})):
            assert "error" in command(m, name, **args), (name, args)
    refused("power of two", "-chardev", "ringbuf,id=s,size=1000")
    refused("power of two", "-chardev", "ringbuf,id=s,size=0")


if __name__ == "__main__":
    run(sys.modules[__name__])
