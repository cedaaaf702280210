#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The gate of counter 2 and the speaker's bit at port 61h, which KVM has inside.
. "$(dirname "$0")/lib.sh"

need_kvm
need_guest rom/port61.bin
run_vm 30 -bios "$guests/rom/port61.bin" -m 16 -device isa-debug-exit,iobase=0xf4,iosize=4
expect_exit 33 "port 61h"
echo "port 61h: gate, speaker bit, counter 2's output and refresh are what programs expect"
