#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In a network namespace of its own where one can be made: libvirt puts the taps of cards on a bridge there.
if unshare -n true 2>/dev/null; then
    IN_NAMESPACE=1 exec unshare -n python3 "$(dirname "$0")/libvirt.py" "$@"
fi
exec python3 "$(dirname "$0")/libvirt.py" "$@"
