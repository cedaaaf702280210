# SPDX-License-Identifier: GPL-2.0-or-later
# Job "disks": Linux with 18 disks, on the machine's own channels, three cmd646-ide and an isa-ide.

# The slots are those with interrupt 10 (Linux is told to leave it), since pata_legacy does not share 11.
many_places="ide.0:0 ide.0:1 ide.1:0 ide.1:1 a.0:0 a.0:1 a.1:0 a.1:1 b.0:0 b.0:1 b.1:0 b.1:1
    c.0:0 c.0:1 c.1:0 c.1:1 isa.0:0 isa.0:1"

# prepare_disks: an image per place, each of another size; $many is the emulator's options for them
prepare_disks()
{
    # QEMU for the PC, as Debian builds it, has no cmd646-ide.
    [ -z "${EMU:-}" ] || { leave_out disks "$EMU has no cmd646-ide"; return; }
    many="-device cmd646-ide,id=a,addr=5 -device cmd646-ide,id=b,addr=9 -device cmd646-ide,id=c,addr=0xd"
    many="$many -device isa-ide,id=isa,iobase=0x1e8,iobase2=0x3ee,irq=11"
    n=10
    for place in $many_places; do
        { printf 'disk00%d' $n; head -c $((300000 + n * 5120 - 8)) /dev/urandom; } >"$share/many$n.img"
        truncate -s %512 "$share/many$n.img"
        md5sum <"$share/many$n.img" >"$share/many$n.md5"
        many="$many -drive if=none,id=d$n,format=raw,file=many$n.img"
        many="$many -device ide-hd,drive=d$n,bus=${place%:*},unit=${place#*:},serial=disk00$n"
        n=$((n + 1))
    done
}

run_disks()
{
    cp "$share"/many*.img .
    linux disks 900 "lab=disks disks=18 acpi_irq_nobalance" $many </dev/null
    cp many*.img "$share"
    rm many*.img
}

# check_many NUMBER PLACE: one disk of the job "disks", as the guest saw it and as it is now
check_many()
{
    image=$share/many$1.img
    case $2 in
    ide.*) driver="0000:00:01.1, ata_piix" ;;
    a.*) driver="0000:00:05.0, pata_cmd64x" ;;
    b.*) driver="0000:00:09.0, pata_cmd64x" ;;
    c.*) driver="0000:00:0d.0, pata_cmd64x" ;;
    isa.*)
        said disks | grep -q 'lab: no pata_legacy' && return
        driver="pata_legacy\.[0-9], no PCI driver"
        ;;
    esac
    sectors=$(($(stat -c %s "$image") / 512))
    sum=$(sed 's/ .*//' "$share/many$1.md5")
    expect disks "^lab: disk disk00$1: $sectors sectors, $sum, $driver\$"
    expect disks "^lab: mark disk00$1\$"
    tail -c 512 "$image" | tr -d '\000' | grep -qx "mark disk00$1" ||
        wrong "disks: the guest's mark is not on disk $1"
}

check_disks()
{
    expect_exit disks 0 0
    n=10
    for place in $many_places; do
        check_many $n "$place"
        n=$((n + 1))
    done
    said disks | grep -e '^lab: disk disk' | sed 's/.*, /  by /' | sort | uniq -c
    said disks | grep 'lab: no pata_legacy' && say "this kernel has no pata_legacy: ISA channels not tried"
    expect disks 'lab: interrupts: *14: *[1-9].*ata_piix'
    expect disks 'lab: interrupts: *10: *[1-9].*pata_cmd64x'
    said disks | grep -q 'lab: no pata_legacy' || expect disks 'lab: interrupts: *11: *[1-9].*pata_legacy'
    no_trouble disks
}
