#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Unmodified systems as guests, on any machine: QEMU's TCG emulates a processor with AMD-V, Debian's
# kernel in it offers a /dev/kvm like that of real hardware, and there the emulator under test boots guests.
# The jobs are in jobs/, each with what it prepares, runs and checks in NAME.sh and, if it has a guest of its own,
# what that does in NAME.inner. `make check` runs the few that tests/run names, `make check-lab` every one; each of
# them has the laboratory for itself, so that no sum of times can pass a limit on a slow machine.
#
# Environment: JOBS the jobs of this start; KVM_DM the emulator; EMU another one instead, with QEMU's options and
# exit codes (to prove the test itself: EMU=qemu-system-x86_64); LAB_KERNEL_DEB a kernel package's file; LAB_KEEP=1
# keeps $B/lab/run/JOBS (serial logs, disks). Exit: 0, 1, or 77 if it cannot run here.
set -u
: "${B:=$(dirname "$0")/../../build}"
: "${KVM_DM:=$B/kvm-dm}"
: "${JOBS:=linux}"
mkdir -p "$B" && B=$(realpath "$B") || exit
KVM_DM=$(realpath "$KVM_DM")
LAB_KERNEL_DEB=${LAB_KERNEL_DEB:+$(realpath "$LAB_KERNEL_DEB")}
cd "$(dirname "$0")" || exit
lab=$B/lab
share=$lab/run/$(echo $JOBS | tr ' ' -)
# The command line of every Linux in the laboratory; jobs add QEMU's for itself to $outer_options. An exit to the
# emulator is slow in there (up to 1 ms on a busy host): no kernel messages on the serial port (the guest
# sends those that matter later), no scan of all PCI buses for AMD's north bridges.
append="console=ttyS0,115200 quiet panic=-1 mitigations=off pci=noearly"
busybox=$(command -v busybox)
failed=0
# e2fsprogs' and busybox's places, which a user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

say()
{
    echo "lab: $*"
}

fail()
{
    echo "FAIL: $*"
    exit 1
}

skip()
{
    echo "$*"
    exit 77
}

# wrong TEXT: a finding; the test goes on to see the others
wrong()
{
    echo "FAIL: $*"
    failed=$((failed + 1))
}

# leave_out JOB WHY
leave_out()
{
    say "$1 is left out: $2"
    JOBS=$(echo "$JOBS" | sed "s/\\b$1\\b//")
}

. ./build.sh
for file in jobs/*.sh; do
    . "./$file"
done

needs()
{
    for tool in qemu-system-x86_64 mke2fs e2fsck debugfs dpkg apt-cache genisoimage cc; do
        command -v "$tool" >/dev/null || skip "no $tool here"
    done
    [ -r /usr/include/libdrm/drm_mode.h ] || skip "no libdrm/drm_mode.h (Debian package libdrm-dev)"
    [ -n "$busybox" ] || skip "no busybox (Debian package busybox-static)"
    ldd "$busybox" >/dev/null 2>&1 && skip "busybox is not a static one (Debian package busybox-static)"
    [ -x "$KVM_DM" ] || [ -n "${EMU:-}" ] || skip "$KVM_DM is not built"
    # A build with the thread sanitizer takes an address space that is not to be had in there.
    [ -z "${EMU:-}" ] && nm "$KVM_DM" 2>/dev/null | grep -q __tsan_init &&
        skip "a build with the thread sanitizer is too slow for the laboratory"
}

# make_disk NAME [SIZE [BIG]]: $share/NAME.img, ext4 without a partition table, with a file of BIG and small
# ones, which are in $share/NAME.files, too
make_disk()
{
    files=$share/$1.files
    mkdir -p "$files/dir"
    head -c "${3:-6M}" /dev/urandom >"$files/big"
    for i in 1 2 3 4 5 6 7 8 9; do
        head -c $((i * 777)) /dev/urandom >"$files/dir/file$i"
    done
    (cd "$files" && md5sum big dir/* >given.md5)
    mke2fs -q -t ext4 -d "$files" "$share/$1.img" "${2:-64M}" >/dev/null || fail "mke2fs"
}

prepare()
{
    outer_options=
    mkdir -p "$lab/run" && rm -rf "$share" && mkdir "$share" || exit
    fetch_kernel
    make_initrds
    cp -r "$lab/vmlinuz" job.sh jobs "$share" && cp ../guest/vmtest.py "$share/jobs" || exit
    if [ -n "${EMU:-}" ]; then
        emulator=$EMU
        accel="-accel kvm"
    else
        # A copy, for its path may be hidden in there.
        cp "$KVM_DM" "$share/kvm-dm" || exit
        emulator=/run/share/kvm-dm
        accel=
    fi
    many=
    for job in $JOBS; do
        prepare_$job
    done
    cat >"$share/settings" <<END
emulator='$emulator'
options='$accel ${EMU_OPTIONS:-}'
append='$append'
jobs='$JOBS'
many='$many'
INPUT_COUNT='${INPUT_COUNT:-}'
END
}

start_lab()
{
    say "starts, jobs: $JOBS"
    # shellcheck disable=SC2086
    timeout -k 5 "${LAB_TIMEOUT:-3500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,+svm -smp 2 -m 1536 \
        -nodefaults -display none -monitor none -serial stdio -no-reboot \
        -kernel "$lab/vmlinuz" -initrd "$lab/outer.img" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off" \
        -virtfs local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap \
        -virtfs local,path="$share",mount_tag=share,security_model=none $outer_options \
        </dev/null 2>&1 | sed -u 's,\r,,g' | tee "$share/outer.log" | grep --line-buffered -v '^\[\|^$'
}

came_to_its_end()
{
    grep -q 'lab: end after' "$share/outer.log" || wrong "the laboratory did not come to its end"
    set -- "$share"/*.rc
    [ -e "$1" ] || { LAB_KEEP=1; fail "no guest was run; see $share/outer.log"; }
}

# What the guest said on its serial line, without carriage returns and a terminal's escape sequences.
said()
{
    tr -d '\r\000' <"$share/$1.serial" 2>/dev/null | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1bc//g'
}

# expect NAME PATTERN: a line of the guest
expect()
{
    said "$1" | grep -q -e "$2" || wrong "$1: not on the serial line: $2"
}

# expect_exit NAME CODE QEMU-CODE
expect_exit()
{
    rc=$(cat "$share/$1.rc" 2>/dev/null)
    want=$2
    [ -n "${EMU:-}" ] && want=$3
    [ "$rc" = "$want" ] && return
    wrong "$1: exit code ${rc:-none}, not $want"
    echo "--- $1.err:"
    tail -n 20 "$share/$1.err"
    echo "--- $1.serial:"
    said "$1" | tail -n 30
}

# check_files JOB IMAGE COUNT [GIVEN]: the files in it against the sums that the host (GIVEN of make_disk) and
# the guest noted; COUNT were written
check_files()
{
    e2fsck -fn "$2" >"$share/e2fsck.log" 2>&1 || {
        wrong "$1: e2fsck finds errors in $2:"
        tail -n 10 "$share/e2fsck.log"
    }
    rm -rf "$share/dump"
    mkdir "$share/dump"
    debugfs -R "rdump / $share/dump" "$2" >"$share/debugfs.log" 2>&1
    given=$share/${4:-$1}.files
    (cd "$share/dump" && cmp given.md5 "$given/given.md5" && md5sum --quiet -c given.md5) ||
        wrong "$1: given files changed in $2"
    (cd "$share/dump/out" && md5sum --quiet -c ../written.md5) ||
        wrong "$1: files that the guest wrote are not what it wrote in $2"
    written=$(wc -l <"$share/dump/written.md5")
    [ "$written" = "$3" ] || wrong "$1: $written files written, not $3"
    cmp -s "$share/dump/out/copy" "$given/big" || wrong "$1: the copied file differs"
}

# no_trouble JOB: nothing that a guest says when a device does not do what its driver expects
no_trouble()
{
    for line in 'lab: FAIL' 'does not load' 'lab: dmesg' 'Kernel panic' 'Call Trace'; do
        said "$1" | grep -e "$line" && wrong "$1: '$line'"
    done
}

# The emulated host's own kernel has crashed (QEMU's TCG loses its GS base once in some dozens of runs, under load): that says
# nothing of what runs on it, so it is started once more.
host_crashed()
{
    grep -aq 'Kernel panic' "$share/outer.log" && ! grep -q 'lab: end after' "$share/outer.log"
}

needs
prepare
trap '[ "${LAB_KEEP:-}" ] || rm -rf "$share"' EXIT
trap 'exit 1' INT TERM
start_lab
if host_crashed; then
    say "the emulated host's kernel crashed; once more"
    grep -a -m 3 'BUG:\|RIP:\|Kernel panic' "$share/outer.log"
    prepare
    start_lab
fi
came_to_its_end
for job in $JOBS; do
    check_$job
done
grep -h -e 'Sanitizer' -e 'runtime error' "$share"/*.err && wrong "a sanitizer spoke"
[ $failed = 0 ] || { LAB_KEEP=1; fail "$failed findings; logs in $share"; }
echo "Debian's Linux $(sed 's/linux-image-//; s/ .*//' "$lab/package") by nested KVM, passed: $JOBS"
