#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The committed man page is what the option tables say now, and man finds nothing wrong with it.
set -eu
new=$(mktemp)
trap 'rm -f "$new"' EXIT
man/gen "$KVM_DM" > "$new"
if ! cmp -s "$new" man/kvm-dm.1; then
    diff -u man/kvm-dm.1 "$new" | head -n 20
    echo "man/kvm-dm.1 is out of date: run make man"
    exit 1
fi
if command -v groff >/dev/null; then
    complaints=$(groff -man -Tutf8 -ww -z "$new" 2>&1)
    [ -z "$complaints" ] || { echo "$complaints"; exit 1; }
    echo "man page is up to date and clean"
else
    echo "man page is up to date (no groff: form not checked)"
fi
