# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the tests here: a temporary directory of the test's own, verdicts, and the emulator
# ($KVM_DM) with a limit of time and the accelerator of the run ($ACCEL, default kvm).
set -u
: "${B:=$PWD/build}"
: "${KVM_DM:=$B/kvm-dm}"
: "${ACCEL:=kvm}"
guests=$B/guest
here=$(dirname "$0")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kvm-dm-test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

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

need_kvm()
{
    [ "$ACCEL" != kvm ] && return
    (: <>/dev/kvm) 2>/dev/null || skip "/dev/kvm cannot be used"
}

need_guest()
{
    [ -r "$guests/$1" ] || skip "$guests/$1 is not built (make guests)"
}

# run_vm SECONDS ARGS...: the emulator headless, COM1 in $tmp/serial; sets rc.
run_vm()
{
    limit=$1
    shift
    rm -f "$tmp/serial"
    timeout -k 5 "$limit" "$KVM_DM" -accel "$ACCEL" -nodefaults -display none \
        -serial "file:$tmp/serial" "$@" </dev/null >"$tmp/out" 2>&1
    rc=$?
}

show_vm()
{
    for f in out serial; do
        [ -s "$tmp/$f" ] && { echo "--- $f:"; tail -n 40 "$tmp/$f"; }
    done
}

# expect_exit CODE WHAT: of the last run_vm
expect_exit()
{
    [ "$rc" = "$1" ] && return
    show_vm
    [ "$rc" = 124 ] && fail "$2: still running after $limit s"
    fail "$2: exit code $rc, not $1"
}

expect_serial()
{
    grep -q -e "$1" "$tmp/serial" 2>/dev/null && return
    show_vm
    fail "not on the serial line: $1"
}
