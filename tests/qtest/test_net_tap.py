#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps, bridges and passt with the host's own tools, in a network namespace that ends with this test: the kernel's
stack, dnsmasq, tcpdump, qemu-bridge-helper, passt."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from e1000dev import E1000
from kvmdm import KVM_DM, Machine, run
from wire import BROADCAST, MAC, checksum, counters, dhcp, dhcp_options, frame, is_udp, udp, until

HELPER = "/usr/lib/qemu/qemu-bridge-helper"
CARD = ["-device", "e1000,netdev=n,id=net0,addr=3,romfile="]
GUEST = bytes([10, 77, 0, 9])
HOST = bytes([10, 77, 0, 1])


def sh(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    assert done.returncode == 0, (words, done.stdout.decode())
    return done.stdout.decode()


def address_of(interface):
    words = sh("ip", "-o", "link", "show", interface).split()
    return bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))


def interfaces():
    return {line.split(":")[1].strip().split("@")[0] for line in sh("ip", "-o", "link").splitlines()}


def configure(interface, address="10.77.0.1/24"):
    sh("sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % interface)  # no frames but ours
    sh("ip", "addr", "add", address, "dev", interface)
    sh("ip", "link", "set", interface, "up")


def know_guest(interface):
    sh("ip", "neigh", "replace", "10.77.0.9", "lladdr", MAC.hex(":"), "dev", interface)


class Program:
    """A daemon of the host for as long as the block lasts."""

    def __init__(self, *words):
        self.words = words

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.said = self.process.communicate(timeout=20)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.said = self.process.communicate()[0].decode(errors="replace")
        if exc[0] is not None:
            print(self.words[0], "said:", self.said[-2000:])


def packet_socket(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x88b5 << 8 & 0xff00 | 0x88b5 >> 8)
    sock.bind((interface, 0x88b5))
    sock.settimeout(10)
    return sock


def both_ways(m, interface, sizes=(46, 47, 500, 1500)):
    sock = packet_socket(interface)
    card = E1000(m)
    for n in sizes:
        data = frame(os.urandom(n))
        card.send(data)
        assert sock.recv(65536) == data
        answer = frame(os.urandom(n), MAC)
        sock.send(answer)
        assert card.wait(lambda f: f[12:14] == b"\x88\xb5") == answer
    sock.close()
    return card


def udp_is_right(data):
    """Its checksum is that of its bytes, not left to somebody else."""
    length = struct.unpack(">H", data[38:40])[0]
    pseudo = data[26:34] + struct.pack(">HH", 17, length)
    return data[40:42] != b"\0\0" and checksum(pseudo + data[34:34 + length]) == 0 and checksum(data[14:34]) == 0


def test_frames():
    """With and without the kernel's offload header; the interface is gone with the process."""
    for vnet in ("", ",vnet_hdr=on", ",vnet_hdr=off", ",sndbuf=0"):
        with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no" + vnet, *CARD) as m:
            configure("tapx")
            sh("ip", "link", "set", "tapx", "mtu", "9000")
            both_ways(m, "tapx", (46, 47, 500, 1500, 8000))
        assert "tapx" not in interfaces()


def test_kernel_stack():
    """UDP to and from a socket of the host: the kernel's checksums are whole where the card takes none undone."""
    with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no", *CARD) as m:
        configure("tapx")
        know_guest("tapx")
        card = E1000(m)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("10.77.0.1", 5000))
            sock.settimeout(10)
            for n in (1, 2, 100, 1471, 1472):
                data = os.urandom(n)
                card.send(udp(address_of("tapx"), GUEST, HOST, 6000, 5000, data))
                assert sock.recvfrom(65536) == (data, ("10.77.0.9", 6000))
                sock.sendto(data, ("10.77.0.9", 6000))
                got = card.wait(lambda f: is_udp(f, 6000))
                assert got[42:42 + n] == data and udp_is_right(got), got.hex()
            data = os.urandom(60000)  # fragmented by the kernel
            sock.sendto(data, ("10.77.0.9", 6000))
            parts = {}
            while sum(map(len, parts.values())) < 60008:
                got = card.wait(lambda f: f[12:14] == b"\x08\x00" and f[23] == 17)
                where = (struct.unpack(">H", got[20:22])[0] & 0x1fff) * 8
                parts[where] = got[34:14 + struct.unpack(">H", got[16:18])[0]]
            assert b"".join(parts[k] for k in sorted(parts))[8:] == data


def test_dnsmasq():
    """An address by DHCP and a file by TFTP from a server that is none of ours."""
    if not shutil.which("dnsmasq"):
        print("(no dnsmasq)", end=" ")
        return
    with tempfile.TemporaryDirectory() as folder, \
            Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no", *CARD) as m:
        os.chmod(folder, 0o755)
        content = os.urandom(2000)
        with open(os.path.join(folder, "image"), "wb") as f:
            f.write(content)
        os.chmod(os.path.join(folder, "image"), 0o644)
        configure("tapx")
        with Program("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=tapx",
                     "--bind-interfaces", "--dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0", "--enable-tftp",
                     "--tftp-root=" + folder, "--dhcp-boot=image", "--user=root", "--group=root", "--no-ping",
                     "--dhcp-leasefile=" + os.path.join(folder, "leases"), "--pid-file="):
            card = E1000(m)
            end = time.monotonic() + 20
            offer = None
            while not offer and time.monotonic() < end:  # until the server is up
                card.send(udp(BROADCAST, bytes(4), b"\xff" * 4, 68, 67, dhcp(1)))
                try:
                    offer = card.wait(lambda f: is_udp(f, 68), 1)
                except AssertionError:
                    pass
            me = offer[42 + 16:42 + 20]
            assert me[:3] == GUEST[:3] and 50 <= me[3] <= 60 and udp_is_right(offer)
            assert dhcp_options(offer[42:])[53] == b"\2" and b"image" in offer
            card.send(udp(BROADCAST, bytes(4), b"\xff" * 4, 68, 67,
                          dhcp(3, b"\x32\x04" + me, b"\x36\x04" + HOST)))
            assert dhcp_options(card.wait(lambda f: is_udp(f, 68))[42:])[53] == b"\5"
            sh("ip", "neigh", "replace", socket.inet_ntoa(me), "lladdr", MAC.hex(":"), "dev", "tapx")
            card.send(udp(address_of("tapx"), me, HOST, 2000, 69, b"\0\1image\0octet\0"))
            got, block = b"", 1
            while len(got) == (block - 1) * 512:
                data = card.wait(lambda f: is_udp(f, 2000))
                assert data[42:46] == struct.pack(">HH", 3, block) and udp_is_right(data)
                got += data[46:34 + struct.unpack(">H", data[38:40])[0]]
                card.send(udp(address_of("tapx"), me, HOST, 2000, struct.unpack(">H", data[34:36])[0],
                              struct.pack(">HH", 4, block)))
                block += 1
            assert got == content


def test_capture_is_readable():
    """tcpdump reads the capture, and has seen the same frames on the interface."""
    if not shutil.which("tcpdump"):
        print("(no tcpdump)", end=" ")
        return
    with tempfile.TemporaryDirectory() as folder:
        path, seen = os.path.join(folder, "x.pcap"), os.path.join(folder, "seen.pcap")
        with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no",
                     "-object", "filter-dump,id=f,netdev=n,file=" + path, *CARD) as m:
            configure("tapx")
            with Program("tcpdump", "-i", "tapx", "-w", seen, "--immediate-mode", "-U", "-Z", "root") as program:
                while b"listening" not in program.process.stdout.readline():
                    assert program.process.poll() is None
                both_ways(m, "tapx")
                until(lambda: os.path.getsize(seen) >= 24 + 8 * 16 + 2 * (60 + 61 + 514 + 1514))
        texts = []
        for name in (path, seen):
            lines = subprocess.run(["tcpdump", "-r", name, "-e", "-t", "-n", "-XX"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, check=True).stdout.decode()
            texts.append(lines)
        assert texts[0] == texts[1] and texts[0].count("ethertype") == 8, texts


def test_scripts():
    """script= runs before the guest, downscript= at the end; one that fails is an error with its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        up, down, log = (os.path.join(folder, n) for n in ("up", "down", "log"))
        for path in (up, down):
            with open(path, "w") as f:
                f.write("#!/bin/sh\necho %s $1 >> %s\nip link set $1 up\nls /proc/self/fd | wc -l >> %s\n"
                        % (os.path.basename(path), log, log))
            os.chmod(path, 0o755)
        with Machine("-netdev", "tap,id=n,ifname=tapy,script=%s,downscript=%s" % (up, down), *CARD) as m:
            with open(log) as f:
                assert f.read().split()[:2] == ["up", "tapy"]
            info = counters(m)["info"]
            assert "ifname=tapy" in info and up in info, info
        with open(log) as f:
            words = f.read().split()
        assert words[0:2] == ["up", "tapy"] and words[3:5] == ["down", "tapy"], words
        assert int(words[2]) <= 5, words  # no descriptor of ours is in the script
        with open(up, "w") as f:
            f.write("#!/bin/sh\nexit 7\n")
        done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", "-netdev", "tap,id=n,script=" + up],
                              stderr=subprocess.PIPE, check=False, timeout=20)
        assert done.returncode == 1 and b"exit code 7" in done.stderr, done


def test_passed_descriptors():
    """fd= and fds= as libvirt passes them: taps that the parent has opened, with several queues."""
    import fcntl
    fds = []
    for _ in range(3):
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tapz", 0x0002 | 0x1000 | 0x4000 | 0x0100))
        os.set_inheritable(fd, True)
        fds.append(fd)
    with Machine("-netdev", "tap,id=n,fds=" + ":".join(map(str, fds)), *CARD, pass_fds=fds) as m:
        assert counters(m)["queues"] == 3
        configure("tapz")
    for fd in fds:
        os.close(fd)
    with Machine("-netdev", "tap,id=n,ifname=tapq,script=no,downscript=no,queues=4", *CARD) as m:
        assert counters(m)["queues"] == 4
        configure("tapq")
        card = both_ways(m, "tapq", (100,))
        know_guest("tapq")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for port in range(6000, 6030):  # whichever queue the kernel would choose: the card has one
                sock.sendto(b"x", ("10.77.0.9", port))
                card.wait(lambda f: is_udp(f, port))


def test_interface_trouble():
    """Down, up, gone, and a flood while the guest does not look: the guest loses frames, nobody hangs."""
    with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no", *CARD) as m:
        card = E1000(m)
        card.send(frame(b"the interface is down"))
        until(card.sent)
        configure("tapx")
        card = both_ways(m, "tapx")
        sock = packet_socket("tapx")
        before = m.rss_kib()
        for i in range(5000):
            try:
                sock.send(frame(struct.pack(">I", i) + bytes(1000), MAC))
            except OSError:
                pass
        m.alive()
        assert m.rss_kib() - before < 4096
        for _ in range(63):
            card.wait(lambda f: f[12:14] == b"\x88\xb5")
        while card.poll() is not None:
            pass
        until(lambda: card.poll() is None)
        sock.send(frame(b"after the flood", MAC))
        card.wait(lambda f: f[14:29] == b"after the flood")
        for i in range(3):
            m.execute("set_link", name="net0", up=False)
            sock.send(frame(b"lost", MAC))
            m.execute("set_link", name="net0", up=True)
        until(card.link)
        card.start()
        sock.send(frame(b"after the flap", MAC))
        card.wait(lambda f: f[14:28] == b"after the flap")
        sock.close()
        sh("ip", "link", "del", "tapx")
        until(lambda: not counters(m)["link"])
        card.send(frame(b"into nothing"))
        m.alive()
    assert "gone" in m.stderr, m.stderr


def lay_over_etc(folder):
    """An /etc of this mount namespace's own; False: it cannot be had."""
    for words in (["mount", "-t", "tmpfs", "none", folder], ["mkdir", folder + "/upper", folder + "/work"],
                  ["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/etc,upperdir=%s/upper,workdir=%s/work"
                   % (folder, folder), "/etc"]):
        if subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode:
            return False
    return True


def over_bridge(options):
    with Machine("-netdev", options, *CARD) as m:
        know_guest("brx")
        card = E1000(m)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("10.77.0.1", 5000))
            sock.settimeout(10)
            card.send(udp(address_of("brx"), GUEST, HOST, 6000, 5000, b"over the bridge"))
            assert sock.recvfrom(100) == (b"over the bridge", ("10.77.0.9", 6000))
            sock.sendto(b"back", ("10.77.0.9", 6000))
            assert udp_is_right(card.wait(lambda f: is_udp(f, 6000)))


def test_bridge_helper():
    """Debian's helper makes the interface on a bridge that /etc/qemu/bridge.conf allows."""
    if not os.access(HELPER, os.X_OK):
        print("(no qemu-bridge-helper)", end=" ")
        return
    with tempfile.TemporaryDirectory() as folder:
        if not lay_over_etc(folder):
            print("(no overlay can be mounted)", end=" ")
        else:
            os.makedirs("/etc/qemu", exist_ok=True)
            sh("ip", "link", "add", "brx", "type", "bridge")
            configure("brx")
            with open("/etc/qemu/bridge.conf", "w") as f:
                f.write("deny all\n")
            done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", "-netdev", "bridge,id=n,br=brx"],
                                  stderr=subprocess.PIPE, check=False, timeout=20)
            assert done.returncode == 1 and b"bridge.conf has to allow it" in done.stderr, done
            with open("/etc/qemu/bridge.conf", "w") as f:
                f.write("allow brx\n")
            over_bridge("bridge,id=n,br=brx")
            over_bridge("tap,id=n,br=brx,helper=" + HELPER)
            sh("ip", "link", "del", "brx")
            sh("umount", "/etc")
        subprocess.run(["umount", folder], stderr=subprocess.DEVNULL, check=False)


def test_passt():
    """passt at the other end of a stream: an address by DHCP, without any rights of ours."""
    if not shutil.which("passt"):
        print("(no passt)", end=" ")
        return
    sh("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    configure("up0", "10.99.0.5/24")
    sh("ip", "link", "set", "up1", "up")
    sh("ip", "route", "add", "default", "via", "10.99.0.1")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = os.path.join(folder, "passt.sock")
        with Program("passt", "--foreground", "--socket", path, "--ipv4-only", "--stderr") as program:
            end = time.monotonic() + 10
            while not os.path.exists(path) and time.monotonic() < end and program.process.poll() is None:
                time.sleep(0.05)
            if not os.path.exists(path):
                print("(passt does not start here)", end=" ")
            else:
                with Machine("-netdev", "stream,id=n,server=off,reconnect=1,addr.type=unix,addr.path=" + path,
                             *CARD) as m:
                    card = E1000(m)
                    until(card.link)
                    card.start()
                    card.send(udp(BROADCAST, bytes(4), b"\xff" * 4, 68, 67, dhcp(1)))
                    offer = card.wait(lambda f: is_udp(f, 68))
                    assert offer[42 + 16:42 + 20] == bytes([10, 99, 0, 5]), offer.hex()
    sh("ip", "link", "del", "up0")


def enter_namespace(script=__file__):
    """Once more, in a namespace of its own; as root, or as the user of a user namespace."""
    if os.environ.get("NET_TAP_INSIDE"):
        return
    flags = ["--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    reason = None
    if not shutil.which("ip") or not shutil.which("unshare"):
        reason = "no iproute2 or util-linux"
    elif subprocess.run(["unshare", *flags, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        reason = "no network namespace can be made here"
    elif subprocess.run(["unshare", *flags, "ip", "tuntap", "add", "t0", "mode", "tap"], stderr=subprocess.DEVNULL,
                        check=False).returncode:
        reason = "no tap can be made here"
    elif b'"e1000"' not in subprocess.run([KVM_DM, "-device", "help"], stdout=subprocess.PIPE, check=True).stdout:
        reason = "this kvm-dm has no e1000"
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    os.environ["NET_TAP_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", *flags, sys.executable, os.path.abspath(script)])


if __name__ == "__main__":
    enter_namespace()
    sh("ip", "link", "set", "lo", "up")
    run(sys.modules["__main__"])
