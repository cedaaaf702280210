# SPDX-License-Identifier: GPL-2.0-or-later
"""
An unmodified libvirt (virsh with the embedded driver: no daemon, nothing outside a directory of this test's own)
defines and drives a domain whose <emulator> is kvm-dm, with a guest that really runs: SeaBIOS, and a boot sector
that says what it sees, also of cards that are attached and detached.
"""
import atexit
import glob
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

from vmtest import EMULATOR, GUESTS, check, done, fail, need_file, need_kvm, skip, tmp

XML = """
<domain type='kvm'>
  <name>button</name>
  <uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='forbid'>kvm64</model><feature policy='disable' name='syscall'/>
  </cpu>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{emulator}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{dir}/a.img'/><target dev='hda' bus='ide'/><serial>SER-A</serial>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{dir}/b.qcow2'/><target dev='hdb' bus='ide'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/><source file='{dir}/c.iso'/><target dev='hdc' bus='ide'/><readonly/>
    </disk>
    <controller type='usb' model='none'/>
    <memballoon model='virtio' autodeflate='on' freePageReporting='on'><stats period='2'/></memballoon>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <console type='pty'><target type='virtio' port='1'/></console>
    <serial type='file'><source path='{dir}/serial.log'/><target port='0'/></serial>
    <serial type='pty'><target port='1'/></serial>
    <serial type='unix'><source mode='bind' path='{dir}/serial.sock'/><target port='2'/></serial>
    <watchdog model='ib700' action='pause'/>
    <panic model='isa'/>
    <video><model type='vga'/></video>
    <graphics type='vnc' port='-1' listen='127.0.0.1' passwd='secret'/>
    <interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000'/></interface>
  </devices>
</domain>
"""
SETTINGS = """
user = "root"
group = "root"
remember_owner = 0
namespaces = []
cgroup_controllers = []
security_driver = "none"
stdio_handler = "file"
"""
PROMPT = "virsh # "


class Virsh:
    """One virsh process that is told one command after the other, as a person would."""

    def __init__(self, root):
        self.process = subprocess.Popen(["virsh", "-c", "qemu:///embed?root=" + root], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.number = 0

    def ask(self, command, timeout=120):
        """What virsh says to a command; the end is known by an echo behind it."""
        self.number += 1
        mark = "end-of-%d" % self.number
        self.process.stdin.write(("%s\necho %s\n" % (command, mark)).encode())
        got = b""
        end = time.monotonic() + timeout
        while ("\n" + mark + "\n").encode() not in got.replace(b"\r", b""):
            if time.monotonic() > end:
                fail("virsh does not answer '%s': %r" % (command, got))
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                fail("virsh ended at '%s': %r" % (command, got))
            got += more
        text = got.decode(errors="replace").replace(PROMPT, "\n")
        lines = [l for l in text.split("\n") if not re.match(r"^\d{4}-\d\d-\d\d .*: (info|warning) :", l) and mark not in l and
                 l.strip() not in ("", command)]
        return "\n".join(lines)

    def ok(self, command, words="", timeout=120):
        said = self.ask(command, timeout)
        check("error:" not in said and words in said, "%s: %s" % (command, said[-300:].replace("\n", " | ")))
        return said

    def refused(self, command, words):
        said = self.ask(command)
        check("error:" in said and words in said, "%s: %s" % (command, said[-300:].replace("\n", " | ")))


def needs():
    need_kvm()
    need_file(os.path.join(GUESTS, "rom", "button.bin"), "none: make")
    if os.geteuid():
        skip("libvirt's embedded driver is tried as root only")
    for tool, package in (("virsh", "libvirt-clients"), ("qemu-img", "qemu-utils"), ("genisoimage", "genisoimage")):
        if not shutil.which(tool):
            skip("no %s here (Debian package %s)" % (tool, package))
    if not os.path.exists("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so"):
        skip("libvirt has no driver for QEMU here (Debian package libvirt-daemon-driver-qemu)")
    try:
        pwd.getpwnam("libvirt-qemu")
    except KeyError:
        skip("there is no user libvirt-qemu (Debian package libvirt-daemon-system)")


def has_bridge():
    """libvirt.sh has put us into a network namespace: a bridge there for attach-interface."""
    if os.environ.get("IN_NAMESPACE") != "1" or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
        print("no network namespace: a card on a bridge is left out")
        return False
    return all(subprocess.run(["ip", "link", *words.split()]).returncode == 0
               for words in ("set lo up", "add bridge0 type bridge", "set bridge0 up"))


def on_bridge():
    return subprocess.run(["ip", "-o", "link", "show", "master", "bridge0"], capture_output=True, check=True).stdout


def make_files():
    d = tmp("files")
    os.mkdir(d)
    shutil.copy(os.path.join(GUESTS, "rom", "button.bin"), d + "/a.img")
    os.truncate(d + "/a.img", 4 << 20)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", d + "/b.qcow2", "16M"], check=True)
    os.mkdir(d + "/cd")
    with open(d + "/cd/file", "w") as f:
        f.write("on a CD\n")
    for name in ("c.iso", "d.iso"):
        subprocess.run(["genisoimage", "-quiet", "-V", name[0].upper(), "-o", d + "/" + name, d + "/cd"], check=True)
    with open(d + "/f.img", "wb") as f:
        f.truncate(1 << 20)
    # A copy: libvirt knows an emulator by its file, and asks it anew when that has changed.
    shutil.copy(EMULATOR, d + "/kvm-dm")
    return d


def wait_serial(d, text, timeout, since=0):
    end = time.monotonic() + timeout
    while True:
        try:
            with open(d + "/serial.log", "rb") as f:
                got = f.read()[since:]
        except FileNotFoundError:
            got = b""
        if text.encode() in got:
            print("ok: the guest says", repr(text), flush=True)
            return since + len(got)
        if time.monotonic() > end:
            fail("not on the serial line: %r in %r" % (text, got))
        time.sleep(0.2)


def wait_state(virsh, state, timeout=60):
    end = time.monotonic() + timeout
    while state not in virsh.ask("domstate button"):
        if time.monotonic() > end:
            fail("the domain is not " + state)
        time.sleep(0.3)
    print("ok: the domain is", state, flush=True)


def look(virsh):
    virsh.ok("capabilities", "<domain type='kvm'")
    virsh.ok("list --all", "button")
    virsh.ok("dominfo button", "running")
    virsh.ok("domblkinfo button hda", "4194304")
    virsh.ok("domblkinfo button hdb", "16777216")
    stats = virsh.ok("domblkstat button hda", "rd_bytes")
    check(int(re.search(r"rd_bytes (\d+)", stats).group(1)) >= 512, "the boot sector is counted")
    virsh.ok("domstats button", "block.count=3")
    virsh.ok("vcpuinfo button", "running")
    check("<target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/>" in virsh.ask("dumpxml button"),
          "the agent's channel is there, and nobody has it open")
    virsh.ok("dommemstat button", "actual 65536")
    virsh.ok("dommemstat button --period 1 --live")
    virsh.ok("setmem button 48M --live")
    state = virsh.ask("qemu-monitor-command button '{\"execute\":\"query-device-state\",\"arguments\":{\"id\":\"balloon0\"}}'")
    fields = json.loads(state)["return"]["fields"]
    check(fields["target"] == (16 << 20) >> 12 and fields["poll_seconds"] == 1, "the balloon has been told: %d pages every "
          "%d s" % (fields["target"], fields["poll_seconds"]))
    virsh.ok("setmem button 64M --live")
    virsh.ok("dumpxml button", "/dev/pts/")
    virsh.ok("qemu-monitor-command button --hmp info status", "VM status: running")
    virsh.ok('qemu-monitor-command button \'{"execute":"query-uuid"}\'', "6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def drive(virsh, d, seen):
    virsh.ok("suspend button", "suspended")
    virsh.ok("domstate button", "paused")
    virsh.ok("resume button", "resumed")
    virsh.ok("domstate button", "running")
    virsh.ok("send-key button KEY_A")
    seen = wait_serial(d, "key 61", 60, seen)
    virsh.ok("screenshot button %s/shot" % d, "Screenshot saved")
    with open(d + "/shot", "rb") as f:
        check(f.read(8)[:2] in (b"P6", b"\x89P"), "the screenshot is a picture")
    virsh.ok("change-media button hdc --eject", "ejected")
    virsh.ok("change-media button hdc %s/d.iso --insert" % d, "inserted")
    check("d.iso" in virsh.ask("domblklist button"), "the other CD is in")
    virsh.ok("blkdeviotune button hda --total-iops-sec 500")
    virsh.ok("blkdeviotune button hda", "500")
    virsh.ok("blockresize button hdb 20M", "resized")
    virsh.ok("domblkinfo button hdb", "20971520")
    virsh.ok("inject-nmi button")
    virsh.ok("vncdisplay button", "127.0.0.1:")
    virsh.ok("domiflist button", "e1000")
    virsh.ok("domif-setlink button 52:54:00:00:00:01 down", "updated")
    virsh.ok("domif-getlink button 52:54:00:00:00:01", "down")
    virsh.ok("domif-setlink button 52:54:00:00:00:01 up", "updated")
    return seen


def refuse(virsh, d):
    """What cannot be done yet fails, says so, and leaves the guest running."""
    virsh.refused("save button %s/state" % d, "cannot save or move")
    virsh.ok("domstate button", "running")
    virsh.refused("managedsave button", "cannot save or move")
    virsh.ok("domstate button", "running")
    virsh.refused("dump button %s/dump --memory-only" % d, "cannot save or move")
    virsh.ok("domstate button", "running")
    virsh.refused("setvcpus button 4 --live", "error")
    with open(d + "/e.img", "wb") as f:
        f.truncate(1 << 20)
    with open(d + "/disk.xml", "w") as f:
        f.write("<disk type='file' device='disk'><source file='%s/e.img'/><target dev='hdd' bus='ide'/></disk>" % d)
    virsh.refused("attach-device button %s/disk.xml --live" % d, "hotplug")
    virsh.ok("domstate button", "running")


def has_no_nic(virsh, mac):
    end = time.monotonic() + 180
    while mac in virsh.ask("domiflist button"):
        if time.monotonic() > end:
            fail("the domain still has the card " + mac)
        time.sleep(0.2)


def plug(virsh, d, seen):
    """Cards and a disk come and go; the guest says what it sees of them, in which slot."""
    mac = "52:54:00:00:00:02"
    with open(d + "/nic.xml", "w") as f:
        f.write("<interface type='user'><mac address='%s'/><model type='e1000'/></interface>" % mac)
    virsh.ok("attach-device button %s/nic.xml --live" % d, "attached")
    seen = wait_serial(d, " 100e8086", 180, seen)
    virsh.ok("domiflist button", mac)
    virsh.ok("domif-setlink button %s down" % mac, "updated")
    virsh.ok("detach-interface button user --mac %s --live" % mac, "detached")
    seen = wait_serial(d, " ffffffff", 180, seen)
    has_no_nic(virsh, mac)
    if in_namespace:
        for model, ident in (("virtio", "10001af4"), ("rtl8139", "813910ec")):
            virsh.ok("attach-interface button bridge bridge0 --model %s --mac %s --live" % (model, mac), "attached")
            seen = wait_serial(d, " " + ident, 180, seen)
            check(on_bridge(), "a tap is on the bridge")
            virsh.ok("detach-interface button bridge --mac %s --live" % mac, "detached")
            seen = wait_serial(d, " ffffffff", 180, seen)
            has_no_nic(virsh, mac)
            check(not on_bridge(), "the tap has gone with the card")
    # The card of the start, too: and back again.
    virsh.ok("detach-interface button user --mac 52:54:00:00:00:01 --live", "detached")
    seen = wait_serial(d, " ffffffff", 180, seen)
    has_no_nic(virsh, "52:54:00:00:00:01")
    virsh.ok("attach-device button %s/nic.xml --live" % d, "attached")
    virsh.ok("attach-disk button %s/f.img vdb --live --subdriver raw" % d, "attached")
    seen = wait_serial(d, " 10011af4", 180, seen)
    virsh.ok("domblkinfo button vdb", "1048576")
    virsh.ok("detach-disk button vdb --live", "detached")
    seen = wait_serial(d, " ffffffff", 180, seen)
    check("vdb" not in virsh.ask("domblklist button"), "the disk is gone")
    return seen


def end(virsh, d, seen):
    virsh.ok("reset button", "reset")
    seen = wait_serial(d, "button: ready", 120, seen)
    virsh.ok("shutdown button", "being shutdown")
    wait_serial(d, "button: off", 60, seen)
    wait_state(virsh, "shut off")
    virsh.ok("start button", "started")
    virsh.ok("destroy button", "destroyed")
    virsh.ok("domstate button", "shut off")
    virsh.ok("undefine button", "undefined")


def kill_domains():
    """A test that failed leaves no emulator behind: libvirt's embedded driver would."""
    for path in glob.glob(root + "/run/qemu/*.pid"):
        with open(path) as f:
            text = f.read().strip()
        if os.path.basename(path) != "driver.pid" and text:
            try:
                os.kill(int(text), signal.SIGKILL)
            except ProcessLookupError:
                pass


needs()
in_namespace = has_bridge()
files = make_files()
root = tmp("root")
atexit.register(kill_domains)
os.makedirs(root + "/etc")
with open(root + "/etc/qemu.conf", "w") as f:
    f.write(SETTINGS)
with open(tmp("domain.xml"), "w") as f:
    f.write(XML.format(dir=files, emulator=files + "/kvm-dm"))
virsh = Virsh(root)
virsh.ok("define " + tmp("domain.xml"), "defined")
virsh.ok("start button", "started")
seen = wait_serial(files, "button: ready", 120)
look(virsh)
seen = drive(virsh, files, seen)
seen = plug(virsh, files, seen)
refuse(virsh, files)
end(virsh, files, seen)
virsh.process.stdin.close()
virsh.process.wait(30)
done("libvirt %s defines, starts, drives and ends a domain" %
     subprocess.run(["virsh", "--version"], capture_output=True, text=True).stdout.strip())
