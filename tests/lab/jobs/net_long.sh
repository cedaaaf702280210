# SPDX-License-Identifier: GPL-2.0-or-later
# Job "net_long": more of what the job "net" does (see net.sh), on the cards that servers use. NET_MIB=1024 is what the card
# has to stand, and takes a real machine; an emulated processor moves some MiB per second.
net_long_defaults="cards='e1000:e1000:9000 virtio-net-pci:virtio_net:9000' mib=64 flaps=100 flood=20000"

prepare_net_long()
{
    net_prepare net_long
}

run_net_long()
{
    net_run net_long
}

check_net_long()
{
    net_check net_long
}
