#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every CPU model of -cpu on Debian's QEMU and on kvm-dm, both with KVM: features by QMP, and CPUID as a guest reads it.
. "$(dirname "$0")/../guest/lib.sh"

need_kvm
need_guest rom/cpuid.bin
command -v qemu-system-x86_64 >/dev/null || { echo "no qemu-system-x86_64 to compare with"; exit 77; }
exec python3 "$(dirname "$0")/cpus.py" "$guests/rom/cpuid.bin"
