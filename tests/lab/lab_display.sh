#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's jobs of screen, keyboard and pointer, as a test of its own.
: "${JOBS:=input video menus}"
export JOBS
exec "$(dirname "$0")/lab.sh"
