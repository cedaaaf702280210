#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Unmodified systems as guests, on any machine: QEMU's TCG emulates a processor with AMD-V, Debian's
# kernel in it offers a /dev/kvm like that of real hardware, and there the emulator under test boots
#   linux     Debian's kernel with its own drivers and an ext4 file system on an IDE disk, whose
#             files are checked inside and, after the power-off, outside
#   disks     the same kernel with 18 disks: on the machine's own channels, three cmd646-ide and an
#             isa-ide, each with its own driver; content checked inside, marks written there outside
#   floppy    SeaBIOS boots and reads floppies of six formats; the same kernel reads and writes four,
#             two per start, in drives whose format it has to find
#   smp       the same kernel with two processors, up to its reset
#   memtest   memtest86+ with its screen on the serial port
# One start of the laboratory for all: about 4 minutes on 2 cores.
#
# Environment: KVM_DM the emulator; EMU another one instead, with QEMU's options and exit codes (to
# prove the test itself: EMU=qemu-system-x86_64); JOBS some of the above; LAB_KERNEL_DEB a kernel
# package's file; LAB_KEEP=1 keeps $B/lab/run (serial logs, disk). Exit: 0, 1, or 77 if it cannot run here.
set -u
: "${B:=$(dirname "$0")/../../build}"
: "${KVM_DM:=$B/kvm-dm}"
: "${JOBS:=linux disks floppy smp memtest}"
mkdir -p "$B" && B=$(realpath "$B") || exit
KVM_DM=$(realpath "$KVM_DM")
LAB_KERNEL_DEB=${LAB_KERNEL_DEB:+$(realpath "$LAB_KERNEL_DEB")}
cd "$(dirname "$0")" || exit
lab=$B/lab
share=$lab/run
memtest=/boot/memtest86+ia32.bin
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

. ./build.sh

needs()
{
    for tool in qemu-system-x86_64 mke2fs e2fsck debugfs dpkg apt-cache; do
        command -v "$tool" >/dev/null || skip "no $tool here"
    done
    [ -n "$busybox" ] || skip "no busybox (Debian package busybox-static)"
    ldd "$busybox" >/dev/null 2>&1 && skip "busybox is not a static one (Debian package busybox-static)"
    [ -x "$KVM_DM" ] || [ -n "${EMU:-}" ] || skip "$KVM_DM is not built"
    # A build with the thread sanitizer takes an address space that is not to be had in there.
    [ -z "${EMU:-}" ] && nm "$KVM_DM" 2>/dev/null | grep -q __tsan_init &&
        skip "a build with the thread sanitizer is too slow for the laboratory"
}

# make_disk: an ext4 file system without partition table, with a file of 6 MiB and small ones
make_disk()
{
    rm -rf "$share/files"
    mkdir -p "$share/files/dir"
    dd if=/dev/urandom of="$share/files/big" bs=1M count=6 2>/dev/null
    for i in 1 2 3 4 5 6 7 8 9; do
        head -c $((i * 777)) /dev/urandom >"$share/files/dir/file$i"
    done
    (cd "$share/files" && md5sum big dir/* >given.md5)
    mke2fs -q -t ext4 -d "$share/files" "$share/disk.img" 64M || fail "mke2fs"
}

# The slots are those with interrupt 10 (Linux is told to leave it), since pata_legacy does not share 11.
many_places="ide.0:0 ide.0:1 ide.1:0 ide.1:1 a.0:0 a.0:1 a.1:0 a.1:1 b.0:0 b.0:1 b.1:0 b.1:1
    c.0:0 c.0:1 c.1:0 c.1:1 isa.0:0 isa.0:1"

# make_disks: an image per place, each of another size; $many is the emulator's options for them
make_disks()
{
    many="-device cmd646-ide,id=a,addr=5 -device cmd646-ide,id=b,addr=9 -device cmd646-ide,id=c,addr=0xd"
    many="$many -device isa-ide,id=isa,iobase=0x1e8,iobase2=0x3ee,irq=11"
    n=10
    for place in $many_places; do
        { printf 'disk00%d' $n; head -c $((300000 + n * 5120 - 8)) /dev/urandom; } >"$share/many$n.img"
        truncate -s %512 "$share/many$n.img"
        md5sum <"$share/many$n.img" >"$share/many$n.md5"
        many="$many -drive if=none,id=d$n,format=raw,file=many$n.img"
        many="$many -device ide-hd,drive=d$n,bus=${place%:*},unit=${place#*:},serial=disk00$n"
        n=$((n + 1))
    done
}

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

make_floppies()
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

prepare()
{
    mkdir -p "$lab" && rm -rf "$share" && mkdir "$share" || exit
    fetch_kernel
    make_initrd "$lab/outer" ./outer-init "$lab/outer.img"
    make_initrd "$lab/inner" ./inner-init "$share/inner.img"
    cp "$lab/vmlinuz" job.sh "$share" || exit
    make_disk
    make_disks
    case $JOBS in *floppy*) make_floppies ;; esac
    if [ -n "${EMU:-}" ]; then
        emulator="$EMU -accel kvm"
        JOBS=$(echo "$JOBS" | sed 's/disks//') # QEMU for the PC, as Debian builds it, has no cmd646-ide
    else
        # A copy, for its path may be hidden in there.
        cp "$KVM_DM" "$share/kvm-dm" || exit
        emulator=/run/share/kvm-dm
    fi
    case $JOBS in *memtest*)
        if [ ! -r $memtest ]; then
            say "no $memtest (Debian package memtest86+): left out"
            JOBS=$(echo "$JOBS" | sed 's/memtest//')
        fi
        ;;
    esac
    cat >"$share/settings" <<END
emulator='$emulator ${EMU_OPTIONS:-}'
jobs='$JOBS'
many='$many'
boot_floppies='$boot_floppies'
memtest=$memtest
memtest_s=${MEMTEST_S:-40}
END
}

run_lab()
{
    say "starts, jobs: $JOBS"
    timeout -k 5 "${LAB_TIMEOUT:-600}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,+svm -smp 2 -m 1536 \
        -nodefaults -display none -monitor none -serial stdio -no-reboot \
        -kernel "$lab/vmlinuz" -initrd "$lab/outer.img" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off" \
        -virtfs local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap \
        -virtfs local,path="$share",mount_tag=share,security_model=none \
        </dev/null 2>&1 | sed -u 's,\r,,g' | tee "$share/outer.log" | grep --line-buffered -v '^\[\|^$'
    grep -q 'lab: end after' "$share/outer.log" || wrong "the laboratory did not come to its end"
    set -- "$share"/*.rc
    [ -e "$1" ] || { LAB_KEEP=1; fail "no guest was run; see $share/outer.log"; }
}

# What the guest said on its serial line, without carriage returns.
said()
{
    tr -d '\r\000' <"$share/$1.serial" 2>/dev/null
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

# driver NAME PATTERN: shows what the guest's kernel said of a driver, and wants it
driver()
{
    line=$(said linux | grep -e "$2" | head -n 1 | sed 's/^lab: kernel: //')
    if [ -n "$line" ]; then
        printf '  %-10s %s\n' "$1" "$line"
    else
        wrong "linux: driver $1 is not there: $2"
    fi
}

check_drivers()
{
    say "drivers of the guest:"
    driver uart 'ttyS0 at I/O 0x3f8 (irq = 4.*16550A'
    driver i8042 'serio: i8042 KBD port at 0x60,0x64 irq 1'
    driver keyboard 'lab: input: "AT Translated Set 2 keyboard"'
    driver mouse 'lab: input: ".*Mouse"'
    driver ata 'lab: driver: pci 00:01.1: ata_piix'
    driver dma 'lab: dev1.0: ata, .*uses .*DMA'
    driver disk 'sd [0-9:]*: \[sda\] .*512-byte logical blocks'
    driver display 'fb0: .*frame buffer device'
    driver rtc 'rtc_cmos [0-9:]*: registered as rtc0'
    driver pm-timer 'lab: clocksource: .*acpi_pm'
    driver acpi 'ACPI: Interpreter enabled'
    driver button 'ACPI: button: Power Button'
    driver piix4 'lab: driver: pci 00:01.3: piix4_smbus'
    driver ext4 'EXT4-fs (sda): mounted filesystem'
}

# A file of the image by debugfs, against the sums that the guest and the host noted.
check_image()
{
    e2fsck -fn "$share/disk.img" >"$share/e2fsck.log" 2>&1 || {
        wrong "e2fsck finds errors:"
        tail -n 10 "$share/e2fsck.log"
    }
    rm -rf "$share/dump"
    mkdir "$share/dump"
    debugfs -R "rdump / $share/dump" "$share/disk.img" >"$share/debugfs.log" 2>&1
    (cd "$share/dump" && cmp given.md5 ../files/given.md5 && md5sum --quiet -c given.md5) ||
        wrong "given files changed on the disk"
    (cd "$share/dump/out" && md5sum --quiet -c ../written.md5) ||
        wrong "files that the guest wrote are not what it wrote"
    written=$(wc -l <"$share/dump/written.md5")
    [ "$written" = 102 ] || wrong "$written files written, not 102"
    cmp -s "$share/dump/out/copy" "$share/files/big" || wrong "the copied file differs"
}

check_linux()
{
    expect_exit linux 0 0
    check_drivers
    [ "$(said linux | grep -c 'lab: read: .*OK$')" = 10 ] || wrong "linux: given files not right inside"
    expect linux 'lab: reread: 102$'
    expect linux 'lab: rtc agrees'
    expect linux 'lab: serial input: typed on the serial line'
    expect linux 'lab: disk done'
    expect linux 'lab: power off'
    # Interrupts, not a driver's polling after a time-out, moved the bytes.
    for irq in '1: .*i8042' '4: .*ttyS0' '12: .*i8042' '14: .*ata_piix'; do
        expect linux "lab: interrupts: *${irq%%:*}: *[1-9].*${irq##*\*}"
    done
    for line in 'lab: FAIL' 'does not load' 'lab: dmesg' 'Kernel panic' 'Call Trace'; do
        said linux | grep -e "$line" && wrong "linux: '$line'"
    done
    check_image
}

# check_many NUMBER PLACE: one disk of the job "disks", as the guest saw it and as it is now
check_many()
{
    image=$share/many$1.img
    case $2 in
    ide.*) driver="0000:00:01.1, ata_piix" ;;
    a.*) driver="0000:00:05.0, pata_cmd64x" ;;
    b.*) driver="0000:00:09.0, pata_cmd64x" ;;
    c.*) driver="0000:00:0d.0, pata_cmd64x" ;;
    isa.*)
        said disks | grep -q 'lab: no pata_legacy' && return
        driver="pata_legacy\.[0-9], no PCI driver"
        ;;
    esac
    sectors=$(($(stat -c %s "$image") / 512))
    sum=$(sed 's/ .*//' "$share/many$1.md5")
    expect disks "^lab: disk disk00$1: $sectors sectors, $sum, $driver\$"
    expect disks "^lab: mark disk00$1\$"
    tail -c 512 "$image" | tr -d '\000' | grep -qx "mark disk00$1" ||
        wrong "disks: the guest's mark is not on disk $1"
}

check_disks()
{
    expect_exit disks 0 0
    n=10
    for place in $many_places; do
        check_many $n "$place"
        n=$((n + 1))
    done
    said disks | grep -e '^lab: disk disk' | sed 's/.*, /  by /' | sort | uniq -c
    said disks | grep 'lab: no pata_legacy' && say "this kernel has no pata_legacy: ISA channels not tried"
    expect disks 'lab: interrupts: *14: *[1-9].*ata_piix'
    expect disks 'lab: interrupts: *10: *[1-9].*pata_cmd64x'
    said disks | grep -q 'lab: no pata_legacy' || expect disks 'lab: interrupts: *11: *[1-9].*pata_legacy'
    for line in 'lab: FAIL' 'does not load' 'lab: dmesg' 'Kernel panic' 'Call Trace'; do
        said disks | grep -e "$line" && wrong "disks: '$line'"
    done
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
        expect floppy$n "^floppy: drive 00 type $4 sum $(cat "$share/floppy$n.sum") write 00 back b400\$"
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

check_smp()
{
    expect smp 'lab: task smp.* 2 processors'
    expect smp 'lab: siblings 2'
    expect smp 'lab: cores 2'
    expect smp 'lab: reset'
    expect_exit smp 2 0
}

# memtest86+ never ends of itself: the time limit does, by the signal that makes an emulator quit.
# It draws its screen with escape sequences.
check_memtest()
{
    expect_exit memtest 124 124
    sed 's/\x1b\[[0-9;?]*[A-Za-z]/\n/g' "$share/memtest.serial" | tr -d '\000' >"$share/memtest.text"
    grep -q 'Memtest86+' "$share/memtest.text" || wrong "memtest: its title is not on the screen"
    tests=$(grep -o '#[0-9]* *\[[^]]*\]' "$share/memtest.text" | uniq | tr '\n' ' ')
    [ -n "$tests" ] && say "memtest86+ ran $tests" || wrong "memtest: no test was run"
    grep -o 'CPU: .*Threads*' "$share/memtest.text" | tail -n 1
    grep 'Errors:' "$share/memtest.text" | grep -v 'Errors: 0 ' && wrong "memtest: errors"
    grep -i 'unexpected interrupt' "$share/memtest.text" && wrong "memtest: interrupt"
}

needs
prepare
trap '[ "${LAB_KEEP:-}" ] || rm -rf "$share"' EXIT
trap 'exit 1' INT TERM
run_lab
for job in $JOBS; do
    check_$job
done
grep -h -e 'Sanitizer' -e 'runtime error' "$share"/*.err && wrong "a sanitizer spoke"
[ $failed = 0 ] || { LAB_KEEP=1; fail "$failed findings; logs in $share"; }
echo "Debian's Linux $(sed 's/linux-image-//; s/ .*//' "$lab/package") by nested KVM, passed: $JOBS"
