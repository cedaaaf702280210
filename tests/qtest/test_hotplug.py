#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
PCI cards that come and go in the whole machine, without a vCPU: device_add, what the guest's ACPI methods do at the
hotplug registers, DEVICE_DELETED; cards in use, disks with requests under way, refusals, and no growth in
HOTPLUG_ROUNDS rounds.
"""
import contextlib
import os
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from e1000dev import E1000
from kvmdm import Machine, run
from test_virtio import IN, OUT, Disk, image
from virtiodev import Virtio
from wire import MAC, Peer, counters, frame, read_frame, until, write_frame

UP, DOWN, EJECT, REMOVABLE = 0xae00, 0xae04, 0xae08, 0xae0c
GPE = 0xafe0
ROUNDS = int(os.environ.get("HOTPLUG_ROUNDS", "1000"))
CARDS = {"e1000": 0x100e8086, "rtl8139": 0x813910ec, "pcnet": 0x20001022, "ne2k_pci": 0x802910ec,
         "virtio-net-pci": 0x10001af4, "virtio-rng-pci": 0x10051af4}


def deleted(m):
    m.execute("query-status")  # what has happened by now is told before this answer
    return [e.get("device") for e in m.named("DEVICE_DELETED")]


def let_go(m, slot):
    """As _EJ0 does it; returns when the machine has taken the card out."""
    count = len(deleted(m))
    m.outl(EJECT, 1 << slot)
    until(lambda: len(deleted(m)) > count)
    assert m.config_read(slot << 3, 0) == 0xffffffff


def error(m, command, **arguments):
    answer = m.ask(command, **arguments)
    assert "error" in answer, "%s %r was done" % (command, arguments)
    return answer["error"]["class"], answer["error"]["desc"]


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield path


def test_a_card_comes_is_used_and_goes():
    """The wire before, a card with frames both ways, the wire free again behind it; and a second time."""
    with folder() as d, Machine("-nodefaults") as m:
        for slot in (4, 4, 7):
            peer = Peer(d)
            m.execute("netdev_add", type="stream", id="n", addr={"type": "unix", "path": peer.path})
            sock = peer.accept()
            m.execute("device_add", driver="e1000", id="net0", netdev="n", bus="pci.0", addr="0x%x" % slot,
                      mac=":".join("%02x" % b for b in MAC))
            assert m.inl(UP) == 1 << slot and m.inl(DOWN) == 0
            assert m.inw(GPE) == 2
            m.outw(GPE, 2)
            card = E1000(m, slot << 3)
            until(card.link)
            card.send(frame(b"from a new card"))
            assert read_frame(sock) == frame(b"from a new card")
            write_frame(sock, frame(b"to a new card", MAC))
            assert card.wait()[14:27] == b"to a new card"
            assert counters(m)["device"] == "net0"
            m.execute("set_link", name="net0", up=True)
            assert m.execute("query-rx-filter", name="net0")[0]["main-mac"] == ":".join("%02x" % b for b in MAC)
            assert {"name": "net0", "type": "child<e1000>"} in m.execute("qom-list", path="/machine/peripheral")
            assert error(m, "netdev_del", id="n")[0] == "GenericError"
            m.execute("device_del", id="net0")
            assert m.inl(DOWN) == 1 << slot and m.inw(GPE) == 2
            card.send(frame(b"still in use"))
            assert read_frame(sock) == frame(b"still in use")
            write_frame(sock, frame(b"on the way", MAC))
            let_go(m, slot)
            assert m.inl(UP) == 0 and m.inl(DOWN) == 0
            m.outw(GPE, 2)
            event = m.named("DEVICE_DELETED")[-1]
            assert event == {"device": "net0", "path": "/machine/peripheral/net0"}, event
            assert m.read(card.bar, 4) == b"\xff" * 4
            write_frame(sock, frame(b"to nobody", MAC))
            assert not m.execute("query-netdevs")[0]["used"]
            m.execute("netdev_del", id="n")
            assert error(m, "device_del", id="net0")[0] == "DeviceNotFound"
            sock.close()
            peer.listener.close()
            os.unlink(peer.path)


def test_every_card():
    with Machine("-nodefaults", "-netdev", "hubport,id=n,hubid=0") as m:
        for driver, ident in CARDS.items():
            more = {} if driver == "virtio-rng-pci" else {"netdev": "n"}
            m.execute("device_add", driver=driver, id="card", addr="0x1f", **more)
            assert m.config_read(0xf8, 0) == ident
            assert "card" in [d["id"] for d in m.execute("query-devices")]
            assert m.execute("query-device-state", id="card")["type"] == driver
            m.config_write(0xf8, 4, 7)
            m.execute("device_del", id="/machine/peripheral/card")
            let_go(m, 31)
            assert "card" not in [d["id"] for d in m.execute("query-devices")]


def test_disk():
    """A node by blockdev-add, written through a new disk; its requests end before the card goes; blockdev-del."""
    with folder() as d, Machine("-nodefaults") as m:
        path = image(d, "disk")
        for turn in range(3):
            m.execute("blockdev-add", driver="raw", file={"driver": "file", "filename": path}, **{"node-name": "node"})
            m.execute("device_add", driver="virtio-blk-pci", id="disk0", drive="node", addr="6", serial="S%d" % turn)
            assert [b["qdev"] for b in m.execute("query-block")] == ["/machine/peripheral/disk0/virtio-backend"]
            assert error(m, "blockdev-del", **{"node-name": "node"})[0] == "GenericError"
            assert "in use" in error(m, "device_add", driver="virtio-blk-pci", id="x", drive="node")[1]
            disk = Disk(m, 6 << 3)
            disk.start()
            text = bytes([turn + 1]) * 4096
            assert disk.request(OUT, 100, text) == (0, b"")
            assert disk.request(IN, 100, room=4096) == (0, text)
            # Writes whose completions nobody waits for.
            for i in range(20):
                at = disk.data + 0x200000 + i * 8192
                m.write(at, struct.pack("<IIQ", OUT, 0, 1000 + i * 8) + bytes([turn + 64]) * 4096)
                disk.queues[0].add((at, 16 + 4096, False), (at + 8000, 1, True))
            m.execute("device_del", id="disk0")
            let_go(m, 6)
            with open(path, "rb") as f:
                f.seek(1000 * 512)
                assert f.read(20 * 4096) == bytes([turn + 64]) * 20 * 4096
            assert m.execute("query-block") == []
            m.execute("blockdev-del", **{"node-name": "node"})
            assert m.execute("query-named-block-nodes") == []


def test_disk_that_does_not_answer():
    """A host that needs 4 s: the card goes without, nothing comes late into the guest's memory by way of it."""
    with Machine("-nodefaults") as m:
        m.execute("blockdev-add", driver="null-co", size=1 << 20,
                  **{"node-name": "slow", "latency-ns": 4_000_000_000, "read-zeroes": True})
        m.execute("device_add", driver="virtio-blk-pci", id="disk0", drive="slow", addr="6")
        disk = Disk(m, 6 << 3)
        disk.start()
        at = disk.data
        m.write(at, struct.pack("<IIQ", IN, 0, 0))
        m.write(at + 0x1000, b"\xee" * 513)
        disk.queues[0].add((at, 16, False), (at + 0x1000, 512, True), (at + 0x1200, 1, True))
        used = m.read(disk.queues[0].used, 4)
        m.execute("device_del", id="disk0")
        let_go(m, 6)
        m.alive()
        time.sleep(5)  # its time has come: nobody is there
        assert m.read(disk.queues[0].used, 4) == used and m.read(at + 0x1200, 1) == b"\xee"
        m.alive()


def test_drive_goes_with_its_device():
    """-drive and -device from the start: removable too; a -drive does not outlive its device."""
    with folder() as d:
        path = image(d, "disk")
        with Machine("-nodefaults", "-drive", "if=none,id=d,format=raw,file=" + path, "-device",
                     "virtio-blk-pci,drive=d,id=disk0,addr=9", "-netdev", "hubport,id=n,hubid=0", "-device",
                     "rtl8139,netdev=n,addr=10", "-drive", "if=none,id=spare,format=raw,file=" + image(d, "spare")) as m:
            assert m.inl(UP) == 0 and m.inl(REMOVABLE) == 0xfffffffc
            assert "in use" in error(m, "device_add", driver="virtio-blk-pci", drive="d")[1]
            m.execute("device_del", id="disk0")
            let_go(m, 9)
            assert [b["device"] for b in m.execute("query-block")] == ["spare"]
            m.execute("blockdev-add", driver="raw", file={"driver": "file", "filename": path}, **{"node-name": "again"})
            m.execute("device_del", id="/machine/peripheral-anon/device[0]")
            let_go(m, 16)
            assert m.named("DEVICE_DELETED")[-1] == {"path": "/machine/peripheral-anon/device[0]"}
            m.execute("netdev_del", id="n")
            m.execute("device_add", driver="virtio-blk-pci", drive="spare", addr="9", id="other")
            m.execute("system_reset")
            assert m.config_read(9 << 3, 0) == 0x10011af4


def test_refusals():
    """By QEMU's classes and words; and what was refused has left nothing behind."""
    with folder() as d, Machine("-netdev", "hubport,id=n,hubid=0", "-netdev", "hubport,id=busy,hubid=0", "-device",
                                "e1000,netdev=busy,id=net0,addr=5,mac=52:54:00:00:00:09,bootindex=1", "-drive",
                                "if=none,id=cd,media=cdrom,format=raw,file=" + image(d, "cd")) as m:
        devices = m.execute("query-devices")
        for words, arguments in (
                ("'e1001' is not a valid device model name", {"driver": "e1001"}),
                ("Bus 'ide.0' does not support hotplugging", {"driver": "ide-hd", "drive": "x"}),
                ("Bus 'ide.1' does not support hotplugging", {"driver": "ide-cd", "bus": "ide.1"}),
                ("Bus 'isa.0' does not support hotplugging", {"driver": "isa-serial"}),
                ("Bus 'isa.0' does not support hotplugging", {"driver": "ne2k_isa", "netdev": "n"}),
                ("Bus 'floppy-bus.0' does not support hotplugging", {"driver": "floppy"}),
                ("expects a pluggable device type", {"driver": "VGA"}),
                ("expects a pluggable device type", {"driver": "cmd646-ide"}),
                ("expects a pluggable device type", {"driver": "PIIX4_PM"}),
                ("Duplicate device ID 'net0'", {"driver": "e1000", "id": "net0", "netdev": "n"}),
                ("there is no -netdev 'nope'", {"driver": "e1000", "netdev": "nope"}),
                ("'busy' is in use", {"driver": "e1000", "netdev": "busy"}),
                ("in use by PIIX3", {"driver": "e1000", "addr": "1", "netdev": "n"}),
                ("in use by e1000,id=net0", {"driver": "rtl8139", "addr": "0x5", "netdev": "n"}),
                ("is not a slot", {"driver": "e1000", "addr": "32", "netdev": "n"}),
                ("is not a slot", {"driver": "virtio-rng-pci", "addr": "7.1"}),
                ("only pci.0", {"driver": "e1000", "bus": "pci.1", "netdev": "n"}),
                ("another card has the address", {"driver": "e1000", "mac": "52:54:00:00:00:09", "netdev": "n"}),
                ("multicast", {"driver": "e1000", "mac": "53:54:00:00:00:09", "netdev": "n"}),
                ("six bytes", {"driver": "e1000", "mac": "x", "netdev": "n"}),
                ("unknown", {"driver": "e1000", "colour": "red", "netdev": "n"}),
                ("begins with a letter", {"driver": "e1000", "id": "0", "netdev": "n"}),
                ("bootindex=first", {"driver": "e1000", "bootindex": "first", "netdev": "n"}),
                ("bootindex 1 has already been used", {"driver": "e1000", "bootindex": 1, "netdev": "n"}),
                ("romfile=/nowhere", {"driver": "e1000", "romfile": "/nowhere", "netdev": "n"}),
                ("drive property not set", {"driver": "virtio-blk-pci"}),
                ("can't find value 'x'", {"driver": "virtio-blk-pci", "drive": "x"}),
                ("that is a CD", {"driver": "virtio-blk-pci", "drive": "cd"}),
                ("no transport", {"driver": "virtio-rng-pci", "disable-legacy": "on", "disable-modern": "on"})):
            kind, text = error(m, "device_add", **arguments)
            assert kind == "GenericError" and words in text, (arguments, kind, text)
        assert m.execute("query-devices") == devices
        assert m.inl(UP) == 0
        for name, kind, words in (("nope", "DeviceNotFound", "Device 'nope' not found"),
                                  ("i440fx", "DeviceNotFound", "not found")):
            answer = error(m, "device_del", id=name)
            assert answer[0] == kind and words in answer[1], answer
        m.execute("device_add", driver="e1000", netdev="n", id="net1")  # and what they named is free
        m.execute("device_del", id="net1")
        m.execute("device_del", id="net1")
        m.execute("system_reset")
        assert deleted(m) == ["net1"]
        m.execute("netdev_del", id="n")
    with Machine("-device", "VGA,id=screen", "-device", "isa-debug-exit,id=port", "-vga", "none") as m:
        assert error(m, "device_del", id="screen")[1] == "Device 'screen' does not support hotplugging"
        assert error(m, "device_del", id="port")[1] == "Bus 'isa.0' does not support hotplugging"
        assert m.inl(REMOVABLE) == 0xfffffff8
    with Machine("-M", "isapc") as m:
        assert "No 'PCI' bus" in error(m, "device_add", driver="e1000")[1]
        assert m.inl(UP) == 0xffffffff
        m.execute("system_reset")


def test_full_bus():
    """Cards until no slot is left; each has its ROM; then one goes, and there is room for one."""
    with Machine("-nodefaults", "-vga", "none") as m:
        count = 0
        while "return" in (answer := m.ask("device_add", driver="e1000", id="c%d" % count)):
            count += 1
        assert count == 30 and "no free slot" in answer["error"]["desc"], (count, answer)
        macs = set()
        for slot in range(2, 32):
            m.config_write(slot << 3, 0x10, 0xfe000000 + (slot << 17))
            m.config_write(slot << 3, 4, 2)
            macs.add(m.read(0xfe000000 + (slot << 17) + 0x5400, 6))
        assert len(macs) == 30, macs
        m.execute("device_del", id="c7")
        let_go(m, 9)
        m.execute("device_add", driver="rtl8139")
        assert m.config_read(9 << 3, 0) == CARDS["rtl8139"]
        m.execute("system_reset")
        assert "no free slot" in m.ask("device_add", driver="e1000")["error"]["desc"]


def boot_order(m):
    """As firmware reads it."""
    m.outw(0x510, 0x19)
    data = bytes(m.inb(0x511) for _ in range(4))
    for _ in range(struct.unpack(">I", data)[0]):
        entry = bytes(m.inb(0x511) for _ in range(64))
        size, select = struct.unpack(">IH", entry[:6])
        if entry[8:].split(b"\0")[0] == b"bootorder":
            m.outw(0x510, select)
            return bytes(m.inb(0x511) for _ in range(size)).rstrip(b"\0").decode().split("\n")
    return None


def test_boot_order():
    """What comes with a bootindex is in the order from the next reset, and leaves it when it has gone."""
    with Machine("-nodefaults", "-device", "e1000,id=a,addr=4,bootindex=2") as m:
        first = boot_order(m)
        assert first == ["/pci@i0cf8/ethernet@4/ethernet-phy@0"], first
        m.execute("device_add", driver="e1000", id="b", addr="5", bootindex="1")
        assert boot_order(m) == first
        m.execute("system_reset")
        assert boot_order(m) == ["/pci@i0cf8/ethernet@5/ethernet-phy@0", *first], boot_order(m)
        m.execute("device_del", id="a")
        let_go(m, 4)
        m.execute("device_add", driver="pcnet", id="c", addr="4", bootindex=2)
        m.execute("device_del", id="b")
        m.execute("device_del", id="c")
        m.execute("system_reset")
        assert sorted(deleted(m)) == ["a", "b", "c"]
        assert boot_order(m) == [""]


def test_reset_and_stop():
    """What the guest has not let go goes with a reset, before anybody reads the bus; a stopped VM is no other."""
    with Machine("-nodefaults") as m:
        m.execute("device_add", driver="e1000", id="a", addr="4")
        m.execute("stop")
        m.execute("device_add", driver="e1000", id="b", addr="5")
        m.execute("device_del", id="a")
        assert deleted(m) == []
        m.execute("system_reset")
        assert deleted(m) == ["a"]
        assert [e["event"] for e in m.events][-2:] == ["DEVICE_DELETED", "RESET"]
        assert m.inl(UP) == 0 and m.inl(DOWN) == 0 and m.config_read(0x28, 0) == CARDS["e1000"]
        m.execute("cont")
        m.outl(EJECT, 1 << 5)  # without having been asked
        until(lambda: deleted(m) == ["a", "b"])


def test_hostile_guest():
    """Ejections of all slots, of nothing, again and again: what may not go stays."""
    with Machine("-vga", "std", "-netdev", "hubport,id=n,hubid=0", "-device", "e1000,netdev=n,addr=4") as m:
        before = {d["id"] for d in m.execute("query-devices")}
        for i in range(200):
            m.cmds(["outl 0x%x 0x%x" % (EJECT, 1 << (i + j) % 32) for j in range(32)] +
                   ["outl 0xae08 0xffffffff", "outw 0xae08 0xffff", "outb 0xae0b 0xff", "outl 0xae00 0x10",
                    "outl 0xae0c 0", "outl 0xae08 0"])
        until(lambda: m.execute("query-netdevs")[0]["used"] is False)
        assert before - {d["id"] for d in m.execute("query-devices")} == {"e1000.0"}
        m.execute("device_add", driver="e1000", netdev="n", id="again")
        m.alive()


def test_human_monitor():
    def hmp(line):
        return m.execute("human-monitor-command", **{"command-line": line})

    with Machine("-nodefaults") as m:
        assert hmp("netdev_add hubport,id=n,hubid=3") == ""
        assert hmp("device_add rtl8139,id=card,netdev=n,rombar=0,addr=0x8") == ""
        assert m.config_read(0x40, 0) == CARDS["rtl8139"]
        assert "Duplicate device ID 'card'" in hmp("device_add rtl8139,id=card")
        assert "'nope' is not a valid device model name" in hmp("device_add nope")
        assert "driver" in hmp("device_add id=x")
        assert "uses it" in hmp("netdev_del n")
        assert "'id' is missing" in hmp("netdev_add hubport,hubid=4")
        assert hmp("device_del card") == ""
        let_go(m, 8)
        assert hmp("netdev_del n") == ""
        assert "not found" in hmp("device_del card")
        assert "device_del ID" in hmp("help")


def use(m, driver):
    """Enough that timers, maps and queues of the card have been at work."""
    if driver == "e1000":
        E1000(m, 0x28).send(frame(b"x"))
    elif driver.startswith("virtio-net"):
        Virtio(m, 0x28).start(2)
    elif driver == "virtio-blk-pci":
        disk = Disk(m, 0x28)
        disk.start()
        assert disk.request(IN, 0, room=512)[0] == 0
    else:
        m.config_write(0x28, 0x10, 0xc001)
        m.config_write(0x28, 4, 7)


def test_no_growth():
    """Add, use and remove by turns, all kinds: no memory, no descriptor more than after the first rounds."""
    with folder() as d, Machine("-nodefaults") as m:
        path, kinds = image(d, "disk"), [*CARDS, "virtio-blk-pci"]
        for i in range(ROUNDS):
            driver, more = kinds[i % len(kinds)], {}
            if driver == "virtio-blk-pci":
                m.execute("blockdev-add", driver="raw", file={"driver": "file", "filename": path}, **{"node-name": "d"})
                more["drive"] = "d"
            elif driver != "virtio-rng-pci":
                m.execute("netdev_add", type="hubport", id="n", hubid=0)
                more["netdev"] = "n"
            m.execute("device_add", driver=driver, id="card", addr="5", **more)
            use(m, driver)
            if i % 3:
                m.execute("device_del", id="card")
            if i % 3 == 2:
                m.execute("system_reset")
            else:
                let_go(m, 5)
            if "drive" in more:
                m.execute("blockdev-del", **{"node-name": "d"})
            elif "netdev" in more:
                m.execute("netdev_del", id="n")
            m.events.clear()
            if i == 8 * len(kinds):
                rss, fds = m.rss_kib(), m.fds()
        grown = m.rss_kib() - rss
        assert m.fds() <= fds, (m.fds(), fds)
        assert grown < 2048, "%d KiB more after %d rounds" % (grown, ROUNDS)
        print("%d rounds, %+d KiB" % (ROUNDS, grown), end=" ")


if __name__ == "__main__":
    run(sys.modules[__name__])
