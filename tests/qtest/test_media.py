#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Media of a CD drive changed by QMP and by the guest, against a model of what both must see; errors that leave all as
it was; nodes that come and go without a trace; sizes that change; what the queries say.
"""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import BSY, ERR, SECTOR, Ata, Busy, pattern, run_of
from kvmdm import Machine, run
from oracles import SixOrs

DISCS = {"a": 100, "b": 200, "c": 1}  # name -> blocks of 2048 bytes
OPEN, PRESENT = 1, 2
EJECT_REQUEST, NEW_MEDIA, REMOVAL = 1, 2, 3


def disc_data(name, block):
    return run_of(block * 4, 4, ord(name))


class Discs:
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-media-")
        for name, blocks in DISCS.items():
            with open(self.path(name), "wb") as f:
                f.write(b"".join(disc_data(name, b) for b in range(blocks)))

    def path(self, name):
        return os.path.join(self.dir.name, name + ".iso")


class Model:
    """The drive as MMC-5 and QMP's documentation describe it."""

    def __init__(self):
        self.open = self.locked = False
        self.disc = None          # in the tray
        self.seen = None          # what the drive can read
        self.gone = self.new = False   # to be told by sense data
        self.request = self.removal = self.arrival = False  # to be told by events
        self.moves = 0

    def update(self, changed=False):
        now = None if self.open else self.disc
        if now == self.seen and not changed:
            return
        if self.seen:
            self.gone, self.new = True, False
            self.removal, self.arrival = True, False
        if now:
            self.new = self.arrival = True
        self.seen = now

    def move(self, is_open):
        if self.open != is_open:
            self.open = is_open
            self.moves += 1
            self.request = False
            self.update()

    # ---- QMP: True, or the error's class ----

    def open_tray(self, force):
        if not self.open and self.locked and not force:
            self.request = True
            return True
        self.move(True)
        return True

    def close_tray(self):
        self.move(False)
        return True

    def remove(self):
        if not self.open:
            return "GenericError"
        self.disc = None
        return True

    def insert(self, name):
        if not self.open or self.disc:
            return "GenericError"
        self.disc = name
        return True

    def eject(self, force):
        if not self.open and self.locked and not force:
            self.request = True
            return "GenericError"
        self.move(True)
        return self.remove()

    def change(self, name, force):
        good = self.eject(force)
        if good is True:
            self.disc = name
            self.move(False)
        return good

    # ---- the guest ----

    def senses(self):
        """What TEST UNIT READY says until it says the same twice; None: good."""
        out = []
        if self.gone:
            out.append((2, 0x3a))
        elif self.new:
            out.append((6, 0x28))
            self.new = False
        elif not self.seen:
            out.append((2, 0x3a))
        if self.gone:
            self.gone = False
            if self.new:
                out.append((6, 0x28))
                self.new = False
            elif not self.seen:
                pass
        if self.seen:
            out.append(None)
        return out

    def events(self):
        out = [code for flag, code in ((self.request, EJECT_REQUEST), (self.removal, REMOVAL),
                                       (self.arrival, NEW_MEDIA)) if flag]
        self.request = self.removal = self.arrival = False
        return out

    def status(self):
        return (PRESENT if self.seen else 0) | (OPEN if self.open else 0)


class Drive:
    def __init__(self, m, unit=2):
        self.a = Ata(m, unit)

    def ready(self):
        r = self.a.packet([0])
        return self.a.sense()[:2] if r.status & ERR else None

    def senses(self):
        out = [self.ready()]
        while len(out) < 8:
            more = self.ready()
            if more == out[-1]:
                break
            out.append(more)
        return out

    def event(self):
        r = self.a.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])
        assert r.data[:4] == b"\0\6\4\x16", r.data
        return r.data[4] & 0x0f, r.data[5]

    def events(self):
        out = []
        while True:
            code, status = self.event()
            if not code:
                return out, status
            out.append(code)
            assert len(out) < 8

    def read(self, block, count=1):
        return self.a.packet([0x28, 0, *struct.pack(">I", block), 0, *struct.pack(">H", count)])

    def blocks(self):
        return struct.unpack(">I", self.a.packet([0x25]).data[:4])[0] + 1

    def lock(self, on):
        return self.a.packet([0x1e, 0, 0, 0, 1 if on else 0]).status & ERR == 0

    def start_stop(self, bits):
        return self.a.packet([0x1b, 0, 0, 0, bits]).status & ERR == 0


def outcome(answer):
    return True if "return" in answer else answer["error"]["class"]


ACTIONS = ("open", "open force", "close", "remove", "insert", "eject", "eject force", "change", "change force", "lock",
           "unlock", "guest eject", "guest load", "look")


def act(m, drive, model, what, name):
    """Does it to both; they must agree on what comes of it."""
    force = what.endswith("force")
    device = {"id": "cd0"}
    if what.startswith("open"):
        return outcome(m.ask("blockdev-open-tray", **device, force=force)), model.open_tray(force)
    if what == "close":
        return outcome(m.ask("blockdev-close-tray", **device)), model.close_tray()
    if what == "remove":
        return outcome(m.ask("blockdev-remove-medium", **device)), model.remove()
    if what == "insert":
        return outcome(m.ask("blockdev-insert-medium", **device, **{"node-name": "disc-" + name})), model.insert(name)
    if what.startswith("eject"):
        return outcome(m.ask("eject", **device, force=force)), model.eject(force)
    if what.startswith("change"):
        # A node of a disc may be in use by itself: this one is opened anew.
        answer = m.ask("blockdev-change-medium", **device, filename=m.discs.path(name), format="raw", force=force)
        return outcome(answer), model.change(name, force)
    if what in ("lock", "unlock"):
        if model.senses_pending():
            return True, True
        model.locked = what == "lock"
        return drive.lock(model.locked), True
    if what.startswith("guest"):
        if model.senses_pending():
            return True, True
        load = what == "guest load"
        allowed = load or not model.locked or model.open
        got = drive.start_stop(3 if load else 2)
        if allowed:
            model.move(not load)
        elif not got:
            drive.a.sense()
        return got, allowed
    return True, True


Model.senses_pending = lambda self: self.gone or self.new


def check_queries(m, model):
    cd = [b for b in m.execute("query-block") if b.get("qdev") == "cd0"][0]
    assert (cd["tray_open"], cd["locked"], cd["removable"]) == (model.open, model.locked, True), (cd, vars(model))
    assert ("inserted" in cd) == bool(model.disc), (cd, vars(model))
    if model.disc:
        assert cd["inserted"]["ro"] and cd["inserted"]["image"]["virtual-size"] == DISCS[model.disc] * 2048
    moves = m.named("DEVICE_TRAY_MOVED")
    assert len(moves) == model.moves, (len(moves), model.moves)
    if moves:
        assert moves[-1] == {"device": "", "id": "cd0", "tray-open": model.open}, moves[-1]


def check_guest(drive, model):
    events = model.events()
    assert drive.events() == (events, model.status()), (events, vars(model))
    pending = model.senses_pending()
    want = model.senses()
    got = drive.senses()
    assert got == want, (got, want, vars(model), pending)
    if model.seen:
        blocks = DISCS[model.seen]
        assert drive.blocks() == blocks
        assert drive.read(blocks - 1).data == disc_data(model.seen, blocks - 1)


def test_random_walk():
    """3,000 actions in four runs; the guest looks after some of them only."""
    discs = Discs()
    for seed in range(4):
        rng = random.Random(seed)
        with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.1") as m:
            m.discs = discs
            for name in DISCS:
                m.execute("blockdev-add", **{"driver": "raw", "node-name": "disc-" + name, "read-only": True,
                                             "file": {"driver": "file", "filename": discs.path(name)}})
            drive, model = Drive(m), Model()
            drive.senses()  # power-on
            history = []
            for _ in range(750):
                what, name = rng.choice(ACTIONS), rng.choice(list(DISCS))
                history.append(what + " " + name)
                try:
                    got, want = act(m, drive, model, what, name)
                    assert got == want, (got, want)
                    check_queries(m, model)
                    if what == "look" or rng.randrange(3) == 0:
                        history.append("(looked)")
                        check_guest(drive, model)
                except AssertionError as e:
                    raise AssertionError("seed %d after %s" % (seed, history[-12:])) from e
            m.alive()


def test_change_that_fails():
    """The old medium stays where it was, the tray shut."""
    discs = Discs()
    with Machine("-nodefaults", "-drive", "if=none,id=d,media=cdrom,format=raw,readonly=on,file=" + discs.path("a"),
                 "-device", "ide-cd,drive=d,id=cd0,bus=ide.1", "-drive", "if=ide,index=0,format=null-co,id=hd") as m:
        drive = Drive(m)
        drive.senses()
        before = m.execute("query-block")
        nodes = m.execute("query-named-block-nodes")
        fds = m.fds()
        for command, arguments in (
                ("blockdev-change-medium", {"id": "cd0", "filename": "/nonexistent/x"}),
                ("blockdev-change-medium", {"id": "cd0", "filename": discs.dir.name}),
                ("blockdev-change-medium", {"id": "cd0", "filename": discs.path("b"), "format": "qcow2"}),
                ("blockdev-change-medium", {"id": "cd0", "filename": discs.path("b"), "format": "none"}),
                ("blockdev-change-medium", {"id": "cd0", "filename": discs.path("b"), "read-only-mode": "x"}),
                ("blockdev-change-medium", {"id": "none", "filename": discs.path("b")}),
                ("blockdev-change-medium", {"id": "cd0", "device": "d", "filename": discs.path("b")}),
                ("blockdev-change-medium", {"filename": discs.path("b")}),
                ("blockdev-change-medium", {"device": "hd", "filename": discs.path("b")}),
                ("blockdev-change-medium", {"id": "cd0", "filename": "nbd://127.0.0.1:1/x"}),
                ("blockdev-change-medium", {"id": "cd0", "filename": ""}),
                ("eject", {"device": "hd"}), ("eject", {"device": "hd", "force": True}), ("eject", {}),
                ("blockdev-open-tray", {"id": "hd"}), ("blockdev-close-tray", {"device": "hd"}),
                ("blockdev-remove-medium", {"id": "cd0"}),
                ("blockdev-insert-medium", {"id": "cd0", "node-name": "none"}),
                ("blockdev-del", {"node-name": "none"}),
                ("blockdev-del", {"node-name": before[0].get("inserted", before[1]["inserted"])["node-name"]}),
                ("block_resize", {"device": "d", "size": 1 << 20}), ("block_resize", {"device": "hd", "size": -1}),
                ("block_resize", {"device": "none", "size": 1 << 20}), ("block_resize", {"size": 1 << 20})):
            answer = m.ask(command, **arguments)
            assert "error" in answer, (command, arguments, answer)
            assert m.execute("query-block") == before, (command, arguments)
            assert m.execute("query-named-block-nodes") == nodes, (command, arguments)
        assert m.fds() == fds
        assert drive.senses() == [None] and drive.events()[0] in ([], [NEW_MEDIA])
        assert drive.read(5).data == disc_data("a", 5)
        drive.lock(True)
        answer = m.ask("blockdev-change-medium", id="cd0", filename=discs.path("b"))
        assert "locked" in answer["error"]["desc"], answer
        assert drive.events()[0] == [EJECT_REQUEST]  # the guest is asked
        assert drive.read(5).data == disc_data("a", 5)
        assert len(m.execute("query-named-block-nodes")) == len(nodes) and m.fds() == fds
        drive.lock(False)
        assert drive.start_stop(2)
        m.execute("blockdev-change-medium", id="cd0", filename=discs.path("b"))
        assert drive.senses() == [(2, 0x3a), (6, 0x28), None]
        assert drive.read(150).data == disc_data("b", 150)


def test_nodes_in_use():
    discs = Discs()
    file = {"driver": "file", "filename": discs.path("a")}
    with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.0", "-device", "ide-cd,id=cd1,bus=ide.1") as m:
        m.execute("blockdev-add", **{"driver": "raw", "node-name": "n", "read-only": True, "file": file})
        assert "error" in m.ask("blockdev-add", **{"driver": "null-co", "node-name": "n"})
        for cd in ("cd0", "cd1"):
            m.execute("blockdev-open-tray", id=cd)
            m.execute("blockdev-insert-medium", **{"id": cd, "node-name": "n"})  # two readers
            m.execute("blockdev-close-tray", id=cd)
            assert "in use" in m.ask("blockdev-del", **{"node-name": "n"})["error"]["desc"]
        drives = Drive(m, 0), Drive(m, 2)
        for drive in drives:
            drive.senses()
            assert drive.read(3).data == disc_data("a", 3)
        m.execute("eject", id="cd0")
        assert "error" in m.ask("blockdev-del", **{"node-name": "n"})
        assert drives[1].read(3).data == disc_data("a", 3)
        m.execute("eject", id="cd1")
        m.execute("blockdev-del", **{"node-name": "n"})
        assert "error" in m.ask("blockdev-del", **{"node-name": "n"})
        assert m.execute("query-named-block-nodes") == []


def test_lives_leave_nothing():
    """Hundreds of media: descriptors and memory are given back, whichever way they came and went."""
    discs = Discs()
    kinds = ["raw"]
    files = {"raw": discs.path("a")}
    if shutil.which("qemu-img"):
        for fmt in ("qcow2", "vdi", "vpc", "vmdk"):
            files[fmt] = os.path.join(discs.dir.name, "x." + fmt)
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, discs.path("b"), files[fmt]], check=True)
            kinds.append(fmt)
    with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.1") as m:
        drive = Drive(m)

        def live(turn):
            fmt = kinds[turn % len(kinds)]
            if turn % 2:
                m.execute("blockdev-change-medium", id="cd0", filename=files[fmt], format=fmt, force=True)
            else:
                m.execute("blockdev-add", **{"driver": fmt, "node-name": "n%d" % turn, "read-only": True,
                                             "file": {"driver": "file", "filename": files[fmt]}})
                m.execute("blockdev-open-tray", id="cd0", force=True)
                m.execute("blockdev-insert-medium", **{"id": "cd0", "node-name": "n%d" % turn})
                m.execute("blockdev-close-tray", id="cd0")
            drive.senses()
            assert drive.read(9).data == disc_data("a" if fmt == "raw" else "b", 9)
            m.execute("eject", id="cd0", force=True)
            if turn % 2 == 0:
                m.execute("blockdev-del", **{"node-name": "n%d" % turn})
            assert m.execute("query-named-block-nodes") == []

        for turn in range(20):
            live(turn)
        with SixOrs(m, "media", cpu_s=20, grow_kib=6 * 1024):
            for turn in range(300):
                live(turn)


def test_eject_with_a_read_under_way():
    """The medium goes while the drive reads: the command ends, with good data or without a medium."""
    discs = Discs()
    with Machine("-nodefaults", "-drive", "if=none,id=d,media=cdrom,format=raw,readonly=on,throttling.bps-read=300000,file=" +
                 discs.path("b"), "-device", "ide-cd,drive=d,id=cd0,bus=ide.1") as m:
        drive = Drive(m)
        drive.senses()
        for turn in range(12):
            drive.read(0, 20)
            drive.a.packet_issue([0x28, 0, 0, 0, 0, 20, 0, 0, 16])
            time.sleep(0.004 * (turn % 5))
            if turn % 3 == 0:
                m.ask("eject", id="cd0", force=True)
            elif turn % 3 == 1:
                m.ask("blockdev-change-medium", id="cd0", filename=discs.path("b"), force=True)
            else:
                m.ask("blockdev-open-tray", id="cd0", force=True)
            r = drive.a.packet_end()
            if r.status & ERR:
                assert drive.a.sense()[0] in (2, 6), r
            else:
                assert r.data == b"".join(disc_data("b", 20 + i) for i in range(16))
            m.alive()
            m.execute("blockdev-change-medium", id="cd0", filename=discs.path("b"), force=True)
            drive.senses()


# ---- sizes ----

def words(disk):
    w = disk.identify()
    return w[60] | w[61] << 16, w[100] | w[101] << 16 | w[102] << 32


def test_resize():
    """IDENTIFY DEVICE has the new size at once, and the sectors that came can be used."""
    with tempfile.TemporaryDirectory(prefix="kvm-dm-media-") as d:
        formats = ["raw"] + (["qcow2"] if shutil.which("qemu-img") else [])
        for fmt in formats:
            path = os.path.join(d, "disk." + fmt)
            with open(path, "wb") as f:
                f.write(run_of(0, 2048))
            if fmt != "raw":
                subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, path, path + ".new"], check=True)
                os.rename(path + ".new", path)
            with Machine("-nodefaults", "-drive", "if=ide,index=0,id=hd,format=%s,file=%s" % (fmt, path)) as m:
                a = Ata(m)
                assert words(a) == (2048, 2048)
                assert a.pio_in(0x20, 2048).error == 0x10
                m.execute("block_resize", device="hd", size=4096 * SECTOR)
                assert words(a) == (4096, 4096)
                assert a.dma_in(0xc8, 2040, 16).data == run_of(2040, 8) + bytes(8 * SECTOR)
                assert a.dma_out(0xca, 4095, pattern(4095, 9)).status == 0x50
                assert a.pio_in(0x20, 4096).error == 0x10
                inserted = m.execute("query-block")[0]["inserted"]
                assert inserted["image"]["virtual-size"] == 4096 * SECTOR
                for bad in (100, 513, 1 << 63, -5):
                    assert "error" in m.ask("block_resize", device="hd", size=bad), bad
                answer = m.ask("block_resize", device="hd", size=1024 * SECTOR)
                want = 1024 if "return" in answer else 4096
                assert fmt != "raw" or want == 1024, answer
                assert words(a) == (want, want)
                assert a.pio_in(0x20, 1023).data == pattern(1023)
                m.execute("system_reset")
                a = Ata(m)
                assert words(a) == (want, want)


def test_resize_with_a_command_between_blocks():
    with tempfile.NamedTemporaryFile(prefix="kvm-dm-media-") as f:
        f.write(run_of(0, 2048))
        f.flush()
        with Machine("-nodefaults", "-drive", "if=ide,index=0,id=hd,format=raw,file=" + f.name) as m:
            a = Ata(m)
            for opcode in (0x20, 0x30):
                a.issue(opcode, 1900, 140)
                a.wait()
                m.execute("block_resize", device="hd", size=2000 * SECTOR)
                assert a.status() == 0x51 and m.inb(a.base + 1) == 0x10 and a.lba() == 2000
                assert a.pio_in(0x20, 1999).data[:8] == pattern(1999)[:8]
                m.execute("block_resize", device="hd", size=2048 * SECTOR)
            assert words(a) == (2048, 2048)


# ---- queries ----

def test_queries():
    """The members that libvirt and others look at (COMPAT.md, A5)."""
    discs = Discs()
    storage = {"driver": "file", "filename": discs.path("a"), "node-name": "libvirt-1-storage", "auto-read-only": True,
               "discard": "unmap"}
    form = {"node-name": "libvirt-1-format", "read-only": False, "driver": "raw", "file": "libvirt-1-storage"}
    with Machine("-nodefaults", "-blockdev", json.dumps(storage), "-blockdev", json.dumps(form), "-device",
                 "ide-hd,bus=ide.0,unit=0,drive=libvirt-1-format,id=ide0-0-0,bootindex=1", "-device",
                 "ide-cd,bus=ide.1,unit=0,id=ide0-1-0") as m:
        a = Ata(m)
        assert a.dma_in(0xc8, 0, 8).status == a.dma_out(0xca, 16, run_of(16, 4)).status == a.flush().status == 0x50
        disk, cd = m.execute("query-block")
        assert (disk["device"], disk["qdev"], disk["removable"], disk["locked"], disk["io-status"]) == \
            ("", "ide0-0-0", False, False, "ok") and "tray_open" not in disk, disk
        assert (cd["device"], cd["qdev"], cd["removable"], cd["tray_open"]) == ("", "ide0-1-0", True, False), cd
        assert "inserted" not in cd
        i = disk["inserted"]
        assert (i["node-name"], i["drv"], i["ro"], i["file"]) == ("libvirt-1-format", "raw", False, discs.path("a")), i
        assert i["image"]["virtual-size"] == 100 * 2048 and i["image"]["format"] == "raw"
        nodes = {n["node-name"]: n for n in m.execute("query-named-block-nodes", flat=True)}
        assert set(nodes) == {"libvirt-1-storage", "libvirt-1-format"}
        for n in nodes.values():
            assert n["image"]["virtual-size"] == 100 * 2048
        stats = m.execute("query-blockstats")
        assert [s["qdev"] for s in stats] == ["ide0-0-0", "ide0-1-0"]
        s = stats[0]["stats"]
        assert (s["rd_bytes"], s["rd_operations"], s["wr_bytes"], s["wr_operations"]) == (4096, 1, 2048, 1), s
        assert s["flush_operations"] == 1 and s["wr_highest_offset"] == 20 * SECTOR
        for name in ("rd_total_time_ns", "wr_total_time_ns", "flush_total_time_ns"):
            assert isinstance(s[name], int)
        assert stats[0]["parent"]["stats"]["wr_highest_offset"] == 20 * SECTOR
        assert stats[0]["parent"]["node-name"] == "libvirt-1-storage"
        by_node = {n["node-name"]: n["stats"] for n in m.execute("query-blockstats", **{"query-nodes": True})}
        assert by_node["libvirt-1-storage"]["wr_highest_offset"] == 20 * SECTOR
        assert by_node["libvirt-1-format"]["wr_bytes"] == 2048
        # change-media as virsh sends it, to an empty drive and from a full one.
        for turn in range(2):
            m.execute("blockdev-open-tray", id="ide0-1-0", force=False)
            m.execute("blockdev-remove-medium", id="ide0-1-0")
            if turn:
                for node in ("libvirt-2-format", "libvirt-2-storage"):
                    m.execute("blockdev-del", **{"node-name": node})
            m.execute("blockdev-add", **{"driver": "file", "filename": discs.path("b"), "node-name": "libvirt-2-storage",
                                         "read-only": True, "auto-read-only": True, "discard": "unmap"})
            m.execute("blockdev-add", **{"node-name": "libvirt-2-format", "read-only": True, "driver": "raw",
                                         "file": "libvirt-2-storage"})
            m.execute("blockdev-insert-medium", **{"id": "ide0-1-0", "node-name": "libvirt-2-format"})
            m.execute("blockdev-close-tray", id="ide0-1-0")
            moved = m.named("DEVICE_TRAY_MOVED")[-2:]
            assert moved == [{"device": "", "id": "ide0-1-0", "tray-open": t} for t in (True, False)], moved
        drive = Drive(m)
        drive.senses()
        assert drive.read(150).data == disc_data("b", 150)


if __name__ == "__main__":
    run(sys.modules[__name__])
