#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-explain: what would run, without running it or touching what it names."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run


def explain(*options, form="json"):
    p = subprocess.run([KVM_DM, "-explain", form, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def content(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest(), os.stat(path).st_mtime_ns


def test_json():
    with tempfile.TemporaryDirectory() as d:
        disk, sock = os.path.join(d, "a.qcow2"), os.path.join(d, "qmp")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
        before = content(disk)
        code, out, err = explain("-m", "6G", "-name", "vm-a", "-drive", "file=%s,format=qcow2,cache=none,aio=native" % disk,
                                 "-qmp", "unix:%s,server=on,wait=off" % sock, "-serial", "file:" + os.path.join(d, "log"))
        assert code == 0 and not err, err
        o = json.loads(out)
        assert o["name"] == "vm-a" and o["accelerator"] == "kvm" and o["ram-bytes"] == 6 << 30
        assert [(m["base"], m["size"]) for m in o["memory"]] == [(0, 3 << 30), (4 << 30, 3 << 30)]
        hd = [x for x in o["disks"] if x["drive"] == "ide0-hd0"][0]
        assert (hd["bus"], hd["unit"], hd["bytes"], hd["cyls"], hd["heads"], hd["secs"]) == \
            ("ide.0", 0, 1 << 30, 2080, 16, 63)
        drive = [x for x in o["drives"] if x["id"] == "ide0-hd0"][0]
        assert drive["file"] == disk and drive["cache"] == "none" and drive["aio"] == "native"
        assert drive["format"] == "qcow2" and not drive["snapshot"]
        chardevs = {c["id"]: c for c in o["chardevs"]}
        assert chardevs["compat_monitor0"]["options"]["path"] == sock
        devices = {x["id"]: x for x in o["devices"]}
        assert devices["serial0"]["irqs"] == [4]
        assert {"base": 0x3f8, "size": 8, "name": "serial0", "space": "io"} in devices["serial0"]["regions"]
        assert os.listdir(d) == ["a.qcow2"] and content(disk) == before  # nothing made, nothing written


def test_text_and_errors():
    code, out, err = explain("-device", "isa-ide", form="text")
    assert code == 0 and not err
    for words in ("memory:\n", "  0000000000000000-0000000007ffffff RAM", "irq 14, 15", "01e8-01ef", "pci 01.1"):
        assert words in out, words
    for options, words in ((["/no/such"], "/no/such"), (["-device", "nothing"], "nothing"),
                           (["-kernel", "/no/kernel"], "/no/kernel")):
        code, out, err = explain(*options, form="text")
        assert code == 1 and err.count("\n") == 1 and words in err and not out, (options, out, err)
    code, out, err = explain(form="xml")
    assert code == 1 and "json" in err


def test_beside_a_running_one():
    """A review of a machine that runs: its image is locked, its sockets are in use."""
    with tempfile.NamedTemporaryFile(suffix=".raw") as disk:
        disk.truncate(1 << 20)
        options = ["-drive", "file=%s,format=raw" % disk.name]
        with Machine(*options) as m:
            code, _, err = explain(*options)
            assert code == 0, err
            m.alive()


if __name__ == "__main__":
    run(sys.modules[__name__])
