#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor as a peer sees it: protocol, errors, events, and peers that misbehave (HAZARDS M)."""
import itertools
import json
import os
import random
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run


def raw(m, data):
    m.qmp.sock.sendall(data)


def answer(m):
    while True:
        a = json.loads(m.qmp.line())
        if "event" not in a:
            return a
        m.events.append(a)


def error_of(m, text):
    raw(m, text.encode())
    a = answer(m)
    assert "error" in a, (text, a)
    assert set(a["error"]) == {"class", "desc"}
    return a["error"]["class"]


def test_negotiation():
    with Machine(qmp=True) as m:
        assert error_of(m, '{"execute":"qmp_capabilities"}') == "CommandNotFound"
    directory = tempfile.TemporaryDirectory()
    path = os.path.join(directory.name, "qmp")
    with Machine("-qmp", "unix:%s,server=on,wait=off" % path) as m:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.settimeout(10)
        f = s.makefile("rb")
        greeting = f.readline()
        assert greeting.endswith(b"\r\n")
        v = json.loads(greeting)["QMP"]["version"]["qemu"]
        assert (v["major"], v["minor"]) >= (4, 2)
        s.sendall(b'{"execute":"query-status","id":1}')
        a = json.loads(f.readline())
        assert a["error"]["class"] == "CommandNotFound" and a["id"] == 1
        s.sendall(b'{"execute":"qmp_capabilities","id":"libvirt-1"}')
        assert json.loads(f.readline()) == {"return": {}, "id": "libvirt-1"}
        m.alive()  # two monitors at once
        f.close()
        s.close()
        s = socket.socket(socket.AF_UNIX)  # the next peer negotiates anew
        s.connect(path)
        s.settimeout(10)
        assert b"QMP" in s.makefile("rb").readline()


def test_errors():
    with Machine() as m:
        assert error_of(m, '{"execute":"no-such"}') == "CommandNotFound"
        for bad in ('{}', '[]', '{"execute":1}', '{"execute":"stop","x":1}',
                    '{"execute":"stop","arguments":{"x":1}}', '{"execute":"screendump"}',
                    '{"execute":"screendump","arguments":{"filename":1}}', '{"execute":"stop","arguments":[]}',
                    '{"execute":"screendump","arguments":{"filename":"/nonexistent/x"}}',
                    '{"execute":"screendump","arguments":{"filename":"x","format":"gif"}}'):
            assert error_of(m, bad) == "GenericError", bad
        assert error_of(m, '{"execute":"device-list-properties","arguments":{"typename":"x"}}') == "DeviceNotFound"
        for value in (1, "x", [1, {"a": None}], {"b": 1.5}, None, True):
            m.qmp.send(json.dumps({"execute": "query-name", "id": value}))
            assert answer(m)["id"] == value
        m.alive()


def test_bytes_one_by_one():
    with Machine() as m:
        for byte in b'  {"execute" : "query-status",\n"id":"\\"}{"}  ':
            raw(m, bytes([byte]))
        assert answer(m)["return"]["status"] == "running"
        raw(m, b'{"execute":"query-name"}{"execute":"query-name"}{"execute":"query-name"}')
        for _ in range(3):
            assert "return" in answer(m)


def test_rubbish():
    rng = random.Random(7)
    with Machine() as m:
        good = b'{"execute":"query-status","arguments":{},"id":"a"}'
        for turn in range(400):
            data = bytearray(good)
            for _ in range(rng.randint(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            raw(m, bytes(data) + b"\n")
        raw(m, b"[" * 100000 + b"\n")
        raw(m, b'"' + b"x" * (2 << 20) + b'"\n')
        raw(m, b'\n}]"\n' + b"\n")
        raw(m, b'\n{"execute":"query-name","id":"after"}\n')
        end = time.monotonic() + 20
        while answer(m).get("id") != "after":
            assert time.monotonic() < end
        m.alive()
        assert m.rss_kib() < 200 * 1024


def test_flood_without_reading():
    """M-03, M-04: commands whose answers nobody reads; events that nobody reads; then a close."""
    directory = tempfile.TemporaryDirectory()
    path = os.path.join(directory.name, "qmp")
    with Machine("-qmp", "unix:%s,server=on,wait=off" % path) as m:
        before = m.rss_kib()
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.setblocking(False)
        sent = 0
        block = b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-commands"}' * 1000
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                sent += s.send(block)
            except BlockingIOError:
                m.alive()
                time.sleep(0.05)
        for _ in range(3000):
            m.execute("stop")
            m.execute("cont")
        m.alive()
        assert m.rss_kib() - before < 16 * 1024, "grew by %d KiB" % (m.rss_kib() - before)
        s.close()
        m.alive()
        for _ in range(20):  # half-closed and at once closed peers
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.sendall(b'{"execute":"qmp_capabilities"}{"execute":"query-commands"}')
            s.shutdown(socket.SHUT_WR)
            s.close()
        m.alive()


def test_lifecycle_orders():
    """M-08: every pair and many triples of state changes, with the right state after each."""
    words = ("stop", "cont", "system_reset", "system_powerdown", "screendump")
    with tempfile.TemporaryDirectory() as d, Machine() as m:
        fds = m.fds()
        running = True
        for order in itertools.chain(itertools.product(words, repeat=2), itertools.permutations(words, 3)):
            for word in order:
                arguments = {"filename": os.path.join(d, "x.ppm")} if word == "screendump" else {}
                m.execute(word, **arguments)
                running = {"stop": False, "cont": True}.get(word, running)
                assert m.execute("query-status")["running"] is running, order
        assert open(os.path.join(d, "x.ppm"), "rb").read(2) == b"P6"
        m.alive()
        assert m.fds() == fds
        names = [e["event"] for e in m.events]
        for name in ("STOP", "RESUME", "RESET", "POWERDOWN"):
            assert name in names, name
        assert all(set(e["timestamp"]) == {"seconds", "microseconds"} for e in m.events)
        start = time.monotonic()
        m.execute("quit")
        assert m.process.wait(5) == 0
        assert time.monotonic() - start < 2


def test_last_writes():
    """Who wrote what to a device last: also to registers that cannot be read back."""
    with Machine() as m:
        for i in range(12):
            m.outb(0x3fb, i)
        m.cmd("clock_step 5000")
        m.outb(0x3fa, 0xc7)  # FCR is write-only
        m.cmd("write 0xb8000 2 0x4107")
        writes = m.execute("query-device-state", id="serial0")["last-writes"]
        assert len(writes) == 8, writes  # bounded
        assert writes[0] == {"region": "serial0", "address": 0x3fa, "size": 1, "count": 1, "value": 0xc7,
                             "source": "qtest", "time-ns": 5000, "ago-ns": 0}
        assert [w["value"] for w in writes[1:]] == list(range(11, 4, -1)) and writes[1]["ago-ns"] == 5000
        assert m.execute("query-device-state", id="post")["last-writes"] == []


def test_probe():
    """What libvirt asks a new binary (COMPAT.md A2), as far as this state of the program answers it."""
    with Machine("-machine", "none") as m:
        assert m.execute("query-target") == {"arch": "x86_64"}
        assert isinstance(m.execute("query-qmp-schema"), list)
        machines = m.execute("query-machines")
        assert any(x.get("alias") == "pc" for x in machines)
        for x in machines:
            assert {"name", "cpu-max", "hotpluggable-cpus", "numa-mem-supported", "deprecated"} <= set(x)
        types = [t["name"] for t in m.execute("qom-list-types", implements="device", abstract=False)]
        assert "i440FX-pcihost" in types and "VGA" in types and "isa-serial" in types
        schema = {e["name"]: e for e in m.execute("query-qmp-schema")}
        for c in m.execute("query-commands"):
            assert schema[c["name"]]["arg-type"] in schema
        assert m.execute("query-command-line-options")
        assert error_of(m, '{"execute":"cont"}') == "GenericError"


if __name__ == "__main__":
    run(sys.modules[__name__])
