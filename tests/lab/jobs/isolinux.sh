# SPDX-License-Identifier: GPL-2.0-or-later
# Job "isolinux": tests/guest/isolinux.py, which a software KVM cannot run, where /dev/kvm is like hardware's.
prepare_isolinux()
{
    cp ../guest/isolinux.py "$share/jobs"
}

run_isolinux()
{
    SERIAL=/dev/null run_python isolinux "$share/jobs/isolinux.py"
}

check_isolinux()
{
    rc=$(cat "$share/isolinux.rc")
    case $rc in
    0) ;;
    77) say "isolinux: $(tail -n 1 "$share/isolinux.err")" ;;
    *) wrong "isolinux: exit code $rc: $(tail -n 5 "$share/isolinux.err")" ;;
    esac
}
