#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's job of keyboard and pointer, as a test of its own: ten thousand keys take their time.
: "${JOBS:=input}"
export JOBS
exec "$(dirname "$0")/lab.sh"
