# SPDX-License-Identifier: GPL-2.0-or-later
# Job "lba48": sectors that need 48 bits, read and written by Linux: behind 128 GiB, where 28 bits end, behind
# 2 TiB, where 32 bits end, and the last ones. Images of these sizes are sparse files.
far_sectors=629145600 # 300 GiB
far_start=628998144
huge_sectors=4831838208 # 2.25 TiB
huge_marks="0 268435448 268435452 268435456 4294967288 4294967292 4294967296 4831838192"

prepare_lba48()
{
    :
}

run_lba48()
{
    truncate -s $((far_sectors * 512)) far.img
    truncate -s $((huge_sectors * 512)) huge.img
    for sector in $huge_marks; do
        printf 'given %s' "$sector" | dd of=huge.img bs=512 seek="$sector" conv=notrunc 2>/dev/null
    done
    linux lba48 240 "lab=lba48 far=$far_start marks=$(echo $huge_marks | tr ' ' ,)" \
        -drive file=far.img,format=raw -drive file=huge.img,format=raw </dev/null
    # What is in the images, found without the emulator; the partition goes to the share.
    for sector in $huge_marks; do
        dd if=huge.img bs=512 skip=$((sector + 2)) count=1 2>/dev/null | tr -d '\000'
        echo
    done >"$share/lba48.marks"
    dd if=far.img of="$share/far.part" bs=1M iflag=skip_bytes,count_bytes conv=sparse \
        skip=$((far_start * 512)) 2>/dev/null
    rm far.img huge.img
}

check_lba48()
{
    expect_exit lba48 0 0
    expect lba48 "^lab: sda: $far_sectors sectors\$"
    expect lba48 "^lab: sdb: $huge_sectors sectors\$"
    expect lba48 "^lab: partition: $far_start $((far_sectors - far_start))\$"
    expect lba48 '^lab: far files: 6$'
    for sector in $huge_marks; do
        expect lba48 "^lab: sdb $sector: given $sector\$"
        expect lba48 "^lab: sdb back written sdb $sector\$"
        grep -qx "written sdb $sector" "$share/lba48.marks" || wrong "lba48: not in the image: $sector"
    done
    e2fsck -fn "$share/far.part" >"$share/e2fsck.log" 2>&1 || wrong "lba48: e2fsck: $(tail -n 5 "$share/e2fsck.log")"
    rm -rf "$share/dump" && mkdir "$share/dump"
    debugfs -R "rdump / $share/dump" "$share/far.part" >"$share/debugfs.log" 2>&1
    (cd "$share/dump" && [ "$(md5sum -c files.md5 2>/dev/null | grep -c OK)" = 6 ]) || wrong "lba48: files in the image"
    expect lba48 'lab: dev1.1: ata, .*uses .*DMA'
    no_trouble lba48
}
