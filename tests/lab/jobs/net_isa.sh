# SPDX-License-Identifier: GPL-2.0-or-later
# Job "net_isa": what the job "net" does (see net.sh), with an NE2000 on the ISA bus. Debian's kernel for amd64 has no driver
# for ISA cards, that for i386 has (ne); so the guest here is i386, of packages that are kept in $lab/i386.
net_isa_defaults="cards='ne2k_isa,irq=5:ne:1500' mib=1 flaps=5 flood=200"
i386=$lab/i386

# i386_apt COMMAND...: apt with the host's sources, as on an i386 machine with nothing installed
i386_apt()
{
    program=$1
    shift
    "$program" -qq -o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State::status=/dev/null \
        -o Dir::State::lists="$i386/lists" -o Dir::Cache="$i386/cache" -o APT::Sandbox::User=root "$@"
}

# i386_fetch: kernel, modules and busybox; false if they are not to be had
i386_fetch()
{
    [ -r "$i386/vmlinuz" ] && return
    rm -rf "$i386"
    mkdir -p "$i386/lists/partial" "$i386/cache/archives/partial" "$i386/tree"
    say "downloading a kernel for i386"
    i386_apt apt-get update >"$lab/i386.log" 2>&1
    image=$(i386_apt apt-cache depends linux-image-686 2>>"$lab/i386.log" | sed -n 's/^ *Depends: //p' | head -n 1)
    [ -n "$image" ] && (cd "$i386" && i386_apt apt-get download "$image" busybox-static) >>"$lab/i386.log" 2>&1 ||
        return 1
    for deb in "$i386"/*.deb; do
        dpkg -x "$deb" "$i386/tree" || return 1
    done
    cp "$i386"/tree/bin/busybox "$i386" && cp "$i386"/tree/boot/vmlinuz-* "$i386/vmlinuz"
}

# i386_initrd: as build.sh makes that of the other guests, with the modules of this one
i386_initrd()
{
    (
        lab=$i386
        find "$i386/tree" -name '*.ko' >"$lab/modules"
        add_modules "$i386/inner" ne af_packet 8021q
        mv "$i386/inner/lib/order" "$i386/inner/lib/order.more"
        : >"$i386/inner/lib/order"
        add_tasks "$i386/inner"
        cp "$i386/netctl" "$i386/inner/bin"
        make_initrd "$i386/inner" ./inner-init "$share/i386.img" "$i386/busybox"
    ) || fail "no initramfs for i386"
    cp "$i386/vmlinuz" "$share/i386.vmlinuz"
}

prepare_net_isa()
{
    i386_fetch || { leave_out net_isa "no kernel for i386 (see $lab/i386.log)"; return; }
    cc -m32 -O1 -static -o "$i386/netctl" netctl.c 2>>"$lab/i386.log" ||
        { leave_out net_isa "cc -m32 does not work (Debian package libc6-dev-i386)"; return; }
    i386_initrd
    net_prepare net_isa
    echo "ne.io=0x300 ne.irq=5 $(cat "$share/net_isa.append")" >"$share/net_isa.append"
}

run_net_isa()
{
    net_kernel=i386.vmlinuz
    net_initrd=i386.img
    net_run net_isa
    net_kernel=
    net_initrd=
}

check_net_isa()
{
    net_check net_isa
}
