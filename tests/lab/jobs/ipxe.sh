# SPDX-License-Identifier: GPL-2.0-or-later
# Job "ipxe": the option ROM of each card in NET_CARDS (see net.sh), from Debian's ipxe-qemu, under SeaBIOS: DHCP on
# a user network, an iPXE script by TFTP, and a file that the script fetches. It does not end of itself.

prepare_ipxe()
{
    [ -d /usr/lib/ipxe/qemu ] || { leave_out ipxe "no ROMs (Debian package ipxe-qemu)"; return; }
    printf '%s\n' $NET_CARDS | cut -d : -f 1 >"$share/ipxe.cards"
    mkdir "$share/tftp"
    head -c 300000 /dev/urandom >"$share/tftp/big"
    cat >"$share/tftp/boot.ipxe" <<'END'
#!ipxe
echo script: ${net0/mac} ${net0/ip}
imgfetch tftp://${next-server}/big && echo fetched || echo not fetched
imgstat
sleep 1000
END
}

run_ipxe()
{
    while read -r card; do
        run "ipxe-$card" 100 -m 64 -netdev "user,id=wire,tftp=$share/tftp,bootfile=boot.ipxe" \
            -device "$card,netdev=wire,mac=52:54:00:01:02:03,bootindex=0" </dev/null
    done <"$share/ipxe.cards"
}

check_ipxe()
{
    for card in $(printf '%s\n' $NET_CARDS | cut -d : -f 1); do
        expect_exit "ipxe-$card" 124 124
        expect "ipxe-$card" 'script: 52:54:00:01:02:03 10.0.2.15'
        expect "ipxe-$card" '^fetched'
        expect "ipxe-$card" 'big : 300000 bytes'
    done
}
