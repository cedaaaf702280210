#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kvm-dm-ctl as a shell uses it: against the real process, and against peers that are not as they should be."""
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

CTL = os.path.join(os.path.dirname(os.path.abspath(KVM_DM)), "kvm-dm-ctl")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OK, REFUSED, USAGE, NO_VM, TIMEOUT, UNSUPPORTED, NOT_FOUND = range(7)
IDE = 1 << 3 | 1
used = set()  # subcommands that have been tried


def ctl(*args, expect=OK, stdin="", cwd=None, env=None):
    """Runs it; returns standard output and standard error."""
    used.update(a for a in args[:6] if not a.startswith("-"))
    environment = {k: v for k, v in os.environ.items() if k not in ("KVM_DM_SOCKET", "XDG_RUNTIME_DIR")}
    environment.update(env or {})
    r = subprocess.run([CTL, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=60, cwd=cwd, env=environment)
    assert r.returncode == expect, "%s: exit %d, not %d\n%s%s" % (args, r.returncode, expect, r.stdout, r.stderr)
    assert bool(expect) == ("kvm-dm-ctl: " in r.stderr), r.stderr
    assert "ERROR: " not in r.stderr, r.stderr
    return r.stdout, r.stderr


class Vm(Machine):
    """A machine with a second monitor, for kvm-dm-ctl, and a disk and a CD."""

    def __init__(self, *options, disk_mib=16):
        self.files = tempfile.TemporaryDirectory(prefix="kvm-dm-ctl-")
        with open(self.file("disk.img"), "wb") as f:
            f.write(os.urandom(8 << 20))
            f.truncate(disk_mib << 20)
        for name in ("a.iso", "b.iso"):
            with open(self.file(name), "wb") as f:
                f.truncate(1 << 20)
        self.sock = self.file("ctl.sock")
        super().__init__("-qmp", "unix:%s,server=on,wait=off" % self.sock, "-name", "vm one",
                         "-drive", "file=%s,format=raw,id=hd" % self.file("disk.img"),
                         "-cdrom", self.file("a.iso"), *options)

    def file(self, name):
        return os.path.join(self.files.name, name)

    def ctl(self, *args, **how):
        return ctl("-s", self.sock, *args, **how)

    def json(self, *args, **how):
        return json.loads(self.ctl("--json", *args, **how)[0])

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.files.cleanup()


class Fake:
    """A QMP server with answers of the test's: command -> value of "return", an error, or a function of args."""

    def __init__(self, answers, greeting=None, chunk=None, events=()):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-fake-")
        self.path = os.path.join(self.dir.name, "s")
        self.answers, self.chunk, self.events, self.seen = answers, chunk, events, []
        self.greeting = greeting if greeting is not None else \
            {"QMP": {"version": {"package": "kvm-dm \x1b[2J"}, "capabilities": []}}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(5)
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.listener.close()
        self.dir.cleanup()

    def send(self, s, value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode() + b"\r\n"
        step = self.chunk or len(data) or 1
        for i in range(0, len(data), step):
            s.sendall(data[i:i + step])

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.talk(s)
            except OSError:
                pass
            s.close()

    def talk(self, s):
        self.send(s, self.greeting)
        for line in s.makefile():
            request = json.loads(line)
            name, args = request["execute"], request.get("arguments", {})
            answer = {} if name == "qmp_capabilities" else self.answers.get(
                name, {"error": {"class": "CommandNotFound", "desc": "?"}})
            if name != "qmp_capabilities":
                self.seen.append((name, args))
                for e in self.events:
                    self.send(s, {"event": e[0], "data": e[1], "timestamp": {"seconds": 1, "microseconds": 2}})
            if callable(answer):
                answer = answer(args)
            if answer is None:
                continue  # none, ever
            if isinstance(answer, bytes):
                self.send(s, answer)
            elif isinstance(answer, dict) and "error" in answer:
                self.send(s, {"error": answer["error"], "id": request["id"]})
            else:
                self.send(s, {"return": answer, "id": request["id"]})


def on_terminal(*args, until=None):
    """Runs it with both outputs on a terminal; until: ends it by Ctrl-C when this has been printed."""
    pid, fd = pty.fork()
    if not pid:
        os.execv(CTL, [CTL, *args])
    out, end = b"", time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
        if until and until in out:
            os.kill(pid, signal.SIGINT)
            until = None
    return out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ---- the machine as a whole ----

def test_status_and_control():
    with Vm() as m:
        out, _ = m.ctl("status")
        assert re.search(r"^status +running$", out, re.M) and re.search(r"^name +vm one$", out, re.M), out
        assert "without KVM" in out and "kvm-dm" in out
        s = m.json("status")
        assert s["running"] is True and s["name"] == "vm one" and s["kvm"] is False
        assert m.ctl("pause") == ("", "")
        assert m.json("status")["status"] == m.execute("query-status")["status"] == "paused"
        assert m.json("resume") == {}
        assert m.execute("query-status")["running"] is True
        m.ctl("reset")
        m.execute("query-status")
        assert m.named("RESET")[-1]["reason"] == "host-qmp-system-reset"
        m.ctl("powerdown")
        m.execute("query-status")
        assert len(m.named("POWERDOWN")) == 1
        start = time.monotonic()
        _, err = m.ctl("powerdown", "--wait", "--timeout", "0.5", expect=TIMEOUT)
        assert "not off" in err and 0.4 < time.monotonic() - start < 5
        # The guest does it while the program waits: the ACPI registers say off.
        waiting = subprocess.Popen([CTL, "-s", m.sock, "powerdown", "--wait", "--timeout", "20"])
        while len(m.named("POWERDOWN")) < 3:
            m.execute("query-status")
        m.config_write(1 << 3 | 3, 0x40, 0x600 | 1)
        m.config_write(1 << 3 | 3, 0x80, 1)
        m.config_write(1 << 3 | 3, 0x04, 1)
        try:
            m.outw(0x604, 1 << 13)
        except (EOFError, ConnectionError):
            pass
        assert waiting.wait(20) == OK
        m.process.wait(10)


def test_quit_returns_when_the_process_is_gone():
    with Vm() as m:
        m.ctl("quit")
        m.process.wait(2)
        _, err = m.ctl("status", expect=NO_VM)
        assert "no such socket" in err or "no VM is running" in err


# ---- errors, each with its code ----

def test_no_vm():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "s")
        assert "no such socket" in ctl("-s", path, "status", expect=NO_VM)[1]
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(1)
        s.close()
        assert "no VM is running" in ctl("-s", path, "status", expect=NO_VM)[1]
        ctl("-s", d, "status", expect=NO_VM)
        ctl("-s", "x" * 200 + "/y", "status", expect=USAGE)


def test_peers_that_are_no_vm():
    with Fake({}, greeting=b"SSH-2.0-OpenSSH\r\n") as f:
        assert "QMP" in ctl("-s", f.path, "--limit", "1", "status", expect=NO_VM)[1]
    with Fake({}, greeting={"hello": 1}) as f:
        assert "QMP" in ctl("-s", f.path, "status", expect=NO_VM)[1]
    with Fake({}, greeting=b"") as f:  # says nothing: as a monitor that serves another program
        assert "another program" in ctl("-s", f.path, "--limit", "0.5", "status", expect=NO_VM)[1]
    with Fake({"query-status": b"{" * 100000}) as f:
        ctl("-s", f.path, "status", expect=NO_VM)
    with Fake({"query-status": b'{"return":' + b"[" * 63 + b"\n"}) as f:
        ctl("-s", f.path, "--limit", "0.5", "status", expect=TIMEOUT)
    with Fake({"query-status": None}) as f:
        start = time.monotonic()
        assert "in time" in ctl("-s", f.path, "--limit", "0.5", "status", expect=TIMEOUT)[1]
        assert time.monotonic() - start < 4
    with Fake({"query-status": b'{"return": {"x": "' + b"A" * (17 << 20)}) as f:  # more than the limit
        ctl("-s", f.path, "status", expect=NO_VM)
    with Fake({"query-status": [1, "x", None], "query-devices": {"a": 1}, "query-block": [1, [2], "x"],
               "query-blockstats": 7, "query-jobs": {}, "query-region-stats": [None, 1, {"name": 7}],
               "query-screen-text": {"lines": [1, None, {}, "x"]}, "query-device-state": {"fields": {
                   "a": None, "b": [], "c": "xyz", "d": {}, "e": [None, "x"]}, "names": 3}}) as f:
        ctl("-s", f.path, "status", expect=REFUSED)  # wrong types everywhere: no crash
        for command in ("devices", "disks", "jobs", "top", "screen"):
            ctl("-s", f.path, command)
        ctl("-s", f.path, "devices", "x")


def test_a_busy_monitor():
    with Vm() as m:
        s = socket.socket(socket.AF_UNIX)
        s.connect(m.sock)
        s.recv(4096)
        _, err = m.ctl("--limit", "0.5", "status", expect=NO_VM)
        assert "another program is connected" in err
        s.close()
        m.ctl("status")


def test_bad_command_lines():
    for args in ((), ("nonsense",), ("status", "x"), ("eject",), ("eject", "a", "b"), ("status", "--nonsense"),
                 ("--nonsense", "status"), ("top", "--count"), ("top", "--count", "x"), ("--json=1", "status"),
                 ("status", "--limit", "-1"), ("status", "--limit", "1e300"), ("screenshot", "--format", "gif", "x"),
                 ("backup", "--sync", "some", "a", "b"), ("status", "--interval", "1")):
        _, err = ctl("-s", "/nonexistent", *args, expect=USAGE)
        assert len(err.splitlines()) == 1, err
    with Vm() as m:
        m.ctl("wait", expect=USAGE)
        m.ctl("wait", "--text", "a", "--hash", "00000000", expect=USAGE)
        m.ctl("jobs", "cancel", expect=USAGE)
        m.ctl("jobs", "explode", "hd", expect=USAGE)
        m.ctl("backup", "hd", m.file("x"), "--speed", "1Q", expect=USAGE)
        m.ctl("backup", "hd", m.file("x"), "--speed", "99999999999T", expect=USAGE)
        m.ctl("qmp", "query-status", "novalue", expect=USAGE)
        m.ctl("qmp", "block_resize", "device=hd", "size:=1M", expect=USAGE)
        m.ctl("key", "ctrl--x", expect=USAGE)
        assert not os.path.exists(m.file("x"))


def test_refused():
    with Vm() as m:
        assert "not removable" in m.ctl("eject", "hd", expect=REFUSED)[1]
        m.ctl("screenshot", "/nonexistent/x.png", expect=REFUSED)
        m.ctl("backup", "hd", "/nonexistent/x.img", expect=REFUSED)
        m.ctl("snapshot", "hd", "/nonexistent/x.qcow2", expect=REFUSED)
        m.ctl("change", "ide1-cd0", m.file("missing.iso"), expect=REFUSED)
        m.ctl("qmp", "block_resize", "device=hd", "size:=-1", expect=REFUSED)
        _, err = m.ctl("qmp", "x-nonsense", expect=UNSUPPORTED)
        assert "does not have the command 'x-nonsense'" in err and "kvm-dm " in err
        _, err = m.ctl("eject", "nodisk", expect=NOT_FOUND)
        assert "there are hd, ide1-cd0" in err
        for args in (("change", "nodisk", "x"), ("snapshot", "nodisk", "x"), ("backup", "nodisk", "x"),
                     ("commit", "nodisk"), ("eject", ""), ("devices", "nodevice"), ("jobs", "cancel", "nojob")):
            m.ctl(*args, expect=NOT_FOUND)
    with Fake({}) as f:
        _, err = ctl("-s", f.path, "screen", expect=UNSUPPORTED)
        assert "query-screen-text" in err and "\x1b" not in err


def test_which_vm():
    with Vm() as m, tempfile.TemporaryDirectory() as d:
        env = {"XDG_RUNTIME_DIR": d}
        assert "KVM_DM_SOCKET" in ctl("status", expect=NO_VM, env=env)[1]
        os.mkdir(os.path.join(d, "kvm-dm"))
        os.symlink(m.sock, os.path.join(d, "kvm-dm", "one.sock"))
        open(os.path.join(d, "kvm-dm", "one.pid"), "w").close()
        ctl("status", env=env)
        ctl("status", "-s", "one", env=env)
        ctl("--socket=" + m.sock, "status", env=env)
        ctl("status", env={"KVM_DM_SOCKET": m.sock})
        ctl("status", env={"KVM_DM_SOCKET": "unix:" + m.sock})
        os.symlink(m.sock, os.path.join(d, "kvm-dm", "two.sock"))
        _, err = ctl("status", env=env, expect=USAGE)
        assert "which VM" in err and "one.sock" in err and "two.sock" in err and "pid" not in err
        ctl("status", "-s", "nobody", env=env, expect=NO_VM)


# ---- disks ----

def test_disks_and_media():
    with Vm() as m:
        out, _ = m.ctl("disks")
        rows = {line.split()[0]: line for line in out.splitlines()}
        assert rows["hd"].split()[1:4] == ["raw", "16.0", "MiB"] and m.file("disk.img") in rows["hd"], out
        both = m.json("disks")
        assert [d["device"] for d in both] == [d["device"] for d in m.execute("query-block")]
        assert all("rd_operations" in d["stats"] for d in both)
        m.ctl("eject", "ide1-cd0")
        assert re.search(r"^ide1-cd0 +- +- +empty,open", m.ctl("disks")[0], re.M)
        m.ctl("change", "ide1-cd0", "b.iso", cwd=m.files.name)  # a name of the caller's directory
        cd = [d for d in m.execute("query-block") if d["device"] == "ide1-cd0"][0]
        assert cd["inserted"]["file"] == m.file("b.iso") and not cd["tray_open"]
        m.execute("block_resize", device="hd", size=8 << 20)
        assert "8.0 MiB" in m.ctl("disks")[0]


def test_backup_snapshot_commit():
    with Vm() as m:
        out, err = m.ctl("backup", "hd", "copy.qcow2", cwd=m.files.name)
        assert "hd: complete, 16.0 MiB" in out and not err
        subprocess.run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", "-U", m.file("disk.img"),
                        m.file("copy.qcow2")], check=True, stdout=subprocess.DEVNULL)
        end = m.json("backup", "hd", m.file("copy.img"), "--job", "b7")
        assert end["device"] == "b7" and end["offset"] == end["len"] == 16 << 20
        assert os.path.getsize(m.file("copy.img")) == 16 << 20
        m.ctl("backup", "hd", m.file("copy.img"), "--existing")
        m.ctl("snapshot", "hd", "over.qcow2", cwd=m.files.name)
        assert m.execute("query-block")[0]["inserted"]["file"] == m.file("over.qcow2")
        m.ctl("commit", "hd")
        assert m.execute("query-block")[0]["inserted"]["file"] == m.file("disk.img")
        m.ctl("commit", "hd", expect=REFUSED)  # nothing is behind it


def test_jobs():
    with Vm() as m:
        assert m.json("jobs") == []
        m.ctl("backup", "hd", m.file("slow.img"), "--speed", "1M", "--no-wait")
        out, _ = m.ctl("jobs")
        assert re.search(r"^hd +backup +running +\d+ % \(.* of 16.0 MiB\)", out, re.M), out
        _, err = m.ctl("backup", "hd", m.file("other.img"), expect=REFUSED)
        assert "in use" in err or "busy" in err, err
        m.ctl("jobs", "pause", "hd")
        while m.json("jobs")[0]["status"] != "paused":
            time.sleep(0.01)
        m.ctl("jobs", "resume", "hd")
        m.ctl("jobs", "complete", "hd", expect=REFUSED)
        m.ctl("jobs", "cancel", "hd")
        while m.json("jobs"):
            time.sleep(0.01)


def test_a_backup_that_fails_or_is_stopped():
    with Vm() as m:
        m.ctl("backup", "hd", "/dev/full", "--existing", "--format", "raw", expect=REFUSED)
        out, code = on_terminal("-s", m.sock, "backup", "hd", m.file("slow.img"), "--speed", "1M",
                                until=b" % (")
        assert code == REFUSED and "cancelled" in out, (code, out)
        assert m.json("jobs") == []
        # The process ends while the program waits for the job.
        p = subprocess.Popen([CTL, "-s", m.sock, "backup", "hd", m.file("slow2.img"), "--speed", "1M"],
                             stderr=subprocess.DEVNULL)
        while not m.execute("query-jobs"):
            time.sleep(0.01)
        m.execute("quit")
        assert p.wait(10) in (REFUSED, NO_VM)


# ---- devices ----

def test_devices():
    with Vm() as m:
        m.config_write(IDE, 0x20, 0xc001)
        m.config_write(IDE, 0x40, 0x80008000)
        m.config_write(IDE, 0x04, 5)
        devices = {d["id"]: d for d in m.json("devices")}
        assert devices["serial0"]["regions"] == [{"name": "serial0", "space": "io", "base": 0x3f8, "size": 8}]
        assert devices["serial0"]["irqs"] == [4] and devices["i8042"]["irqs"] == [1, 12]
        assert devices["ide"]["irqs"] == [14, 15]
        pci = devices["ide"]["pci"]
        assert (pci["slot"], pci["function"], pci["id"]) == (1, 1, {"vendor": 0x8086, "device": 0x7010})
        ranges = {(r["base"], r["size"]) for r in devices["ide"]["regions"]}
        assert {(0x1f0, 8), (0x170, 8)} <= ranges and any(b == 0xc000 for b, _ in ranges), ranges
        ports = sorted((r["base"], r["size"]) for d in devices.values() for r in d["regions"]
                       if r["space"] == "io")
        assert all(a + n <= b for (a, n), (b, _) in zip(ports, ports[1:])), ports
        assert all(d["guest-errors"] == 0 for d in devices.values())
        out, _ = m.ctl("devices")
        assert re.search(r"^serial0 +isa-serial +isa +4 +- +3f8-3ff$", out, re.M), out
        assert re.search(r"^ide +piix3-ide +pci 01.1 +14,15 ", out, re.M), out
        m.config_write(IDE, 0x04, 0)
        assert not [d for d in m.json("devices") if d["id"] == "ide"][0]["regions"]


def test_device_state():
    with Vm() as m:
        m.outb(0x3ff, 0x5a)
        m.outb(0x3fb, 0x83)
        state = m.json("devices", "serial0")
        assert state["fields"]["uart.scr"] == 0x5a and state["fields"]["uart.lcr"] == 0x83, state
        assert len(state["fields"]["uart.rx_data"]) == 32 and state["names"]["uart.rx_state"] == "empty"
        out, _ = m.ctl("devices", "serial0")
        assert re.search(r"^uart.scr +0x5a \(90\)$", out, re.M), out
        assert re.search(r"^uart.tx_state +0x0  idle$", out, re.M), out
        for d in m.json("devices"):
            state = m.json("devices", d["id"])
            assert state["type"] == d["type"] and state["truncated"] == []
            m.ctl("devices", d["id"])
        m.outb(0x70, 0x20)
        m.outb(0x71, 0xa7)
        assert "a7" in m.json("devices", "rtc")["fields"]["cmos"]
        data = m.json("devices", "ide")["fields"]
        assert any(isinstance(v, str) and len(v) == 2 * 65536 for v in data.values()), "no buffer of a drive"


def test_top():
    with Vm() as m:
        for args, check in ((("--json",), "json"), ((), "text")):
            p = subprocess.Popen([CTL, "-s", m.sock, "top", "--interval", "1", *args], stdout=subprocess.PIPE,
                                 text=True)
            end = time.monotonic() + 1.0
            while time.monotonic() < end or p.poll() is None:
                m.cmds(["inb 0x3fd"] * 50 + ["outb 0x80 1"] * 10)
            out = p.stdout.read()
            assert p.wait(10) == OK
            if check == "json":
                top = json.loads(out)
                regions = {r["name"]: r for r in top["regions"]}
                uart, post = regions["serial0"], regions["post"]
                assert 0.9 < top["seconds"] < 5 and uart["device"] == "serial0"
                assert uart["reads-per-second"] > 100 and uart["writes-per-second"] == 0
                assert uart["bytes-per-second"] == uart["reads-per-second"]
                assert 3 < uart["reads-per-second"] / post["writes-per-second"] < 7
                assert top["regions"][0]["name"] == "serial0" and "rtc" not in regions
            else:
                lines = out.splitlines()
                assert re.match(r"\d+ reads/s, \d+ writes/s, in 1\.\d s$", lines[0]), out
                assert lines[2].split()[3:] == ["serial0", "serial0", "3f8-3ff"], out
        every = json.loads(m.ctl("top", "--json", "--all", "--interval", "0.1", "--count", "1")[0])
        assert {"rtc", "serial0"} <= {r["name"] for r in every["regions"]}
        assert len(m.ctl("top", "--json", "--interval", "0.1", "--count", "3")[0].splitlines()) == 3
        out, code = on_terminal("-s", m.sock, "top", "--interval", "0.1", until=b"in 0.")
        assert code == -signal.SIGINT and "\x1b[2J" in out
        out, code = on_terminal("-s", m.sock, "top", "--interval", "0.1", "--count", "2")
        assert code == OK and out.count("reads/s, ") == 2


# ---- raw QMP and events ----

def test_qmp():
    with Vm() as m:
        assert json.loads(m.ctl("qmp", "query-name")[0]) == {"name": "vm one"}
        m.ctl("qmp", "block_resize", "device=hd", "size:=4194304")
        assert m.execute("query-block")[0]["inserted"]["image"]["virtual-size"] == 4 << 20
        assert json.loads(m.ctl("qmp", '{"execute":"query-name"}')[0]) == {"name": "vm one"}
        out, _ = m.ctl("qmp", "-", stdin='{"execute":"query-name"}\n{"execute":"query-status"}')
        assert [sorted(json.loads(line))[0] for line in out.splitlines()] == ["name", "running"]
        m.ctl("qmp", "-", stdin='{"execute":"query-name"', expect=USAGE)
        m.ctl("qmp", "-", stdin="}", expect=USAGE)
        m.ctl("qmp", "-", stdin='{"execute":"x-no"}\n{"execute":"stop"}', expect=UNSUPPORTED)
        assert m.execute("query-status")["running"], "went on after an error"
        assert len(json.loads(m.ctl("qmp", "query-qmp-schema")[0])) > 50
        assert len(json.loads(m.ctl("qmp", '{"execute":"query-name"}', "--limit=2")[0])) == 1
    with Fake({"query-name": {"name": "x" * 300000, "deep": [[[[{"a": [1.5, -1, None, True]}]]]]}}, chunk=4093,
              events=[("STOP", {})] * 5000) as f:
        name = json.loads(ctl("-s", f.path, "qmp", "query-name")[0])
        assert len(name["name"]) == 300000 and name["deep"][0][0][0][0]["a"] == [1.5, -1, None, True]


def test_events():
    with Vm() as m:
        assert "0 events" in m.ctl("events", "--timeout", "0.3", expect=TIMEOUT)[1]
        for args in ((), ("--json",)):
            p = subprocess.Popen([CTL, "-s", m.sock, "events", "--count", "2", "STOP", "RESUME", *args],
                                 stdout=subprocess.PIPE, text=True)
            while p.poll() is None:
                m.execute("stop")
                m.execute("system_reset")
                m.execute("cont")
                time.sleep(0.02)
            lines = p.stdout.read().splitlines()
            assert p.returncode == OK and len(lines) == 2
            if args:
                assert {json.loads(line)["event"] for line in lines} == {"STOP", "RESUME"}
            else:
                assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} (STOP|RESUME)", line) for line in lines), lines
    with Fake({}, greeting={"QMP": {}}) as f:
        ctl("-s", f.path, "--limit", "1", "events", "--timeout", "0.2", expect=TIMEOUT)


# ---- screen and keyboard, against answers of our own ----

def test_screenshot():
    with Vm() as m:
        m.ctl("screenshot", "s.png", cwd=m.files.name)
        assert open(m.file("s.png"), "rb").read(8) == b"\x89PNG\r\n\x1a\n"
        m.ctl("screenshot", m.file("s.ppm"))
        assert open(m.file("s.ppm"), "rb").read(2) == b"P6"
        m.ctl("screenshot", "--format", "png", m.file("s"))
        assert open(m.file("s"), "rb").read(4) == b"\x89PNG"


SCREEN = {"mode": "text", "columns": 80, "rows": 4, "cursor": {"x": 7, "y": 1, "visible": True},
          "lines": ["Grüße \x1b[31m".ljust(80), "login: ".ljust(80), " " * 80, " " * 80]}


def test_screen():
    with Fake({"query-screen-text": SCREEN}) as f:
        assert ctl("-s", f.path, "screen", env={"LC_ALL": "C.UTF-8"})[0] == "Grüße ?[31m\nlogin:\n"
        assert json.loads(ctl("-s", f.path, "screen", "-j")[0]) == SCREEN
    with Fake({"query-screen-text": {"mode": "graphics", "width": 640, "height": 480, "lines": []}}) as f:
        assert "640 by 480" in ctl("-s", f.path, "screen", expect=REFUSED)[1]


def test_record():
    with Vm() as m:
        assert m.ctl("record")[0] == "nothing is being recorded\n"
        m.ctl("record", "x.cast", "--max", "1M", cwd=m.files.name)
        path = m.file("x.cast")
        assert m.ctl("record")[0].startswith(path + ": "), m.ctl("record")
        m.ctl("record", m.file("y.cast"), expect=REFUSED)
        m.ctl("record", "--stop", path, expect=USAGE)
        assert re.fullmatch(re.escape(path) + r": \d+ bytes, \d+ events in [\d.]+ s\n", m.ctl("record", "--stop")[0])
        assert json.loads(open(path).readline())["version"] == 2
        assert m.json("record") == {"recording": False}
        m.ctl("record", "--stop", expect=REFUSED)
        m.ctl("record", "--max", "1", path, expect=REFUSED)
        m.ctl("record", "--max", "x", path, expect=USAGE)


def test_web():
    with Vm() as m:
        m.ctl("web", expect=REFUSED)
    url = "http://127.0.0.1:6080/#token=" + "0" * 32
    with Fake({"query-web": {"enabled": True, "url": url, "pages": 0}}) as f:
        assert ctl("-s", f.path, "web")[0] == url + "\n"
        assert json.loads(ctl("-s", f.path, "-j", "web")[0])["url"] == url


def test_wait():
    found = {"mode": "text", "elapsed-ms": 3, "text": "login:", "line": "login:   ", "row": 1, "column": 0}
    with Fake({"wait-screen": found}) as f:
        assert ctl("-s", f.path, "wait", "--text", "login: *$", "--timeout", "1.5")[0] == "login:\n"
        assert f.seen == [("wait-screen", {"text": "login: *$", "timeout-ms": 1500})]
        assert json.loads(ctl("-s", f.path, "--json", "wait", "--stable", "2")[0]) == found
        ctl("-s", f.path, "wait", "--text", "LOGIN", "--ignore-case")
        ctl("-s", f.path, "wait", "--hash", "0123456789abcdef")
        assert [a for _, a in f.seen[1:]] == [{"stable-ms": 2000, "timeout-ms": 30000},
                                              {"text": "(?i)LOGIN", "timeout-ms": 30000},
                                              {"hash": "0123456789abcdef", "timeout-ms": 30000}]
    timed_out = {"error": {"class": "GenericError", "desc": "timed out: the screen did not come to this"}}
    with Fake({"wait-screen": timed_out, "query-screen-text": SCREEN}) as f:
        _, err = ctl("-s", f.path, "wait", "--text", "x", expect=TIMEOUT)
        assert "login:" in err and "timed out" in err
        _, err = ctl("-s", f.path, "wait", "--text", "x", "--quiet", expect=TIMEOUT)
        assert "login:" not in err
    bad = {"error": {"class": "GenericError", "desc": "Parameter 'text': not a regular expression"}}
    with Fake({"wait-screen": bad}) as f:
        ctl("-s", f.path, "wait", "--text", "(", expect=REFUSED)


def test_type():
    done = {"typed": 5, "characters": 5}
    with Fake({"type-text": done}, events=[("TYPE_PROGRESS", {"typed": 2, "characters": 5})]) as f:
        assert ctl("-s", f.path, "type", "a b", "c") == ("", "")
        assert json.loads(ctl("-s", f.path, "type", "--json", "--layout", "de", "--enter", "--skip", "--timeout",
                              "2", "--interval", "5", "ä")[0]) == done
        ctl("-s", f.path, "type", "-", stdin="x\ty\n")
        ctl("-s", f.path, "type", "--", "--enter", "-")
        assert [a for _, a in f.seen] == [
            {"text": "a b c"},
            {"text": "ä\n", "layout": "de", "skip": True, "timeout-ms": 2000, "interval-ms": 5},
            {"text": "x\ty\n"}, {"text": "--enter -"}]
        out, code = on_terminal("-s", f.path, "type", "hello")
        assert code == OK and "2 of 5 characters" in out, out
    with Fake({"type-text": {"typed": 1, "characters": 1, "no-key": "\x1b€"}}) as f:
        p = subprocess.run([CTL, "-s", f.path, "type", "--skip", "a€"], stderr=subprocess.PIPE, text=True,
                           env=dict(os.environ, LC_ALL="C.UTF-8"), check=True)
        assert "no key for it: ?€" in p.stderr, p.stderr
    refused = {"error": {"class": "GenericError", "desc": "layout 'us' has no key for: €"}}
    with Fake({"type-text": refused}) as f:
        ctl("-s", f.path, "type", "€", expect=REFUSED)
    gave_up = {"error": {"class": "GenericError", "desc": "timed out: the guest does not read its keyboard"}}
    with Fake({"type-text": gave_up}) as f:
        ctl("-s", f.path, "type", "a", expect=TIMEOUT)


def test_key():
    with Fake({"send-key": {}}) as f:
        ctl("-s", f.path, "key", "ctrl-alt-delete", "f1+shift", "--hold", "10")
        assert f.seen == [
            ("send-key", {"keys": [{"type": "qcode", "data": k} for k in keys], "hold-time": 10})
            for keys in (["ctrl", "alt", "delete"], ["f1", "shift"])]
    bad = {"error": {"class": "GenericError", "desc": "Parameter 'data' does not accept value 'x'"}}
    with Fake({"send-key": bad}) as f:
        ctl("-s", f.path, "key", "x", "y", expect=REFUSED)
        assert len(f.seen) == 1, "went on after an error"


# ---- help and completion ----

def subcommands():
    out, _ = ctl("--help")
    part = out.split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z]+)", part, re.M)


def test_help():
    names = subcommands()
    assert {"status", "pause", "resume", "reset", "powerdown", "quit", "screen", "screenshot", "wait", "type",
            "key", "eject", "change", "devices", "top", "qmp"} <= set(names)
    page = open(os.path.join(ROOT, "man", "kvm-dm-ctl.1")).read()
    for name in names:
        out, _ = ctl(name, "--help")
        assert out.startswith("usage: kvm-dm-ctl " + name), out
        assert '\n.B "%s' % name in page
        for option in re.findall(r"^  --([a-z-]+)", out, re.M):
            assert "\\-\\-" + option.replace("-", "\\-") in page, option
    assert ctl("--version")[0].startswith("kvm-dm-ctl ")


TAB = r'''
. "$1"; COMP_LINE=$3; COMP_POINT=${#3}
mapfile -t COMP_WORDS < <(printf '%s' "$3" | sed 's/\([=:]\)/ \1 /g' | tr -s ' ' '\n')
case $3 in *' ' | *[=:]) COMP_WORDS+=("") ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$2 && printf '%s\n' "${COMPREPLY[@]}"
'''


def tab(script, function, line, cwd=None):
    r = subprocess.run(["bash", "-u", "-c", TAB, "bash", script, function, line], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, cwd=cwd)
    assert not r.stderr, r.stderr
    return r.stdout.split()


def test_completion():
    with tempfile.TemporaryDirectory() as d, Vm() as m:
        script = os.path.join(d, "c")
        with open(script, "w") as f:
            f.write(ctl("--completion")[0])
        vm = CTL + " -s " + m.sock + " "

        def offers(line, **how):
            return tab(script, "_kvm_dm_ctl", line, **how)

        assert offers(CTL + " ") == subcommands()
        assert offers(CTL + " screens") == ["screenshot"]
        assert offers(vm + "eject ") == ["hd", "ide1-cd0", "floppy0"]
        assert offers(vm + "--json eject --force ide") == ["ide1-cd0"]
        assert offers(vm + "devices se") == ["serial0"]
        assert "query-devices" in offers(vm + "qmp query-d")
        assert offers(vm + "backup --sync ") == ["full", "top", "none"]
        assert "--no-wait" in offers(CTL + " backup --") and "--socket" in offers(CTL + " backup --")
        assert offers(CTL + " jobs ca") == ["cancel"]
        assert offers(vm + "change ide1-cd0 b", cwd=m.files.name) == ["b.iso"]
        assert "ctl.sock" in offers(CTL + " -s ", cwd=m.files.name)
        assert offers(CTL + " -s /nonexistent eject ") == []
        assert offers(CTL + " top --count ") == []


def test_completion_of_kvm_dm():
    script = os.path.join(ROOT, "ctl", "completion", "kvm-dm.bash")
    with tempfile.TemporaryDirectory() as d:
        open(os.path.join(d, "my.img"), "w").close()

        def offers(line):
            return tab(script, "_kvm_dm", os.path.abspath(KVM_DM) + " " + line, cwd=d)

        assert offers("-cdro") == ["-cdrom"] and offers("--cdro") in (["-cdrom"], ["--cdrom"])
        assert {"ide-hd", "ide-cd"} <= set(offers("-device ide-"))
        assert offers("-device ide-hd,bus") == ["ide-hd,bus="]
        assert "format=" in offers("-drive f")
        assert offers("-drive file=m") == ["my.img"]
        assert {"ide", "none"} <= set(offers("-drive file=my.img,if="))
        assert offers("-cdrom m") == ["my.img"] and offers("m") == ["my.img"]
        assert offers("-chardev sock") == ["socket"]
        assert offers("-display cur") == ["curses"]
        if os.path.exists("/usr/share/novnc/core/rfb.js"):
            assert offers("-display web=127.0.0.1:0,rem") == ["0,remote="], offers("-display web=127.0.0.1:0,rem")


def test_zz_every_subcommand_was_tried():
    assert set(subcommands()) <= used, set(subcommands()) - used


if __name__ == "__main__":
    run(sys.modules[__name__])
