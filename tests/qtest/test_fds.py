#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors that a management daemon passes: by name, in sets, on the command line; and that none is kept by mistake."""
import array
import json
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run
from test_qmp import answer


def send(m, fds, name, **arguments):
    """One command with descriptors; the answer."""
    text = json.dumps({"execute": name, "arguments": arguments}).encode()
    m.qmp.sock.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    return answer(m)


def open_in(m):
    return len(os.listdir("/proc/%d/fd" % m.process.pid))


def closed(reader):
    """No process holds the writing end any more."""
    reader.settimeout(5)
    return reader.recv(1) == b""


def test_named():
    with Machine() as m:
        before = open_in(m)
        mine, theirs = socket.socketpair()
        assert send(m, [theirs.fileno()], "getfd", fdname="a") == {"return": {}}
        theirs.close()
        assert open_in(m) == before + 1
        assert "return" in send(m, [0], "getfd", fdname="a")  # replaced, the first is closed
        assert closed(mine) and open_in(m) == before + 1
        m.execute("closefd", fdname="a")
        assert open_in(m) == before
        for text in ('{"execute":"closefd","arguments":{"fdname":"a"}}', '{"execute":"getfd","arguments":{"fdname":"b"}}'):
            m.qmp.send(text)
            assert answer(m)["error"]["class"] == "GenericError", text


def test_not_kept():
    """Of a command that fails, or takes none, or comes with many, no descriptor stays: its peer waits for the end."""
    with Machine() as m:
        before = open_in(m)
        for name, args in (("getfd", {"fdname": "1a"}), ("getfd", {"fdname": ""}), ("getfd", {}), ("no-such", {}),
                           ("query-status", {}), ("add-fd", {"fdset-id": -2}), ("add-fd", {"opaque": 3}),
                           ("migrate", {"uri": "fd:migrate"})):
            mine, theirs = socket.socketpair()
            reply = send(m, [theirs.fileno()] * 5, name, **args)
            theirs.close()
            assert "error" in reply or name == "query-status", (name, reply)
            assert closed(mine), name
            mine.close()
        for i in range(300):  # names are bounded
            reply = send(m, [0], "getfd", fdname="n%d" % i)
        assert "error" in reply
        assert open_in(m) == before + 256
        assert m.alive() is None


def test_sets():
    with Machine() as m, tempfile.TemporaryFile() as image:
        image.truncate(1 << 20)
        before = open_in(m)
        reply = send(m, [image.fileno()], "add-fd", opaque="disk")["return"]
        assert set(reply) == {"fdset-id", "fd"}
        n = reply["fdset-id"]
        assert m.execute("query-fdsets") == [{"fdset-id": n, "fds": [{"fd": reply["fd"], "opaque": "disk"}]}]
        m.execute("blockdev-add", driver="raw", **{"node-name": "d"},
                  file={"driver": "file", "filename": "/dev/fdset/%d" % n})
        nodes = {x["node-name"]: x for x in m.execute("query-named-block-nodes")}
        assert nodes["d"]["image"]["virtual-size"] == 1 << 20
        m.execute("blockdev-del", **{"node-name": "d"})
        m.execute("remove-fd", **{"fdset-id": n})
        assert m.execute("query-fdsets") == [] and open_in(m) == before
        m.qmp.send('{"execute":"remove-fd","arguments":{"fdset-id":%d}}' % n)
        assert "error" in answer(m)


def test_image_cannot_name_a_set():
    """A backing file's name comes from the image, which may be hostile: sets are the operator's."""
    with Machine() as m, tempfile.TemporaryDirectory() as d, tempfile.TemporaryFile() as secret:
        secret.truncate(1 << 20)
        n = send(m, [secret.fileno()], "add-fd")["return"]["fdset-id"]
        path = os.path.join(d, "a.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/dev/fdset/%d" % n,
                        path, "1M"], check=True)
        m.qmp.send(json.dumps({"execute": "blockdev-add", "arguments": {
            "driver": "qcow2", "node-name": "q", "file": {"driver": "file", "filename": path}}}))
        assert "error" in answer(m)


def test_command_line():
    with tempfile.NamedTemporaryFile() as log:
        fd = os.open(log.name, os.O_WRONLY)
        os.set_inheritable(fd, True)
        child = [KVM_DM, "-accel", "qtest", "-display", "none", "-qtest", "stdio", "-add-fd", "set=7,fd=%d" % fd,
                 "-chardev", "file,id=c,path=/dev/fdset/7,append=on", "-serial", "chardev:c"]
        p = subprocess.run(child, input=b"outb 0x3f8 0x41\noutb 0x3f8 0x42\n", stdout=subprocess.PIPE, timeout=20,
                           pass_fds=[fd])
        assert p.stdout.count(b"OK") == 2, p
        assert open(log.name).read() == "AB"
        bad = subprocess.run([KVM_DM, "-S", "-add-fd", "set=1,fd=250"], stderr=subprocess.PIPE, timeout=20)
        assert bad.returncode == 1 and bad.stderr.count(b"\n") == 1 and b"fd=250" in bad.stderr
        os.close(fd)


if __name__ == "__main__":
    run(sys.modules[__name__])
