#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An unmodified libvirtd, and virt-install --import before it: a domain is made and started; the daemon is ended and
# started again, and the guest goes on under it. In a mount namespace of its own, whose places of libvirt's are empty
# at first and gone afterwards.
. "$(dirname "$0")/lib.sh"
need_kvm
need_guest rom/button.bin
for tool in libvirtd virsh virt-install unshare; do
    command -v $tool >/dev/null || skip "no $tool here (Debian packages libvirt-daemon, libvirt-clients, virtinst)"
done
[ "$(id -u)" = 0 ] || skip "libvirtd is tried as root only"
getent passwd libvirt-qemu >/dev/null || skip "there is no user libvirt-qemu (Debian package libvirt-daemon-system)"
unshare -m mount -t tmpfs none /mnt 2>/dev/null || skip "no mount namespace can be made here"

if [ -z "${INSIDE:-}" ]; then
    rm -rf "$tmp"
    INSIDE=1 exec unshare -m --propagation private "$0"
fi
for dir in /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do
    mkdir -p $dir && mount -t tmpfs none $dir || fail "cannot cover $dir"
done
cat >/etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
remember_owner = 0
namespaces = []
cgroup_controllers = []
security_driver = "none"
stdio_handler = "file"
END
echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
export XDG_CACHE_HOME="$tmp/cache" LIBVIRT_DEFAULT_URI=qemu:///system

start_daemon()
{
    libvirtd -d -p /run/libvirt/libvirtd.pid >"$tmp/libvirtd" 2>&1 || fail "libvirtd does not start: $(cat "$tmp/libvirtd")"
    i=0
    until virsh version >/dev/null 2>&1; do
        i=$((i + 1))
        [ $i -lt 300 ] || fail "libvirtd does not answer"
        sleep 0.2
    done
}

end_daemon()
{
    pid=$(cat /run/libvirt/libvirtd.pid)
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

# Whatever happens, nothing of it stays.
leave()
{
    virsh destroy imported >/dev/null 2>&1
    [ ! -s /run/libvirt/libvirtd.pid ] || kill "$(cat /run/libvirt/libvirtd.pid)" 2>/dev/null
    for pid in $(cat /run/libvirt/qemu/*.pid 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    rm -rf "$tmp"
}
trap leave EXIT

says()
{
    # says WORDS COMMAND...: its output has them
    words=$1
    shift
    out=$("$@" 2>&1) || fail "$*: $out"
    echo "$out" | grep -q -e "$words" || fail "$*: no '$words' in: $out"
    echo "ok: $*: $words"
}

cp "$KVM_DM" "$tmp/kvm-dm" && cp "$guests/rom/button.bin" "$tmp/disk.img" && truncate -s 4M "$tmp/disk.img"
start_daemon
says "Domain creation completed" virt-install --import --name imported --memory 64 --osinfo generic --machine pc \
    --boot emulator="$tmp/kvm-dm" --disk path="$tmp/disk.img",bus=ide,format=raw --controller usb,model=none \
    --graphics vnc --video vga --memballoon virtio --channel unix,target.type=virtio,target.name=org.qemu.guest_agent.0 \
    --sound none --redirdev none \
    --serial file,path="$tmp/serial.log" --network user,model=e1000 --noautoconsole
says running virsh domstate imported
i=0
until grep -q "button: ready" "$tmp/serial.log" 2>/dev/null; do
    i=$((i + 1))
    [ $i -lt 600 ] || fail "the guest does not get to its boot sector"
    sleep 0.2
done
emulator=$(cat /run/libvirt/qemu/imported.pid)
end_daemon
kill -0 "$emulator" || fail "the guest ended with the daemon"
start_daemon
says running virsh domstate imported
[ "$(cat /run/libvirt/qemu/imported.pid)" = "$emulator" ] || fail "it is another process"
says "actual 65536" virsh dommemstat imported
says "" virsh setmem imported 48M --live
says "state='disconnected'" virsh dumpxml imported
says suspended virsh suspend imported
says resumed virsh resume imported
says "being shutdown" virsh shutdown imported
i=0
until virsh domstate imported | grep -q "shut off"; do
    i=$((i + 1))
    [ $i -lt 300 ] || fail "the guest does not answer the power button"
    sleep 0.2
done
grep -q "button: off" "$tmp/serial.log" || fail "it was not the guest that switched off"
says undefined virsh undefine imported
echo "virt-install and libvirtd $(virsh --version): imported, kept over a restart of the daemon, shut down by its button"
