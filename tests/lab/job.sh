# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the laboratory: the emulator with each guest. For guest NAME the share gets NAME.serial,
# NAME.err and NAME.rc; what they mean is decided outside. The disk is used on a file system in
# memory and copied to the share when the emulator has ended.
share=/run/share
cd /run || exit
. "$share/settings"

# run NAME SECONDS ARGS...: input, if any, from the pipe NAME.in
run()
{
    name=$1
    limit=$2
    shift 2
    start=$(cut -d . -f 1 /proc/uptime)
    timeout -k 5 "$limit" $emulator -nographic -no-reboot "$@" >"$share/$name.serial" 2>"$share/$name.err"
    rc=$?
    echo $rc >"$share/$name.rc"
    echo "lab: $name: exit $rc after $(($(cut -d . -f 1 /proc/uptime) - start)) s"
}

# linux NAME SECONDS COMMAND-LINE ARGS...
# An exit to the emulator is slow in here (up to 1 ms on a busy host): no kernel messages on the serial
# port (the guest sends those that matter later), no scan of all PCI buses for AMD's north bridges.
linux()
{
    name=$1
    limit=$2
    append="console=ttyS0,115200 quiet panic=-1 mitigations=off pci=noearly $3"
    shift 3
    run "$name" "$limit" -kernel "$share/vmlinuz" -initrd "$share/inner.img" -append "$append" \
        -m 256 "$@"
}

# typist NAME: once the guest asks, types a line on its serial port
typist()
{
    until grep -q 'lab: type' "$share/$1.serial" 2>/dev/null; do
        sleep 1
    done
    echo "typed on the serial line"
    exec sleep 600
}

for job in $jobs; do
    echo "lab: $job starts"
    case $job in
    linux)
        cp "$share/disk.img" disk.img
        mkfifo typed
        typist linux >typed &
        linux linux 240 lab=disk -drive file=disk.img,format=raw <typed
        kill $!
        cp disk.img "$share/disk.img"
        rm disk.img
        ;;
    disks)
        cp "$share"/many*.img .
        linux disks 240 "lab=disks disks=18 acpi_irq_nobalance" $many </dev/null
        cp many*.img "$share"
        rm many*.img
        ;;
    floppy)
        cp "$share"/floppy*.img .
        for n in $boot_floppies; do
            run floppy$n 60 -m 32 -fda floppy$n.img -boot order=a -device isa-debug-exit,iobase=0xf4,iosize=4 \
                </dev/null
        done
        linux fdlinux 180 lab=floppy -drive if=floppy,index=0,file=floppy-a.img,format=raw \
            -drive if=floppy,index=1,file=floppy-b.img,format=raw </dev/null
        linux fdlinux2 180 lab=floppy -drive if=floppy,index=0,file=floppy-c.img,format=raw \
            -drive if=floppy,index=1,file=floppy-d.img,format=raw -global isa-fdc.fdtypeB=120 </dev/null
        cp floppy*.img "$share"
        rm floppy*.img
        ;;
    smp) linux smp 180 "lab=smp" -smp 2 </dev/null ;;
    memtest) run memtest "$memtest_s" -kernel "$memtest" -append console=ttyS0,115200 -m 32 </dev/null ;;
    esac
done
