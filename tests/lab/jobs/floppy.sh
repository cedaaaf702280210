# SPDX-License-Identifier: GPL-2.0-or-later
# Job "floppy": SeaBIOS boots and reads floppies of six formats; Linux reads and writes four.

# cylinders,heads,sectors of a track, and the drive's CMOS type
boot_floppies="1440 720 2880 1200 360 160"
floppy_format()
{
    case $1 in
    1440) echo 80 2 18 04 ;;
    720) echo 80 2 9 04 ;;
    2880) echo 80 2 36 05 ;;
    1200) echo 80 2 15 02 ;;
    360) echo 40 2 9 01 ;;
    160) echo 40 1 8 01 ;;
    esac
}

prepare_floppy()
{
    for n in $boot_floppies; do
        set -- $(floppy_format $n)
        B=$B python3 ../guest/floppy.py --image "$share/floppy$n.img" $1 $2 $3 >"$share/floppy$n.sum" ||
            fail "no image of $n KB"
    done
    for f in a:1440 b:720 c:2880 d:360; do
        head -c $((${f#*:} * 1024)) /dev/urandom >"$share/floppy-${f%:*}.img"
        md5sum <"$share/floppy-${f%:*}.img" >"$share/floppy-${f%:*}.md5"
    done
}

run_floppy()
{
    cp "$share"/floppy*.img .
    for n in $boot_floppies; do
        run floppy$n 300 -m 32 -fda floppy$n.img -boot order=a -device isa-debug-exit,iobase=0xf4,iosize=4 \
            </dev/null
    done
    linux fdlinux 900 lab=floppy -drive if=floppy,index=0,file=floppy-a.img,format=raw \
        -drive if=floppy,index=1,file=floppy-b.img,format=raw </dev/null
    linux fdlinux2 180 lab=floppy -drive if=floppy,index=0,file=floppy-c.img,format=raw \
        -drive if=floppy,index=1,file=floppy-d.img,format=raw -global isa-fdc.fdtypeB=120 </dev/null
    cp floppy*.img "$share"
    rm floppy*.img
}

# check_floppy_linux JOB DRIVE IMAGE SECTORS
check_floppy_linux()
{
    sum=$(sed 's/ .*//' "$share/floppy-$3.md5")
    expect "$1" "^lab: floppy $2: $4 sectors, $sum\$"
    expect "$1" "^lab: read mark floppy$2\$"
    tail -c 512 "$share/floppy-$3.img" | tr -d '\000' | grep -qx "mark floppy$2" ||
        wrong "$1: the guest's mark is not on floppy $2"
}

check_floppy()
{
    for n in $boot_floppies; do
        set -- $(floppy_format $n)
        expect_exit floppy$n 99 99
        expect floppy$n "sum $(cat "$share/floppy$n.sum") write 00 back b400\$"
    done
    for job in fdlinux fdlinux2; do
        expect_exit $job 0 0
        said $job | grep -e 'lab: kernel' | sed 's/^lab: kernel: /  /'
        said $job | grep -q 'lab: no floppy' && say "this kernel has no floppy module" && continue
        expect $job 'lab: interrupts: *6: *[1-9].*floppy'
        said $job | grep -e 'lab: FAIL' -e 'lab: kernel.*error' && wrong "$job: an error"
    done
    said fdlinux | grep -q 'lab: no floppy' && return
    check_floppy_linux fdlinux 0 a 2880
    check_floppy_linux fdlinux 1 b 1440
    check_floppy_linux fdlinux2 0 c 5760
    check_floppy_linux fdlinux2 1 d 720
}
