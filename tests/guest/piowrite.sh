#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# PIO writes whose words KVM collects (docs/access.md): a guest that sleeps after the last word of a block gets
# its interrupt, and the disk what it wrote, whatever the widths; with one vCPU and with two.
. "$(dirname "$0")/lib.sh"

need_kvm
need_guest rom/piowrite.bin
python3 -c '
import struct, sys
words = (m * 0x1000 + n for m in range(3) for n in range(1024))
sys.stdout.buffer.write(struct.pack("<3072H", *words))' >"$tmp/expected"
for cpus in 1 2; do
    for cache in none writeback; do
        truncate -s 0 "$tmp/disk.img"
        truncate -s 1M "$tmp/disk.img"
        run_vm 20 -bios "$guests/rom/piowrite.bin" -smp $cpus -m 16 \
            -drive "file=$tmp/disk.img,format=raw,if=ide,cache=$cache" \
            -device isa-debug-exit,iobase=0xf4,iosize=4
        expect_exit 33 "PIO writes, $cpus vCPUs, cache=$cache"
        cmp -n 6144 "$tmp/expected" "$tmp/disk.img" || fail "$cpus vCPUs, cache=$cache: other data on the disk"
    done
done
echo "PIO writes with interrupts: 12 commands of rep outsw, rep outsl and outw arrived"
