#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-runas and -chroot: all threads give root up for good, what was open stays usable, later files are below the new root."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, Refused, run


def ids(m):
    """{(Uid line, Gid line, Groups line)} of all threads."""
    found = set()
    for task in os.listdir("/proc/%d/task" % m.process.pid):
        with open("/proc/%d/task/%s/status" % (m.process.pid, task)) as f:
            lines = {l.split(":")[0]: l.split(":")[1].split() for l in f}
        found.add((tuple(lines["Uid"]), tuple(lines["Gid"]), tuple(lines["Groups"]), tuple(lines["CapEff"])))
    return found


def test_user():
    if os.geteuid():
        print("test_user: not root, cannot become another user")
        return
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(1 << 20)
        os.chmod(disk.name, 0o600)
        with Machine("-runas", "65534:65533", "-drive", "file=%s,format=raw" % disk.name) as m:
            m.alive()
            assert ids(m) == {(("65534",) * 4, ("65533",) * 4, ("65533",), ("0000000000000000",))}, ids(m)
            assert m.execute("query-block")[0]["inserted"]["file"] == disk.name
            m.qmp.send('{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"%s"}}' % disk.name)
            assert "error" in m.qmp.line()
    with Machine("-runas", "nobody") as m:
        m.alive()
        assert all(i[0][0] == "65534" for i in ids(m))


def test_root():
    if os.geteuid():
        print("test_root: not root, cannot change the root directory")
        return
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o777)
        with Machine("-chroot", d, "-runas", "65534:65534") as m:
            assert os.readlink("/proc/%d/root" % m.process.pid) == d
            m.execute("screendump", filename="/shot.ppm")
            with open(os.path.join(d, "shot.ppm"), "rb") as f:
                assert f.read(2) == b"P6"
            m.alive()


def test_not_root():
    """Without the right to, the start fails in one line."""
    if os.geteuid() == 0:
        return
    try:
        with Machine("-runas", "65533:65533"):
            raise AssertionError("it started")
    except Refused as e:
        assert e.args[0] == 1 and "-runas" in e.args[1]


if __name__ == "__main__":
    run(sys.modules[__name__])
