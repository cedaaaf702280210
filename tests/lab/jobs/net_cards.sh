# SPDX-License-Identifier: GPL-2.0-or-later
# Job "net_cards": what the job "net" does (see net.sh), with every card but e1000, one after the other; virtio-net as drivers
# of both kinds see it, and with two queues. ne2k_isa is not here: Debian's kernel for amd64 has no ISA cards.
net_cards_defaults="mib=1 flaps=5 flood=100 cards='
    rtl8139:8139cp:1500
    rtl8139,chip=rtl8139c:8139too:1500
    ne2k_pci:ne2k-pci:1500
    pcnet:pcnet32:1500
    pcnet,chip=am79c973:pcnet32:1500
    virtio-net-pci,disable-legacy=on:virtio_net:9000
    virtio-net-pci,disable-modern=on:virtio_net:1500
    virtio-net-pci,mq=on:virtio_net:1500'"

prepare_net_cards()
{
    net_prepare net_cards
}

run_net_cards()
{
    net_run net_cards
}

check_net_cards()
{
    net_check net_cards
}
