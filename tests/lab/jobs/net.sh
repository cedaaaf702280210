# SPDX-License-Identifier: GPL-2.0-or-later
# Job "net": Linux's driver of a network card, over a tap in a network namespace of the laboratory: DHCP, ping of
# all sizes, floods of small frames, TCP both ways, VLAN, jumbo frames, the cable pulled, up and down again, filters,
# ethtool's tests and counters. Job "net_cards" does that with the other cards, "net_long" with more of it.
#
# NET_CARDS: the cards, each as CARD:DRIVER:MTU; NET_MIB: how much TCP moves each way, checked byte by byte; NET_FLAPS: how
# often the interface goes down and up; NET_FLOOD: how many small datagrams come back, one by one.
net_defaults="cards='e1000:e1000:9000' mib=8 flaps=5 flood=200"
net_drivers_with_tests="e1000 pcnet32"
net_drivers_without_carrier="ne ne2k-pci"

# net_choose JOB: $cards, $mib, $flaps, $flood
net_choose()
{
    eval "$(eval "echo \$${1}_defaults")"
    cards=${NET_CARDS:-$cards}
    mib=${NET_MIB:-$mib}
    flaps=${NET_FLAPS:-$flaps}
    flood=${NET_FLOOD:-$flood}
}

# net_prepare JOB
net_prepare()
{
    for tool in ip dnsmasq ethtool python3; do
        command -v $tool >/dev/null || { leave_out "$1" "no $tool here"; return; }
    done
    net_choose "$1"
    printf '%s\n' $cards >"$share/$1.cards"
    echo "net.mib=$mib net.flaps=$flaps net.flood=$flood" >"$share/$1.append"
    cp "$lab/inner/bin/netctl" "$share" || exit
}

# net_wire CARD: in the laboratory, the other end of the wire, in the namespace "wire"
net_wire()
{
    ip netns add wire
    on_wire="ip netns exec wire"
    $on_wire ip link set lo up
    $on_wire ip tuntap add tap0 mode tap vnet_hdr $(case $1 in *mq=on*) echo multi_queue ;; esac)
    $on_wire ip link set tap0 up
    $on_wire ip address add 10.9.0.1/24 dev tap0
    $on_wire ip link add link tap0 name tap0.5 type vlan id 5
    $on_wire ip link set tap0.5 up
    $on_wire ip address add 10.9.5.1/24 dev tap0.5
    $on_wire dnsmasq --keep-in-foreground --user=root --conf-file=/dev/null --pid-file= --port=0 --interface=tap0 \
        --bind-interfaces --leasefile-ro --dhcp-range=10.9.0.50,10.9.0.60 --log-facility="$share/net.dnsmasq" &
    dnsmasq=$!
    $on_wire "$share/netctl" serve 5000 &
    server=$!
}

# net_one JOB CARD DRIVER MTU
net_one()
{
    name=$1-$2
    net_wire "$2"
    start=$(cut -d . -f 1 /proc/uptime)
    SERIAL=$share/$name.serial KVM_DM=$emulator $on_wire python3 -B "$share/jobs/net.py" \
        "$share/${net_kernel:-vmlinuz}" "$share/${net_initrd:-inner.img}" "$append lab=net net.driver=$3 net.mtu=$4 $(cat "$share/$1.append")" "$2" \
        >"$share/$name.err" 2>&1
    ended "$name" $? "$start"
    kill "$dnsmasq" "$server" 2>/dev/null
    ip netns delete wire
}

# net_run JOB: its cards, one after the other
net_run()
{
    while read -r line; do
        net_one "$1" $(echo "$line" | tr : ' ') </dev/null
    done <"$share/$1.cards"
}

# net_check_traffic NAME
net_check_traffic()
{
    expect "$1" '^lab: dhcp: 10.9.0.[56]'
    for size in 0 1 17 18 46 100 1472 1473 4000 9000 20000 65507; do
        expect "$1" "^lab: ping $size: 3 of 3\$"
    done
    expect "$1" "^lab: flood of 18 bytes, window 16: $flood of $flood, 0 late, 0 wrong\$"
    expect "$1" "^lab: flood of 1472 bytes, window 16: $((flood / 4)) of $((flood / 4)), 0 late, 0 wrong\$"
    expect "$1" '^lab: flood of 18 bytes, window 500: [1-9][0-9]* of 500, .*, 0 wrong$'
    expect "$1" '^lab: after the flood: 3 of 3$'
    for way in down up; do
        expect "$1" "^lab: TCP $way: $((mib << 20)) bytes right, 0 wrong, "
    done
    said "$1" | sed -n 's/^lab: \(TCP .*\)/  \1/p; s/^lab: \(flood .*\)/  \1/p'
}

net_check_filters()
{
    expect "$1" '^lab: filter none: own all $'
    expect "$1" '^lab: filter group: own all joined $'
    expect "$1" '^lab: filter allmulti: own all joined other-group $'
    expect "$1" '^lab: filter promiscuous: own all joined other-group other-card $'
    expect "$1" '^lab: promiscuous: 3 of 3$'
    expect "$1" '^lab: filter again: own all $'
}

# expect_interrupts NAME CONTROLLER WHO: one or more, on any processor
expect_interrupts()
{
    expect "$1" "^lab: interrupts: *[0-9]*: .* [1-9][0-9]* .*$2.* $3\$"
}

# net_check_interrupts NAME CARD: by messages where the card has them, a vector for each queue, or by its pin
net_check_interrupts()
{
    case $2 in
    virtio-net-pci*)
        expect_interrupts "$1" PCI-MSI 'virtio[0-9]*-input.0'
        expect_interrupts "$1" PCI-MSI 'virtio[0-9]*-output.0'
        ;;
    ne2k_isa*) expect_interrupts "$1" IO-APIC NE2000 ;; # named before the interface is
    *) expect_interrupts "$1" IO-APIC eth0 ;;
    esac
    case $2 in
    *mq=on*) expect_interrupts "$1" PCI-MSI 'virtio[0-9]*-output.1' ;;
    esac
    # VIRTIO_F_VERSION_1 is feature 32.
    case $2 in
    virtio-net-pci*disable-modern=on*) expect "$1" '^lab: features: [01]\{32\}0' ;;
    virtio-net-pci*) expect "$1" '^lab: features: [01]\{32\}1' ;;
    esac
}

net_check_self_test()
{
    case " $net_drivers_with_tests " in
    *" $2 "*)
        said "$1" | grep '^lab: test: ' && ! said "$1" | grep -q '^lab: test: .*[^0-9][1-9][0-9]*$' ||
            wrong "$1: ethtool's self-test"
        ;;
    esac
    expect "$1" '^lab: after the test: 3 of 3$'
    # What was sent while the cable was out is an error of the carrier, and 8139cp counts it as an error of sending, too.
    pulled=$(said "$1" | sed -n 's/^lab: count: tx_carrier_errors: //p')
    said "$1" | grep -v "lab: stat: tx_err: ${pulled:-0}\$" |
        grep -e 'lab: stat: .*\(err\|drop\|fail\|missed\|abort\).*: [1-9]' && wrong "$1: errors were counted"
}

# net_check_card JOB CARD DRIVER MTU
net_check_card()
{
    name=$1-$2
    say "$2 by $3:"
    expect_exit "$name" 0 0
    expect "$name" "^lab: net: driver $3\$"
    net_check_traffic "$name" "$3"
    expect "$name" '^lab: vlan: 3 of 3$'
    [ "$4" = 1500 ] || expect "$name" '^lab: jumbo: 3 of 3, 0 fragments$'
    case " $net_drivers_without_carrier " in
    *" $3 "*) expect "$name" '^lab: pulled: carrier 1, 0 of 1$' ;;
    *) expect "$name" '^lab: pulled: carrier 0, 0 of 1$' ;;
    esac
    expect "$name" '^lab: plugged: carrier 1, 3 of 3$'
    expect "$name" "^lab: ifdown and ifup: $flaps of $flaps\$"
    net_check_filters "$name"
    net_check_interrupts "$name" "$2"
    net_check_self_test "$name" "$3"
    no_trouble "$name"
}

# net_check JOB
net_check()
{
    net_choose "$1"
    while read -r card; do
        net_check_card "$1" $(echo "$card" | tr : ' ')
    done <"$share/$1.cards"
}

prepare_net()
{
    net_prepare net
}

run_net()
{
    net_run net
}

check_net()
{
    net_check net
}
