#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# SeaBIOS to a boot sector, on both machines, with little memory, two processors, and -bios FILE.
. "$(dirname "$0")/lib.sh"
need_kvm
need_guest rom/bootsect.bin

# boots WHAT ARGS...: the sector is reached and its word leaves by the debug port (31h -> 63h)
boots()
{
    what=$1
    shift
    cp "$guests/rom/bootsect.bin" "$tmp/disk.img"
    truncate -s 1M "$tmp/disk.img"
    started=$(date +%s)
    run_vm 120 -vga std -drive "file=$tmp/disk.img,format=raw" \
        -device isa-debug-exit,iobase=0xf4,iosize=4 "$@"
    expect_exit 99 "$what"
    expect_serial '^bootsect: drive 80 base 02[0-9a-f][0-9a-f] '
    echo "$what: $(tr -d '\r' <"$tmp/serial"), $(($(date +%s) - started)) s"
}

boots "pc, 16 MiB" -machine pc -m 16
boots "pc, two processors" -machine pc -m 64 -smp 2
expect_serial 'cpus-1 01'
boots "isapc" -machine isapc -m 32
bios=/usr/share/seabios/bios.bin
if [ -r $bios ]; then
    cp $bios "$tmp/firmware.bin"
    boots "-bios FILE" -m 32 -bios "$tmp/firmware.bin"
fi
# The same sector as an El Torito image on a CD, which SeaBIOS reads with packet commands.
if command -v genisoimage >/dev/null; then
    mkdir "$tmp/cd"
    cp "$guests/rom/bootsect.bin" "$tmp/cd/boot.img"
    truncate -s 2048 "$tmp/cd/boot.img"
    genisoimage -quiet -b boot.img -no-emul-boot -boot-load-size 4 -c boot.cat -o "$tmp/cd.iso" \
        "$tmp/cd"
    for machine in pc isapc; do
        run_vm 120 -vga std -machine $machine -m 32 -cdrom "$tmp/cd.iso" \
            -device isa-debug-exit,iobase=0xf4,iosize=4
        expect_exit 99 "$machine, CD"
        expect_serial '^bootsect: drive e0 base 02[0-9a-f][0-9a-f] '
    done
fi
# A boot from a disk that is not bootable ends in SeaBIOS's message, not in our error.
echo "boot sector reached on pc, isapc, with -smp 2, with -bios FILE"
