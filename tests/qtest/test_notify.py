#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service manager's view: ready, watchdog, states, stopping; and the unit files, as systemd reads them."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run

TOP = os.path.join(os.path.dirname(__file__), "..", "..")


class Manager:
    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(20)

    def until(self, word):
        seen = []
        while word not in seen:
            seen += self.sock.recv(4096).decode().split("\n")
        return seen


def test_notices():
    with tempfile.TemporaryDirectory() as d:
        manager = Manager(d)
        os.environ.update(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
        try:
            with Machine() as m:
                seen = manager.until("READY=1")
                assert "STOPPING=1" not in seen
                for _ in range(3):
                    manager.until("WATCHDOG=1")
                m.execute("stop")
                manager.until("STATUS=paused")
                m.execute("cont")
                manager.until("STATUS=running")
            manager.until("STOPPING=1")
            # A manager that went away, and names that are none, hinder nobody.
            for path in (d, "/no/such/socket", "x" * 300, ""):
                os.environ["NOTIFY_SOCKET"] = path
                with Machine() as m:
                    m.alive()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]


def test_units():
    """systemd-analyze finds nothing to say about them."""
    if not shutil.which("systemd-analyze"):
        print("test_units: no systemd-analyze here, the unit files are not checked")
        return
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(TOP, "contrib/systemd/kvm-dm@.service.in")) as f:
            text = f.read().replace("@PREFIX@/bin/kvm-dm-ctl", "/bin/true").replace("@PREFIX@/bin/kvm-dm", "/bin/true")
        with open(os.path.join(d, "kvm-dm@.service"), "w") as f:
            f.write(text)
        shutil.copy(os.path.join(TOP, "contrib/systemd/kvm-dm.slice"), d)
        p = subprocess.run(["systemd-analyze", "verify", "--man=no", "kvm-dm@a.service"], cwd=d, capture_output=True,
                           env=dict(os.environ, SYSTEMD_UNIT_PATH=d + ":"), timeout=60)
        said = [l for l in (p.stdout + p.stderr).decode().split("\n") if "kvm-dm" in l]
        assert not said, said


if __name__ == "__main__":
    run(sys.modules[__name__])
