#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Golden frames: the same register scripts on Debian's QEMU and on kvm-dm, photographed and compared.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${KVM_DM:=$here/../../build/kvm-dm}"
export KVM_DM
for tool in python3 qemu-system-x86_64; do
    command -v $tool >/dev/null || { echo "no $tool to compare with"; exit 77; }
done
exec python3 "$here/frames.py" "$@"
