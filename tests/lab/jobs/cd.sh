# SPDX-License-Identifier: GPL-2.0-or-later
# Job "cd": Linux with sr_mod and iso9660; discs changed while it runs, the tray locked, moved, empty.

# make_disc NAME MIB: $share/NAME.iso with random files, their sums, and its name
make_disc()
{
    root=$share/$1.d
    mkdir -p "$root/dir"
    echo "$1" >"$root/name"
    head -c "${2}M" /dev/urandom >"$root/big"
    for i in 1 2 3 4 5 6 7 8 9; do
        head -c $((i * 1111)) /dev/urandom >"$root/dir/a rather long name $i"
    done
    (cd "$root" && md5sum name big dir/* >files.md5)
    genisoimage -quiet -R -V "$1" -o "$share/$1.iso" "$root" || fail "genisoimage"
    md5sum <"$share/$1.iso" >"$share/$1.md5"
}

prepare_cd()
{
    make_disc first 9
    make_disc second 5
}

run_cd()
{
    SERIAL=$share/cd.serial run_python cd "$share/jobs/cd.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=cd" "$share/first.iso" "$share/second.iso"
}

# expect_disc JOB NAME: the guest read the whole of it, bit for bit
expect_disc()
{
    expect "$1" "^lab: raw: $(($(stat -c %s "$share/$2.iso") / 512)) $(sed 's/ .*//' "$share/$2.md5")\$"
}

check_cd()
{
    expect_exit cd 0 0
    expect_disc cd first
    expect_disc cd second
    for name in first second again; do
        [ "$(said cd | grep -c "^lab: $name: .*OK\$")" = 11 ] || wrong "cd: files of $name not right"
    done
    expect cd '^lab: first: status: disc$'
    expect cd '^lab: still there: 11$'
    # Linux asks the drive, which says no: that it stays where it is, cd.py sees.
    expect cd '^lab: kernel: .*ILLEGAL REQUEST asc=0x53 ascq=0x2$'
    expect cd '^lab: this is disc second$'
    expect cd '^lab: ejected: eject: done$'
    expect cd '^lab: ejected: status: tray open$'
    expect cd '^lab: closed: status: disc$'
    expect cd '^lab: empty: status: no disc$'
    expect cd '^lab: empty: no read$'
    expect cd "^lab: big: $((((5 << 30) + 4 * 2048) / 512)) sectors, first the first sector\$"
    expect cd '^lab: big: last the last sector$'
    expect cd '^lab: big: beyond 0$'
    expect cd '^lab: dev2.0: atapi, .*uses .*DMA'
    [ "$(said cd | grep '^lab: raw:' | sort | uniq -c | wc -l)" = 2 ] || wrong "cd: a disc read twice differs"
    no_trouble cd
}
