# SPDX-License-Identifier: GPL-2.0-or-later
# Job "smart": hdparm and smartctl, as an administrator uses them, and fstrim, which must make the image smaller.
prepare_smart()
{
    for tool in hdparm smartctl fstrim; do
        command -v $tool >/dev/null || { leave_out smart "no $tool"; return; }
    done
    make_install_disc
    make_disk smart 96M
    # The superblock, byte by byte as hdparm shows it.
    dd if="$share/smart.img" bs=512 skip=2 count=1 2>/dev/null | od -An -v -w16 -tx1 >"$share/smart.sector"
}

# blocks_when_asked: how large the image is when the guest has filled it, and when it has given back
blocks_when_asked()
{
    until grep -q 'lab: ask blocks' "$share/smart.serial" 2>/dev/null; do
        sleep 1
    done
    stat -c %b smart.img >"$share/smart.filled"
    echo go
    exec sleep 600
}

run_smart()
{
    [ -e install.iso ] || cp "$share/install.iso" .
    cp --sparse=always "$share/smart.img" smart.img
    mkfifo answers
    blocks_when_asked >answers &
    linux smart 900 lab=smart -drive file=smart.img,format=raw,discard=unmap -cdrom install.iso <answers
    kill $!
    stat -c %b smart.img >"$share/smart.trimmed"
    cp --sparse=always smart.img "$share"
    rm smart.img
}

check_smart()
{
    expect_exit smart 0 0
    check_hdparm
    check_smartctl
    # Blocks of 512 bytes; the guest filled 25 MiB and gave them back.
    filled=$(cat "$share/smart.filled")
    trimmed=$(cat "$share/smart.trimmed")
    say "smart: the image has $((filled / 2)) KiB when full, $((trimmed / 2)) KiB when blocks are given back"
    [ $((filled - trimmed)) -gt 48000 ] || wrong "smart: fstrim gave nothing back"
    expect smart '^lab: trim: .* trimmed$'
    expect smart '^lab: given: 10$'
    e2fsck -fn "$share/smart.img" >"$share/e2fsck.log" 2>&1 || wrong "smart: e2fsck: $(tail -n 5 "$share/e2fsck.log")"
    no_trouble smart
}

check_hdparm()
{
    expect smart 'lab: identify: .*LBA48  user addressable sectors: *196608$'
    expect smart 'lab: identify: .*\*.*Write cache$'
    expect smart 'lab: identify: .*SMART feature set$'
    expect smart 'lab: identify: Checksum: correct$'
    expect smart 'lab: cache:  write-caching =  0 (off)$'
    expect smart 'lab: cache off: write through$' # Linux scans the disk again
    expect smart 'lab: cache:  write-caching =  1 (on)$'
    expect smart 'lab: ahead:  look-ahead    =  0 (off)$'
    expect smart 'lab: ahead:  look-ahead    =  1 (on)$'
    expect smart 'lab: power:  drive state is:  active/idle$'
    expect smart 'lab: asleep:  drive state is:  standby$'
    expect smart 'lab: awake:  drive state is:  active/idle$'
    expect smart 'lab: timer:  setting standby to 120'
    said smart | sed -n 's/^lab: sector: \([0-9a-f]\{4\} .*\)/ \1/p' >"$share/smart.seen"
    tr -d ' \n' <"$share/smart.seen" >"$share/smart.seen1"
    tr -d ' \n' <"$share/smart.sector" | cmp -s - "$share/smart.seen1" || wrong "smart: hdparm --read-sector"
    # "WHEN_FAILED" heads a column of smartctl's table.
    said smart | grep -e 'lab: [a-z]*: .*\(\bFAILED\|failed\|bad/missing\)' && wrong "smart: a command failed"
    [ -n "${EMU:-}" ] && return # QEMU's disks have no host protected area
    expect smart 'lab: max:  max sectors   = 196608/196608, HPA is disabled$'
    expect smart 'lab: clipped:  max sectors   = 100000/196608, HPA is enabled$'
    expect smart 'lab: unclipped:  max sectors   = 196608/196608, HPA is disabled$'
}

check_smartctl()
{
    expect smart 'lab: info: SMART support is: Enabled$'
    expect smart 'lab: info: User Capacity: *100,663,296 bytes'
    expect smart 'lab: smart: SMART overall-health self-assessment test result: PASSED$'
    expect smart 'lab: smart: .*Reallocated_Sector_Ct .* 0$'
    expect smart 'lab: smart: No Errors Logged$'
    expect smart 'lab: test: Drive command .* successful.$'
    expect smart 'lab: tested: # 1  Short offline .*Completed without error'
    expect smart 'lab: off: SMART Disabled'
    expect smart 'lab: on: SMART Enabled'
    expect smart 'lab: x: Write cache is:   Enabled$'
}
