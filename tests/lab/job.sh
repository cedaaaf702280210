# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the laboratory: the emulator with each guest. For guest NAME the share gets NAME.serial,
# NAME.err and NAME.rc; what they mean is decided outside. The disk is used on a file system in
# memory and copied to the share when the emulator has ended.
share=/run/share
cd /run || exit
. "$share/settings"

# ended NAME CODE START: for those who check outside, and for who watches
ended()
{
    echo "$2" >"$share/$1.rc"
    echo "lab: $1: exit $2 after $(($(cut -d . -f 1 /proc/uptime) - $3)) s"
}

# run NAME SECONDS ARGS...
run()
{
    name=$1
    limit=$2
    shift 2
    start=$(cut -d . -f 1 /proc/uptime)
    timeout -k 5 "$limit" "$emulator" $options -nographic -no-reboot "$@" >"$share/$name.serial" 2>"$share/$name.err"
    ended "$name" $? "$start"
}

# run_python NAME SCRIPT ARGS...: a script that starts the emulator itself, by vmtest.py; $python_s: its limit
run_python()
{
    name=$1
    shift
    start=$(cut -d . -f 1 /proc/uptime)
    KVM_DM=$emulator timeout -k 5 "${python_s:-1200}" python3 -B "$@" >"$share/$name.err" 2>&1
    ended "$name" $? "$start"
}

# linux NAME SECONDS COMMAND-LINE ARGS...
linux()
{
    name=$1
    limit=$2
    line="$append $3"
    shift 3
    run "$name" "$limit" -kernel "$share/vmlinuz" -initrd "$share/inner.img" -append "$line" -m 256 "$@"
}

for file in "$share"/jobs/*.sh; do
    . "$file"
done
for job in $jobs; do
    echo "lab: $job starts"
    run_$job
done
