#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The committed man pages are what the programs' tables say now, and man finds nothing wrong with them.
set -eu
new=$(mktemp)
trap 'rm -f "$new"' EXIT
for program in "$KVM_DM" "$(dirname "$KVM_DM")/kvm-dm-ctl"; do
    page=man/$(basename "$program").1
    man/gen "$program" > "$new"
    if ! cmp -s "$new" "$page"; then
        diff -u "$page" "$new" | head -n 20
        echo "$page is out of date: run make man"
        exit 1
    fi
    if command -v groff >/dev/null; then
        complaints=$(groff -man -Tutf8 -ww -z "$new" 2>&1)
        [ -z "$complaints" ] || { echo "$page: $complaints"; exit 1; }
        form="and clean"
    else
        form="(no groff: form not checked)"
    fi
done
echo "man pages are up to date $form"
