# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: Linux with a network card on the tap tap0. When the guest (net.inner) asks for it, the cable is
pulled by QMP, the other end takes longer frames, or frames with several destinations are sent.
Arguments: kernel, initramfs, command line, card.
"""
import socket
import subprocess
import sys

import asks
from vmtest import done

KERNEL, INITRD, APPEND, CARD = sys.argv[1:]
PARAMETERS = dict(word.split("=", 1) for word in APPEND.split() if word.startswith("net."))
OWN = "52:54:00:01:02:03"
# In another place than "joined" in all cards' hash tables, as the groups that Linux itself joins are.
FRAMES = [("own", OWN), ("all", "ff:ff:ff:ff:ff:ff"), ("joined", "01:00:5e:0a:0b:0c"),
          ("other-group", "01:00:5e:0a:0b:0d"), ("other-card", "52:54:00:0a:0b:0c"), ("end", "ff:ff:ff:ff:ff:ff")]
FRAME_TYPE = 0x88b5


def set_mtu(mtu):
    subprocess.run(["ip", "link", "set", "tap0", "mtu", mtu], check=True)


def send_frames(vm):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("tap0", 0))
        for name, destination in FRAMES:
            header = bytes.fromhex(destination.replace(":", "")) + bytes.fromhex("020000000001")
            s.send((header + FRAME_TYPE.to_bytes(2, "big") + name.encode()).ljust(60, b"\0"))


ACTIONS = {
    "jumbo": lambda vm: set_mtu(PARAMETERS["net.mtu"]),
    "plain": lambda vm: set_mtu("1500"),
    "pull": lambda vm: vm.qmp("set_link", name="net0", up=False),
    "plug": lambda vm: vm.qmp("set_link", name="net0", up=True),
    "frames": send_frames,
}

queues = ",queues=2" if "mq=on" in CARD else ""
asks.run(["-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND, "-smp", "2" if queues else "1",
          "-netdev", f"tap,id=wire,ifname=tap0,script=no,downscript=no{queues}",
          "-device", f"{CARD},netdev=wire,id=net0,mac={OWN}" + ("" if "isa" in CARD else ",romfile=")], ACTIONS)
done("done")
