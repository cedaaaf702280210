#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Holds the tree to the layers and rules of its design:
#   include   hw/ and ioreq/ reach the C library's plain headers, each other and the four ports only
#   back end  block/, chardev/ and ui/ include no device and nothing of the process
#   memory    guest memory is mapped by the bus master of IDE and the data buffers of virtio-blk only, which
#             hand it to the block layer; everybody else copies it once (HAZARDS D-08)
#   stderr    no device writes to the host's standard streams or ends the process on its own
#   spdx      every source file says its licence in its first lines
#   state     no mutable variable at file scope in hw/ and ioreq/ (from the objects of the build)
#   length    no function is longer than 100 lines
# First it shows on a small bad tree that each of these can fail.
set -u
cd "$(dirname "$0")/../.."
: "${B:=$PWD/build}"
max_lines=100

sources()
{
    # sources DIR SUBDIRS...: C files below them
    top=$1
    shift
    for d; do
        [ ! -d "$top/$d" ] || find "$top/$d" -name '*.[ch]'
    done | sort
}

check_includes()
{
    sources "$1" hw ioreq | while read -r f; do
        rel=${f#"$1"/}
        sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*/\1/p' "$f" |
            while read -r inc; do
                case $inc in
                '<assert.h>' | '<errno.h>' | '<inttypes.h>' | '<limits.h>' | '<stdarg.h>') ;;
                '<stdatomic.h>' | '<stdbool.h>' | '<stddef.h>' | '<stdint.h>') ;;
                '<stdio.h>' | '<stdlib.h>' | '<string.h>') ;;
                '<sys/uio.h>') ;; # struct iovec, the block port's word for memory
                '"ioreq/'*) ;;
                '"hw/'*)
                    case $rel in ioreq/*) echo "include: $rel: $inc: ioreq/ knows no device" ;; esac ;;
                '"block/block.h"' | '"chardev/chardev.h"' | '"ui/surface.h"' | '"net/net.h"')
                    case $rel in ioreq/*) echo "include: $rel: $inc: ioreq/ knows no port" ;; esac ;;
                *)
                    # The three places where ioreq/ stands on the host: the lock, the clock, waiting.
                    case "$rel $inc" in
                    'ioreq/iolock.c <pthread.h>' | 'ioreq/vclock.c <time.h>') ;;
                    'ioreq/iomap.c <sched.h>') ;;
                    *) echo "include: $rel: $inc is not for this layer" ;;
                    esac ;;
                esac
            done
    done
}

check_back_ends()
{
    sources "$1" host block chardev ui net | while read -r f; do
        grep -n '#include "\(dm\|hw\)/' "$f" | sed "s|^|back end: ${f#"$1"/}:|"
    done
}

check_memory()
{
    sources "$1" hw | while read -r f; do
        case ${f#"$1"/} in
        hw/ide/bmdma.c | hw/virtio/blk_map.c | hw/pci/pci.c | hw/env.h) ;; # pci.c: the gate of the bus-master bit
        *) grep -n 'dma_map[[:space:]]*(' "$f" | sed "s|^|memory: ${f#"$1"/}:|" ;;
        esac
    done
}

check_streams()
{
    sources "$1" hw | while read -r f; do
        grep -nE '(^|[^a-z_])(printf|puts|perror|exit|system|fopen|getenv)[[:space:]]*\(|stderr|stdout' \
            "$f" | sed "s|^|stderr: ${f#"$1"/}:|"
    done
}

check_spdx()
{
    {
        sources "$1" ioreq hw host block chardev ui dm ctl net tests bench
        [ ! -d "$1/tests" ] || find "$1/tests" -name '*.sh' -o -name '*.py' -o -name '*.S' | sort
    } | while read -r f; do
        head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
            echo "spdx: ${f#"$1"/}: no licence line"
    done
}

check_state()
{
    # check_state ARCHIVE...: objects (O) in sections that can be written after start. Constant tables
    # of pointers are in .data.rel.ro; what a sanitizer or gcov adds begins with _ or a dot.
    for a; do
        objdump -t "$a" | awk -v archive="${a##*/}" '
            /file format/ { object = $1; sub(":$", "", object) }
            NF >= 5 && $(NF - 2) ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $(NF - 2) !~ /rel\.ro/ &&
            $0 ~ / O / && $NF !~ /^[._]/ && $(NF - 1) !~ /^0+$/ {
                print "state: " archive " " object " " $NF " is a mutable variable"
            }'
    done
}

check_lengths()
{
    sources "$1" hw ioreq block chardev net ui dm ctl | while read -r f; do
        awk -v file="${f#"$1"/}" -v max=$max_lines '
            /^[A-Za-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
            /^{/ { start = NR }
            /^}/ { if (start && NR - start + 1 > max)
                       print "length: " file ": " name " has " NR - start + 1 " lines"
                   start = 0 }' "$f"
    done
}

check_all()
{
    # check_all DIR ARCHIVE...
    dir=$1
    shift
    check_includes "$dir"
    check_back_ends "$dir"
    check_memory "$dir"
    check_streams "$dir"
    check_spdx "$dir"
    check_state "$@"
    check_lengths "$dir"
}

self_test()
{
    bad=$(mktemp -d) || exit 1
    trap 'rm -rf "$bad"' EXIT
    mkdir -p "$bad/hw" "$bad/ioreq" "$bad/block"
    printf '/* SPDX-License-Identifier: GPL-2.0-or-later */\n#include "hw/device.h"\n' > "$bad/block/bad.c"
    {
        echo '#include <unistd.h>'
        echo '#include "dm/vm.h"'
        echo 'static int last_value;'
        echo 'static const char *const fine[] = {"a", "b"};'
        echo 'const char *bad_long(int n);'
        echo 'const char *bad_long(int n)'
        echo '{'
        i=0
        while [ $i -lt $max_lines ]; do echo '    last_value += n;'; i=$((i + 1)); done
        echo '    fprintf(stderr, "hello");'
        echo '    dma_map(0, 0, 0, 0);'
        echo '    return fine[last_value & 1];'
        echo '}'
    } > "$bad/hw/bad.c"
    {
        echo '/* SPDX-License-Identifier: GPL-2.0-or-later */'
        echo '#include "hw/device.h"'
        echo '#include <string.h>'
    } > "$bad/ioreq/bad.h"
    grep -v 'include\|fprintf\|dma_map' "$bad/hw/bad.c" > "$bad/object.c"
    ${CC:-cc} -fPIE -c -o "$bad/object.o" "$bad/object.c" && ar rc "$bad/libhw.a" "$bad/object.o" || return 1
    found=$(check_all "$bad" "$bad/libhw.a")
    for want in 'include: hw/bad.c: <unistd.h>' 'include: hw/bad.c: "dm/vm.h"' \
        'include: ioreq/bad.h: "hw/device.h"' 'stderr: hw/bad.c' 'spdx: hw/bad.c' \
        'state: libhw.a object.o last_value' 'length: hw/bad.c: bad_long has 105 lines' \
        'back end: block/bad.c' 'memory: hw/bad.c'; do
        case $found in
        *"$want"*) ;;
        *) echo "self-test: not found in a bad tree: $want"; echo "$found"; return 1 ;;
        esac
    done
    case $found in
    *fine* | *string.h* | *'spdx: ioreq'*) echo "self-test: good lines were refused: $found"; return 1 ;;
    esac
}

self_test || exit 1
for a in "$B/libhw.a" "$B/libioreq.a"; do
    [ -r "$a" ] || { echo "no $a: build first (make)"; exit 1; }
done
found=$(check_all . "$B/libhw.a" "$B/libioreq.a")
if [ -n "$found" ]; then
    echo "$found"
    echo "$(echo "$found" | wc -l) faults"
    exit 1
fi
echo "$(sources . ioreq hw host block chardev ui dm ctl net tests bench | wc -l) files checked"
