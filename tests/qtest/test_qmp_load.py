#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
QMP under load: so many commands that growth would show, answers in their order however slowly they are read, and a client
that does not read at all while the machine goes on. LOAD_COMMANDS=600000: ten thousand a second for a minute.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

COMMANDS = int(os.environ.get("LOAD_COMMANDS", "60000"))
BATCH = 500
# What management daemons ask again and again, errors among it.
MIX = [{"execute": "query-status"}, {"execute": "query-block"}, {"execute": "query-chardev"}, {"execute": "no-such-command"},
       {"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}}, {"execute": "query-blockstats"},
       {"execute": "human-monitor-command", "arguments": {"command-line": "info status"}},
       {"execute": "qom-get", "arguments": {"path": "/machine", "property": "type"}},
       {"execute": "set_link", "arguments": {"name": "nobody", "up": True}},
       {"execute": "query-cpus-fast"}]


class Client:
    """A second monitor, on a socket that the process listens on."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.sock.sendall(b'{"execute":"qmp_capabilities"}\n')
        assert b"return" in self.file.readline()

    def answers(self, count):
        got = []
        while len(got) < count:
            line = self.file.readline()
            assert line, "the connection ended"
            answer = json.loads(line)
            if "event" not in answer:
                got.append(answer)
        return got


def batch(first):
    return b"".join(json.dumps(dict(MIX[i % len(MIX)], id=i)).encode() + b"\n" for i in range(first, first + BATCH))


def rounds(client, first, count):
    """Commands in batches: all of one are sent before its answers are read."""
    for start in range(first, first + count, BATCH):
        sender = threading.Thread(target=client.sock.sendall, args=(batch(start),))
        sender.start()
        answers = client.answers(BATCH)
        sender.join()
        assert [a["id"] for a in answers] == list(range(start, start + BATCH))
        assert all(("error" in a) == (MIX[a["id"] % len(MIX)]["execute"] in ("no-such-command", "set_link"))
                   for a in answers if MIX[a["id"] % len(MIX)]["execute"] != "qom-get")


def test_many_commands():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "qmp")
        with Machine("-qmp", "unix:%s,server=on,wait=off" % path) as m:
            client = Client(path)
            rounds(client, 0, COMMANDS // 4)
            kib, fds = m.rss_kib(), m.fds()
            rounds(client, COMMANDS // 4, COMMANDS - COMMANDS // 4)
            assert m.rss_kib() - kib < 512, "grew by %d KiB" % (m.rss_kib() - kib)
            assert m.fds() == fds
            m.alive()


def test_client_that_does_not_read():
    """It sends until nothing more is taken, and reads nothing; the machine, and the other monitor, do not notice."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "qmp")
        with Machine("-qmp", "unix:%s,server=on,wait=off" % path) as m:
            client = Client(path)
            client.sock.setblocking(False)
            sent = 0
            try:
                while sent < 64 << 20:
                    sent += client.sock.send(batch(0))
            except BlockingIOError:
                pass
            assert sent < 64 << 20, "all was taken in"
            kib = m.rss_kib()
            for i in range(2000):
                m.outb(0x80, i & 0xff)
                assert m.inb(0x64) is not None
                if i % 20 == 0:
                    m.execute("stop")  # events for it, too
                    m.execute("cont")
            assert m.rss_kib() - kib < 2048, "grew by %d KiB" % (m.rss_kib() - kib)
            client.file.close()
            client.sock.close()
            m.alive()
            rounds(Client(path), 0, 2 * BATCH)


def test_input_that_ends():
    """Commands on a pipe whose writer is gone before they are carried out, and a slow reader: each is answered."""
    count = 60  # of the longest answer there is
    commands = b'{"execute":"qmp_capabilities"}\n' + b'{"execute":"query-qmp-schema"}\n' * count + b'{"execute":"quit"}\n'
    for _ in range(5):
        process = subprocess.Popen([KVM_DM, "-machine", "none", "-S", "-nodefaults", "-display", "none", "-qmp", "stdio"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(commands)
        process.stdin.close()
        lines = [json.loads(line) for line in process.stdout]
        assert process.wait(120) == 0
        returns = [a for a in lines if "return" in a]
        assert len(returns) == count + 2, len(returns)
        process.stdout.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
