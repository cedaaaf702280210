#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's packer builds an image with kvm-dm as its emulator: an IDE disk, an e1000 on a user network, and keys typed
# over VNC, which the guest (SeaBIOS and a boot sector) says on its serial line before it switches itself off.
. "$(dirname "$0")/lib.sh"
need_kvm
need_guest rom/button.bin
command -v packer >/dev/null || skip "no packer here (Debian package packer)"

cp "$guests/rom/button.bin" "$tmp/disk.raw" && truncate -s 4M "$tmp/disk.raw" || exit 1
cat >"$tmp/template.json" <<END
{"builders": [{"type": "qemu", "qemu_binary": "$KVM_DM", "accelerator": "kvm", "machine_type": "pc", "memory": "64",
  "disk_image": true, "iso_url": "$tmp/disk.raw", "iso_checksum": "none", "format": "raw", "disk_interface": "ide",
  "skip_resize_disk": true, "net_device": "e1000", "headless": true, "output_directory": "$tmp/out", "vm_name": "built",
  "communicator": "none", "boot_wait": "${BOOT_WAIT:-25s}", "boot_command": ["ab<enter>q"], "shutdown_timeout": "120s",
  "qemuargs": [["-serial", "file:$tmp/serial"]]}]}
END
HOME=$tmp PACKER_CACHE_DIR=$tmp/cache CHECKPOINT_DISABLE=1 PACKER_NO_COLOR=1 timeout 300 packer build "$tmp/template.json" \
    >"$tmp/said" 2>&1 || { cat "$tmp/said" "$tmp/serial"; fail "packer build"; }
cat "$tmp/said"
grep -q 'Builds finished. The artifacts of successful builds are' "$tmp/said" || fail "packer made nothing"
for key in 61 62 0d 71; do
    grep -q "key $key" "$tmp/serial" || { cat "$tmp/serial"; fail "the key $key did not arrive"; }
done
cmp "$tmp/out/built" "$tmp/disk.raw" || fail "the image that was built is not the guest's disk"
echo "packer $(packer --version) built an image; the keys typed over VNC arrived"
