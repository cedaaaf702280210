#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo guest through SeaBIOS: its own verdict, the power-off, and its writes seen from outside.
. "$(dirname "$0")/lib.sh"
need_kvm
need_guest demo.img

# sector LBA: its text, up to the newline that the guest wrote
sector()
{
    dd if="$tmp/disk.img" bs=512 skip="$1" count=1 2>/dev/null | head -n 1 | tr -d '\0'
}

cp "$guests/demo.img" "$tmp/disk.img"
run_vm 150 -vga std -m 64 -drive "file=$tmp/disk.img,format=raw" -no-reboot
expect_exit 0 "demo guest"
cat "$tmp/serial"
grep -q 'FAIL' "$tmp/serial" && fail "the guest reports a failure"
expect_serial '^demo: all 1[0-9] checks passed'
expect_serial '^pci: 00:01.1 8086:7010'

sectors=$(($(wc -c <"$tmp/disk.img") / 512))
for way in PIO:2 DMA:3; do
    text=$(sector $((sectors - ${way#*:})))
    [ "$text" = "kvm-dm demo guest wrote this sector by ${way%:*}" ] ||
        fail "the sector written by ${way%:*} is not in the image: '$text'"
done
# Nothing else of the disk may have changed.
cmp -s -n $(((sectors - 3) * 512)) "$guests/demo.img" "$tmp/disk.img" ||
    fail "the guest's disk changed where nothing was written"
dd if="$guests/demo.img" bs=512 skip=$((sectors - 1)) 2>/dev/null >"$tmp/a"
dd if="$tmp/disk.img" bs=512 skip=$((sectors - 1)) 2>/dev/null >"$tmp/b"
cmp -s "$tmp/a" "$tmp/b" || fail "the last sector changed"

# What a user sees by `make demo`: the guest's text screen and its serial line in one terminal.
# Letters only: colours and moves of the cursor are the terminal display's own affair.
seen="$(grep '^demo:' "$tmp/serial" | tr -d '\r')"
case $KVM_DM in *qemu*) echo "$seen; its sectors are in the image"; exit 0 ;; esac
command -v script >/dev/null || { echo "$seen; terminal not tried: no script(1)"; exit 0; }
cp "$guests/demo.img" "$tmp/disk.img"
TERM=xterm timeout -k 5 150 script -qec "stty rows 40 cols 100; exec $KVM_DM -accel $ACCEL -nodefaults \
    -vga std -m 64 -drive file=$tmp/disk.img,format=raw -display text -serial vc -no-reboot" \
    "$tmp/typescript" >/dev/null 2>&1 </dev/null
rc=$?
expect_exit 0 "demo guest in a terminal"
for text in 'kvm-dm demo guest' 'IDE disk' '  demo: all 1[0-9] checks passed' '[|] demo: all 1[0-9] checks passed'; do
    grep -a -q -e "$text" "$tmp/typescript" || {
        tail -c 3000 "$tmp/typescript" | cat -v
        fail "not in the terminal: $text"
    }
done
grep -a -q "$(printf '\342\224\214')" "$tmp/typescript" || fail "the frame's corners are not in the terminal"
echo "$seen; its sectors are in the image; screen and serial line in a terminal"
