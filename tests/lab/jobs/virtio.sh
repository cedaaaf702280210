# SPDX-License-Identifier: GPL-2.0-or-later
# Job "virtio": Linux's virtio_blk, virtio-rng and virtio_pci, as drivers of virtio 1.0 and two queues with two processors
# (modern), by the ports of before (legacy), and with the pin for interrupts (pin). Disks: vda raw with a file system,
# vdb a qcow2 image that is written, discarded, zeroed and made larger, vdc read-only.
#
# VIRTIO_WAYS: some of them; VIRTIO_OPTIONS: further properties of each device, with a comma before them.
: "${VIRTIO_WAYS:=modern legacy pin}"
virtio_grown=$((20 << 20))

prepare_virtio()
{
    command -v qemu-img >/dev/null || { leave_out virtio "no qemu-img here"; return; }
    echo "$VIRTIO_WAYS" >"$share/virtio.ways"
    echo "${VIRTIO_OPTIONS:-}" >"$share/virtio.options"
    make_disk virtio
    head -c 12M /dev/urandom >"$share/virtio-noise.img"
    for way in $VIRTIO_WAYS; do
        cp --sparse=always "$share/virtio.img" "$share/virtio-$way.img"
        qemu-img convert -f raw -O qcow2 "$share/virtio-noise.img" "$share/virtio-$way.qcow2" || fail "qemu-img convert"
    done
}

# virtio_way WAY DEVICE-OPTIONS BLOCK-OPTIONS COMMAND-LINE OPTIONS...
virtio_way()
{
    way=$1
    own=$2$(cat "$share/virtio.options")
    queues=$3
    line=$4
    shift 4
    cp "$share/virtio-$way.img" vda.img
    cp "$share/virtio-$way.qcow2" vdb.qcow2
    SERIAL=$share/virtio-$way.serial run_python virtio-$way "$share/jobs/virtio.py" $virtio_grown "$share/vmlinuz" \
        "$share/inner.img" "$append lab=virtio $line" "$@" \
        -drive if=none,id=first,file=vda.img,format=raw,discard=unmap \
        -drive if=none,id=second,file=vdb.qcow2,format=qcow2,discard=unmap \
        -drive "if=none,id=third,file=$share/virtio-noise.img,format=raw,readonly=on" \
        -device virtio-blk-pci,drive=first,serial=first-disk$own$queues -device virtio-blk-pci,drive=second$own$queues \
        -device virtio-blk-pci,drive=third$own -device virtio-rng-pci$own
    cp vda.img "$share/virtio-$way.img"
    cp vdb.qcow2 "$share/virtio-$way.qcow2"
    rm vda.img vdb.qcow2
}

run_virtio()
{
    for way in $(cat "$share/virtio.ways"); do
        case $way in
        modern) virtio_way modern ,disable-legacy=on ,num-queues=2 "" -smp 2 ;;
        legacy) virtio_way legacy ,disable-modern=on "" "" ;;
        pin) virtio_way pin "" "" pci=nomsi ;;
        esac
    done
}

# virtio_check_second NAME: what the guest saw of vdb, and what the image has now
virtio_check_second()
{
    expect "$1" "^lab: vdb has $(md5sum <"$share/virtio-noise.img")\$"
    [ "$(said "$1" | sed -n 's/^lab: vdb at 1 MiB: //p')" = "$(said "$1" | sed -n 's/^lab: noise: //p')" ] ||
        wrong "$1: what was written to vdb is not what is read"
    expect "$1" "^lab: zeroes: $(head -c 2M /dev/zero | md5sum)\$"
    expect "$1" "^lab: vdb has grown to $((virtio_grown / 512)) sectors\$"
    qemu-img check -q "$share/$1.qcow2" || wrong "$1: qemu-img check finds errors"
    qemu-img convert -f qcow2 -O raw "$share/$1.qcow2" "$share/$1.raw" || wrong "$1: qemu-img convert"
    [ "$(stat -c %s "$share/$1.raw")" = $virtio_grown ] || wrong "$1: the image has not grown"
    expect "$1" "^lab: vdb has now $(head -c 12M "$share/$1.raw" | md5sum)\$"
    tail -c 512 "$share/$1.raw" | grep -aq '^mark at the end$' || wrong "$1: no mark at the end of the grown image"
}

# virtio_check_interrupts NAME: each queue's vector, or the pin; what the devices and the driver agreed on
virtio_check_interrupts()
{
    version_1=1 # VIRTIO_F_VERSION_1 is feature 32
    case $1 in
    virtio-modern)
        expect_interrupts "$1" PCI-MSI virtio0-req.0
        expect_interrupts "$1" PCI-MSI virtio0-req.1
        expect_interrupts "$1" PCI-MSI virtio1-config
        expect_interrupts "$1" PCI-MSI virtio3-input
        ;;
    virtio-legacy)
        version_1=0
        expect_interrupts "$1" PCI-MSI virtio0-req.0
        ;;
    virtio-pin)
        for n in 0 1 2 3; do
            expect_interrupts "$1" IO-APIC ".*virtio$n.*"
        done
        ;;
    esac
    [ "$(said "$1" | grep -c "^lab: virtio[0-3]: virtio_[a-z]*, features [01]\{32\}$version_1")" = 4 ] ||
        wrong "$1: drivers or features of the four devices"
}

virtio_check_way()
{
    queues=1
    [ "$1" = virtio-modern ] && queues=2
    expect_exit "$1" 0 0
    expect "$1" "^lab: vda: serial first-disk, 131072 sectors, write back, $queues queues, read-only 0\$"
    expect "$1" '^lab: vdc: .* sectors, .*, read-only 1$'
    [ "$(said "$1" | grep -c '^lab: read: .*OK$')" = 10 ] || wrong "$1: given files not right inside"
    expect "$1" '^lab: reread: 102$'
    expect "$1" '^lab: /mnt: [1-9][0-9]* .*bytes.* trimmed'
    expect "$1" '^lab: disk done$'
    check_files virtio "$share/$1.img" 102
    virtio_check_second "$1"
    expect "$1" '^lab: cache: write through$'
    expect "$1" '^lab: cache: write back$'
    expect "$1" "^lab: vdc has $(md5sum <"$share/virtio-noise.img")\$"
    expect "$1" '^lab: rng: virtio_rng.0$'
    expect "$1" '^lab: random: 32768 bytes, 3[2-9][0-9]* packed$'
    virtio_check_interrupts "$1"
    no_trouble "$1"
}

check_virtio()
{
    for way in $VIRTIO_WAYS; do
        virtio_check_way virtio-$way
        said virtio-$way | sed -n 's/^lab: interrupts: \(.*virtio.*\)/  \1/p'
    done
}
