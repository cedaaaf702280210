# SPDX-License-Identifier: GPL-2.0-or-later
# Job "menus": tests/guest/ctl.py where /dev/kvm is like hardware's, so that memtest86+ and iPXE run as well.
prepare_menus()
{
    [ -z "${EMU:-}" ] || { leave_out menus "kvm-dm-ctl needs kvm-dm"; return; }
    cp ../guest/ctl.py ../guest/grub.py "$share/jobs" && cp "$(dirname "$KVM_DM")/kvm-dm-ctl" "$share" ||
        leave_out menus "no kvm-dm-ctl"
}

run_menus()
{
    python_s=1800
    SERIAL=/dev/null run_python menus "$share/jobs/ctl.py"
    python_s=
}

check_menus()
{
    rc=$(cat "$share/menus.rc")
    case $rc in
    0)
        grep -h '^ok:' "$share/menus.err" | sed 's/^ok: /  /'
        grep -q 'cannot run' "$share/menus.err" && wrong "menus: $(grep 'cannot run' "$share/menus.err")"
        ;;
    77) say "menus: $(tail -n 1 "$share/menus.err")" ;;
    *) wrong "menus: exit code $rc: $(tail -n 5 "$share/menus.err")" ;;
    esac
}
