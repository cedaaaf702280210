# SPDX-License-Identifier: GPL-2.0-or-later
# Job "install": ISOLINUX starts Linux from a CD; Linux partitions an empty disk, makes an ext4 file system,
# copies itself there and runs grub-install. Then the machine is started from the disk, without the CD:
# GRUB loads Linux from ext4. The CD has a small Debian of the host's own files for the job "smart", too.
isolinux=/usr/lib/ISOLINUX/isolinux.bin
syslinux=/usr/lib/syslinux/modules/bios
tools="grub-install mke2fs e2fsck hdparm smartctl fstrim"

# make_tools DIR: the programs $tools with the libraries that they load, and GRUB's modules
make_tools()
{
    mkdir -p "$1/dev" "$1/proc" "$1/sys" "$1/tmp" "$1/mnt" "$1/etc" "$1/usr/lib/grub" "$1/usr/share"
    for tool in $tools; do
        path=$(command -v "$tool") || continue
        mkdir -p "$1/usr/sbin" && cp -L "$path" "$1/usr/sbin/$tool" || fail "cannot copy $path"
        for file in $(ldd "$path" | grep -o '/[^ ]*'); do
            mkdir -p "$1$(dirname "$file")"
            cp -L "$file" "$1$file" || fail "cannot copy $file"
        done
    done
    cp -r /usr/lib/grub/i386-pc "$1/usr/lib/grub" && cp /etc/mke2fs.conf "$1/etc"
    rm -f "$1"/usr/lib/grub/i386-pc/*.image "$1"/usr/lib/grub/i386-pc/grub-bios-setup
}

# make_install_disc: $share/install.iso, once for the jobs that use it
make_install_disc()
{
    [ -e "$share/install.iso" ] && return
    root=$share/install.d
    mkdir -p "$root/isolinux"
    make_tools "$root/tools"
    cp "$isolinux" "$syslinux/ldlinux.c32" "$root/isolinux"
    cp "$share/vmlinuz" "$root/isolinux/vmlinuz" && cp "$share/inner.img" "$root/isolinux/initrd.img" || fail "install.iso"
    cat >"$root/isolinux/isolinux.cfg" <<CONFIG
SERIAL 0 115200
DEFAULT lab
LABEL lab
  SAY ISOLINUX from the CD
  KERNEL vmlinuz
  INITRD initrd.img
  APPEND $append lab=install
CONFIG
    (cd "$root" && find tools -type f | head -n 100 | xargs md5sum >files.md5)
    genisoimage -quiet -R -V install -o "$share/install.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
        -no-emul-boot -boot-load-size 4 -boot-info-table "$root" 2>"$share/genisoimage.log" ||
        fail "genisoimage: $(cat "$share/genisoimage.log")"
}

prepare_install()
{
    for file in "$isolinux" "$syslinux/ldlinux.c32" /usr/lib/grub/i386-pc/boot.img; do
        [ -r "$file" ] || { leave_out install "no $file"; return; }
    done
    command -v grub-install >/dev/null || { leave_out install "no grub-install (Debian package grub2-common)"; return; }
    make_install_disc
}

run_install()
{
    truncate -s 96M installed.img
    cp "$share/install.iso" .
    run install 900 -m 256 -drive file=installed.img,format=raw -cdrom install.iso -boot d </dev/null
    run installed 900 -m 256 -drive file=installed.img,format=raw </dev/null
    cp --sparse=always installed.img "$share"
    rm installed.img
}

check_install()
{
    expect_exit install 0 0
    expect install 'ISOLINUX from the CD'
    expect install "^lab: from the CD: 100\$"
    expect install '^lab: grub-install: Installation finished. No error reported.$'
    expect install '^lab: file system clean$'
    expect install '^lab: power off$'
    no_trouble install
    expect_exit installed 0 0
    expect installed 'GRUB from the disk'
    expect installed '^lab: CD drive: status: no disc$'
    expect installed '^lab: on the disk: 2$'
    expect installed '^lab: power off$'
    no_trouble installed
    dd if="$share/installed.img" of="$share/installed.part" bs=1M skip=1 conv=sparse 2>/dev/null
    e2fsck -fn "$share/installed.part" >"$share/e2fsck.log" 2>&1 || wrong "install: e2fsck: $(tail -n 5 "$share/e2fsck.log")"
    [ "$(debugfs -R 'cat /booted' "$share/installed.part" 2>/dev/null)" = booted ] || wrong "install: no file of the second start"
}
