# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by lab.sh: Debian's kernel, and the initramfs of the laboratory and of the guests in it,
# made of its modules and busybox with what any Debian has (no kmod, no root, no mount).
# Everything is kept in $lab; a kernel package of another name makes all of it anew.

# What the laboratory needs to see the host's files, and its /dev/kvm.
outer_modules="virtio_pci 9pnet_virtio 9p kvm_amd tun 8021q"
# What drives a PC's devices and a file system; what the kernel has built in is left out.
inner_modules="ata_piix pata_cmd64x sd_mod sr_mod isofs crc32c_generic ext4 psmouse evdev i2c_piix4
    button pcspkr bochs"

# pata_legacy is loaded where a guest has ISA channels only, floppy where it has floppies, the others where it has network
# cards; not every kernel has them.
optional_modules="pata_legacy floppy af_packet 8021q e1000 8139cp 8139too ne2k-pci pcnet32 ne virtio_pci virtio_net
    virtio_blk virtio-rng virtio_balloon virtio_console"

# kernel_package: the name of the package that linux-image-amd64 stands for; nothing if unknown
kernel_package()
{
    apt-cache depends --no-recommends --no-suggests linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1
}

# download: $package as the file $deb; kept, since it is large
download()
{
    deb=$(echo "$lab/deb/$package"_*.deb)
    [ -r "$deb" ] && return
    say "downloading $package"
    rm -rf "$lab/deb"
    mkdir -p "$lab/deb"
    (cd "$lab/deb" && apt-get -qq download "$package") >"$lab/download.log" 2>&1 ||
        skip "cannot download $package (no package registry?)"
    deb=$(echo "$lab/deb/$package"_*.deb)
}

# fetch_kernel: kernel and modules from the package, or from $LAB_KERNEL_DEB, unless they are there
fetch_kernel()
{
    deb=${LAB_KERNEL_DEB:-}
    package=$(basename "$deb" .deb)
    [ -n "$deb" ] || package=$(kernel_package)
    # Without package lists what is there already does.
    [ -n "$package" ] || package=$(sed 's/ .*//' "$lab/package" 2>/dev/null)
    [ -n "$package" ] || skip "no package linux-image-amd64 here (or set LAB_KERNEL_DEB=file)"
    key="$package $(echo "$outer_modules" | cat build.sh - | cksum)"
    [ "$(cat "$lab/package" 2>/dev/null)" = "$key" ] && return
    rm -rf "$lab/tree" "$lab/package"
    mkdir "$lab/tree"
    [ -n "$deb" ] || download
    dpkg -x "$deb" "$lab/tree" || fail "cannot unpack $deb"
    find "$lab/tree" -name '*.ko' -o -name '*.ko.xz' -o -name '*.ko.zst' >"$lab/modules"
    cp "$lab"/tree/boot/vmlinuz-* "$lab/vmlinuz" || fail "no kernel in $deb"
    add_modules "$lab/outer" $outer_modules
    add_modules "$lab/inner" $inner_modules
    mv "$lab/inner/lib/order" "$lab/inner/lib/order.first"
    : >"$lab/inner/lib/order"
    for name in $optional_modules; do
        add_module "$lab/inner" "$name"
    done
    mv "$lab/inner/lib/order" "$lab/inner/lib/order.more"
    mv "$lab/inner/lib/order.first" "$lab/inner/lib/order"
    rm -rf "$lab/tree"
    echo "$key" >"$lab/package"
}

# module_file NAME: its file, or nothing (it is built in)
module_file()
{
    pattern=$(echo "$1" | sed 's/[-_]/[-_]/g')
    grep "/$pattern\.ko[.a-z]*\$" "$lab/modules" | head -n 1
}

# add_module DIR NAME: to DIR/lib, after what it depends on, and to the list DIR/lib/order
add_module()
{
    grep -qx "$2.ko" "$1/lib/order" && return
    set -- "$1" "$2" "$(module_file "$2")"
    [ -n "$3" ] || return 0
    case $3 in
    *.xz) xz -dc "$3" >"$1/lib/$2.ko" ;;
    *.zst) zstd -dcq "$3" >"$1/lib/$2.ko" ;;
    *) cp "$3" "$1/lib/$2.ko" ;;
    esac || fail "cannot unpack $3"
    for m in $(grep -azo '^depends=[a-z0-9_,-]*' "$1/lib/$2.ko" | tr '\0' '\n' |
        sed 's/^depends=//; s/-/_/g; s/,/ /g'); do
        (add_module "$1" "$m")
    done
    echo "$2.ko" >>"$1/lib/order"
}

# add_modules DIR NAME...
add_modules()
{
    dir=$1
    shift
    rm -rf "$dir"
    mkdir -p "$dir/lib"
    : >"$dir/lib/order"
    for name; do
        add_module "$dir" "$name"
    done
}

# make_initrds: that of the laboratory, and that of the guests with a script for each job that has one
make_initrds()
{
    add_tasks "$lab/inner"
    add_program "$lab/inner" ethtool
    # busybox has one that cannot write zeroes.
    add_program "$lab/inner" blkdiscard && mv "$lab/inner/bin/blkdiscard" "$lab/inner/bin/blkzero"
    for tool in cdctl inputctl kmsctl netctl; do
        cc -O1 -static -o "$lab/inner/bin/$tool" $tool.c || fail "cannot build $tool"
    done
    make_initrd "$lab/outer" ./outer-init "$lab/outer.img"
    make_initrd "$lab/inner" ./inner-init "$share/inner.img"
}

# add_tasks DIR: the scripts of the jobs
add_tasks()
{
    rm -rf "$1/tasks" && mkdir -p "$1/tasks" "$1/bin" || exit
    for file in jobs/*.inner; do
        cp "$file" "$1/tasks/$(basename "$file" .inner)" || exit
    done
}

# add_program DIR NAME: with the libraries that it needs; without it if there is none here
add_program()
{
    program=$(command -v "$2") || return 0
    cp -L "$program" "$1/bin/"
    for lib in $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p "$1$(dirname "$lib")" && cp -L "$lib" "$1$lib" || fail "cannot copy $lib"
    done
}

# make_initrd DIR INIT OUT [BUSYBOX]: DIR with busybox (another one) and the script INIT as a cpio archive
make_initrd()
{
    mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/mnt" "$1/root"
    cp "${4:-$busybox}" "$1/bin/busybox" && cp "$2" "$1/init" && chmod 755 "$1/init" ||
        fail "cannot fill $1"
    (cd "$1" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$3" || fail "cannot make $3"
}
