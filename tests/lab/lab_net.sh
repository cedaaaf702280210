#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's jobs of network cards, as a test of its own; NET_CARDS and NETBOOT_CARDS say which (see
# jobs/net.sh, jobs/netboot.sh).
: "${JOBS:=net netboot}"
export JOBS
exec "$(dirname "$0")/lab.sh"
