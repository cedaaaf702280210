# SPDX-License-Identifier: GPL-2.0-or-later
# Job "hotplug": Linux's acpiphp sees network cards come and go: each gets an address and is used, is taken out on
# request, and one is let go by the guest itself. HOTPLUG_CARDS: the cards, each as CARD:DRIVER; all in one guest.
: "${HOTPLUG_CARDS:=e1000:e1000 virtio-net-pci:virtio_net rtl8139:8139cp e1000:e1000}"

prepare_hotplug()
{
    [ -n "${EMU:-}" ] || "$KVM_DM" -netdev help | grep -q '^ *user' || leave_out hotplug "no user network in this build"
    # What drives virtio on PCI is a module of its own.
    [ -e "$lab/inner/lib/virtio_pci.ko" ] ||
        HOTPLUG_CARDS=$(printf '%s\n' $HOTPLUG_CARDS | grep -v '^virtio' | tr '\n' ' ')
    printf '%s\n' $HOTPLUG_CARDS >"$share/hotplug.cards"
}

run_hotplug()
{
    python_s=700
    SERIAL=$share/hotplug.serial run_python hotplug "$share/jobs/hotplug.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=hotplug" "$(tr '\n' ' ' <"$share/hotplug.cards")"
    python_s=
}

check_hotplug()
{
    expect_exit hotplug 0 0
    grep -h '^ok:' "$share/hotplug.err" | sed 's/^ok: /  /'
    expect hotplug '^lab: at first: 0 cards$'
    n=0
    for card in $HOTPLUG_CARDS; do
        n=$((n + 1))
        expect hotplug "^lab: card $n: driver ${card#*:}, 52:54:00:00:00:0$n, 3 of 3, slot $((n + 4))\$"
        expect hotplug "^lab: card $n: gone, 0 cards\$"
    done
    expect hotplug '^lab: again: 10 of 10$'
    expect hotplug '^lab: own: gone, 0 cards$'
    expect hotplug '^lab: interrupts: *9: *[1-9].*acpi'
    no_trouble hotplug
}
