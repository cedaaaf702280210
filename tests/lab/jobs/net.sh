# SPDX-License-Identifier: GPL-2.0-or-later
# Job "net": Linux's driver of a network card, over a tap in a network namespace of the laboratory: DHCP, ping of
# all sizes, TCP both ways, VLAN, jumbo frames, the cable pulled, up and down again, ethtool's tests and counters.
#
# NET_CARDS: the cards, each as CARD:DRIVER:MTU; NET_MIB: how much TCP moves each way.
: "${NET_CARDS:=e1000:e1000:9000}"
: "${NET_MIB:=16}"

prepare_net()
{
    for tool in ip dnsmasq ethtool python3; do
        command -v $tool >/dev/null || { leave_out net "no $tool here"; return; }
    done
    printf '%s\n' $NET_CARDS >"$share/net.cards"
    head -c "${NET_MIB}M" /dev/urandom >"$share/net.data"
}

# In the laboratory: the other end of the wire, in the namespace "wire".
net_wire()
{
    ip netns add wire
    on_wire="ip netns exec wire"
    $on_wire ip link set lo up
    $on_wire ip tuntap add tap0 mode tap vnet_hdr
    $on_wire ip link set tap0 up
    $on_wire ip address add 10.9.0.1/24 dev tap0
    $on_wire ip link add link tap0 name tap0.5 type vlan id 5
    $on_wire ip link set tap0.5 up
    $on_wire ip address add 10.9.5.1/24 dev tap0.5
    $on_wire dnsmasq --keep-in-foreground --user=root --conf-file=/dev/null --pid-file= --port=0 --interface=tap0 \
        --bind-interfaces --leasefile-ro --dhcp-range=10.9.0.50,10.9.0.60 --log-facility="$share/net.dnsmasq" &
    dnsmasq=$!
    $on_wire busybox nc -l -p 5001 <"$share/net.data" &
    sender=$!
    # Its input stays open: it would close the connection at the end of that.
    mkfifo hold && exec 7<>hold
    $on_wire busybox nc -l -p 5002 <&7 | md5sum >"$share/net.up" &
}

net_one()
{
    card=$1
    driver=$2
    mtu=$3
    net_wire
    start=$(cut -d . -f 1 /proc/uptime)
    SERIAL=$share/net.serial KVM_DM=$emulator timeout -k 5 900 $on_wire python3 -B "$share/jobs/net.py" \
        "$share/vmlinuz" "$share/inner.img" "$append lab=net net.driver=$driver net.mtu=$mtu" "$card" \
        >"$share/net-$card.err" 2>&1
    ended "net-$card" $? "$start"
    kill "$dnsmasq" "$sender" 2>/dev/null
    cp "$share/net.serial" "$share/net-$card.serial"
    sleep 1 # the sum of what was received
    cp "$share/net.up" "$share/net-$card.up"
    exec 7<&-
    rm hold
    ip netns delete wire
}

run_net()
{
    while read -r line; do
        net_one $(echo "$line" | tr : ' ') </dev/null
    done <"$share/net.cards"
}

net_check_card()
{
    name=net-$1
    expect_exit "$name" 0 0
    expect "$name" "^lab: net: driver $2\$"
    expect "$name" '^lab: dhcp: 10.9.0.[56]'
    for size in 0 1 17 18 46 100 1472 1473 4000 9000 20000 65507; do
        expect "$name" "^lab: ping $size: 3 of 3\$"
    done
    expect "$name" '^lab: many: 200 of 200$'
    expect "$name" "^lab: down: $(md5sum <"$share/net.data")\$"
    up=$(said "$name" | sed -n 's/^lab: up: //p')
    [ -n "$up" ] && [ "$up" = "$(cat "$share/$name.up")" ] || wrong "$name: what the guest sent is not what came"
    expect "$name" '^lab: vlan: 3 of 3$'
    [ "$3" = 1500 ] || expect "$name" '^lab: jumbo: 3 of 3, 0 fragments$'
    expect "$name" '^lab: pulled: carrier 0$'
    expect "$name" '^lab: plugged: carrier 1, 3 of 3$'
    expect "$name" '^lab: ifdown and ifup: 20 of 20$'
    expect "$name" '^lab: promiscuous: 3 of 3$'
    said "$name" | grep '^lab: test: ' && ! said "$name" | grep -q '^lab: test: .*[^0-9][1-9][0-9]*$' ||
        wrong "$name: ethtool's self-test"
    said "$name" | grep -e 'lab: stat: .*\(err\|drop\|fail\|missed\|abort\).*: [1-9]' && wrong "$name: errors were counted"
    no_trouble "$name"
}

check_net()
{
    for card in $NET_CARDS; do
        net_check_card $(echo "$card" | tr : ' ')
    done
}
