#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's jobs of disks and CDs, as a test of its own: lab.sh has no time limit for all of them.
: "${JOBS:=cd pio lba48 load install smart}"
export JOBS
exec "$(dirname "$0")/lab.sh"
