# SPDX-License-Identifier: GPL-2.0-or-later
# Job "linux": Debian's kernel with its own drivers of a PC's devices and an ext4 file system on an IDE disk, whose
# files are checked inside and, after the power-off, outside.
prepare_linux()
{
    make_disk linux
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

run_linux()
{
    cp "$share/linux.img" disk.img
    mkfifo typed
    typist linux >typed &
    linux linux 900 lab=disk -drive file=disk.img,format=raw <typed
    kill $!
    cp disk.img "$share/linux.img"
    rm disk.img
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
    no_trouble linux
    check_files linux "$share/linux.img" 102
}
