#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's jobs of network cards, as a test of its own; NET_CARDS says which (see jobs/net.sh).
: "${JOBS:=net ipxe}"
export JOBS
exec "$(dirname "$0")/lab.sh"
