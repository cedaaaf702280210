# SPDX-License-Identifier: GPL-2.0-or-later
# Job "pio": Linux told to use no DMA: READ, WRITE and READ MULTIPLE, and packets with data by PIO. The disc
# is that of the laboratory's own CD drive, so the emulator reads a host's CD device.
outer_modules="$outer_modules ata_piix sr_mod"

prepare_pio()
{
    make_disc hostdisc 4
    make_disk pio 16M 96k
    outer_options="$outer_options -drive if=none,id=hostdisc,format=raw,readonly=on,file=$share/hostdisc.iso"
    outer_options="$outer_options -device ide-cd,drive=hostdisc,bus=ide.1"
}

run_pio()
{
    until [ -b /dev/sr0 ]; do sleep 1; done
    cp "$share/pio.img" pio.img
    linux pio 900 "lab=pio libata.dma=0" -drive file=pio.img,format=raw \
        -blockdev driver=host_cdrom,node-name=disc,filename=/dev/sr0,read-only=on \
        -device ide-cd,drive=disc,bus=ide.1,unit=0 </dev/null
    cp pio.img "$share/pio.img"
    rm pio.img
    # The drive is empty: no start, and a reason. Nothing may hang on in the drive.
    python3 "$share/jobs/hostcd.py" /dev/sr0
    run nodisc 60 -S -blockdev driver=host_cdrom,node-name=disc,filename=/dev/sr0,read-only=on \
        -device ide-cd,drive=disc,bus=ide.1,unit=0 </dev/null
}

check_pio()
{
    expect_exit pio 0 0
    expect_disc pio hostdisc
    [ "$(said pio | grep -c '^lab: hostdisc: .*OK$')" = 11 ] || wrong "pio: files of the disc not right"
    [ "$(said pio | grep -c 'lab: read: .*OK$')" = 10 ] || wrong "pio: given files not right inside"
    expect pio 'lab: reread: 12$'
    expect pio 'lab: dev1.0: ata, .*uses XFER_PIO_4$'
    expect pio 'lab: dev2.0: atapi, .*uses XFER_PIO_4$'
    check_files pio "$share/pio.img" 12
    no_trouble pio
    expect_exit nodisc 1 1
    grep -q 'no disc in the drive' "$share/nodisc.err" || wrong "pio: an empty host drive: $(cat "$share/nodisc.err")"
}
