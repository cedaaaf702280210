# SPDX-License-Identifier: GPL-2.0-or-later
# Job "load": writers with fsync on four disks at once, each with another way to the host's storage: a block
# device, a file past the page cache by Linux AIO, a file written through, and a qcow2 overlay. The files lie
# on an ext4 file system of the laboratory, since one in memory cannot be used past the page cache.
outer_modules="$outer_modules virtio_blk crc32c_generic ext4"
load_ways="device none through overlay"

prepare_load()
{
    make_disk load-given
    cp --sparse=always "$share/load-given.img" "$share/load-device.img"
    mkdir -p "$share/scratch.d"
    for way in none through base; do
        cp --sparse=always "$share/load-given.img" "$share/scratch.d/$way.img"
    done
    (cd "$share/scratch.d" && qemu-img create -q -f qcow2 -F raw -b base.img overlay.qcow2) ||
        fail "qemu-img create"
    mke2fs -q -t ext4 -d "$share/scratch.d" "$share/scratch.img" 600M || fail "mke2fs of scratch"
    rm -r "$share/scratch.d"
    outer_options="$outer_options -drive if=virtio,format=raw,discard=unmap,file=$share/scratch.img"
    outer_options="$outer_options -drive if=virtio,format=raw,file=$share/load-device.img"
}

run_load()
{
    mkdir -p scratch && mount -t ext4 /dev/vda scratch || { echo "lab: no scratch"; return; }
    set -- -drive file=/dev/vdb,format=raw,if=ide,index=0 \
        -drive file=scratch/none.img,format=raw,if=ide,index=1,cache=none,aio=native \
        -drive file=scratch/through.img,format=raw,if=ide,index=2,cache=writethrough \
        -drive file=scratch/overlay.qcow2,format=qcow2,if=ide,index=3
    linux load 900 "lab=load disks=abcd" "$@" </dev/null
    umount scratch
}

check_load()
{
    expect_exit load 0 0
    # The images out of the laboratory's file system.
    for image in none.img through.img base.img overlay.qcow2; do
        debugfs -R "dump $image $share/load-$image" "$share/scratch.img" 2>/dev/null
    done
    for way in $load_ways; do
        [ $way = overlay ] && check_overlay
        check_files load "$share/load-$way.img" 13 load-given
    done
    letter=a
    for way in $load_ways; do
        expect load "^lab: sd$letter given: 10\$"
        expect load "^lab: sd$letter reread: 13\$"
        letter=$(echo $letter | tr abc bcd)
    done
    # A cache that is written through is none, to Linux; the others are flushed.
    expect load '^lab: 1.0: write back$'
    expect load '^lab: 1.1: write back$'
    expect load '^lab: 2.0: write through$'
    expect load '^lab: 2.1: write back$'
    no_trouble load
}

check_overlay()
{
    ln -sf load-base.img "$share/base.img"
    qemu-img check -q "$share/load-overlay.qcow2" || wrong "load: qemu-img check finds errors in the overlay"
    cmp -s "$share/load-base.img" "$share/load-given.img" || wrong "load: the backing file was changed"
    qemu-img convert -O raw "$share/load-overlay.qcow2" "$share/load-overlay.img" || wrong "load: qemu-img convert"
}
