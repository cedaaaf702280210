# SPDX-License-Identifier: GPL-2.0-or-later
# Job "netboot": tests/guest/netboot.py, each card's iPXE ROM, where /dev/kvm is like hardware's.
#
# NETBOOT_CARDS: the cards, as netboot.py calls them; all of its by default.
: "${NETBOOT_CARDS:=}"

prepare_netboot()
{
    mkdir -p "$share/jobs/guest/rom"
    cp ../guest/netboot.py "$share/jobs"
    cp "$B/guest/rom/netboot.bin" "$share/jobs/guest/rom" || fail "no netboot.bin: make guests"
    echo "$NETBOOT_CARDS" >"$share/netboot.cards"
}

run_netboot()
{
    B=$share/jobs run_python netboot "$share/jobs/netboot.py" $(cat "$share/netboot.cards")
}

check_netboot()
{
    rc=$(cat "$share/netboot.rc")
    case $rc in
    0 | 77) say "netboot: $(tail -n 1 "$share/netboot.err")" ;;
    *) wrong "netboot: exit code $rc: $(tail -n 30 "$share/netboot.err")" ;;
    esac
}
