#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's jobs of the screen, and of menus that are driven by it, as a test of its own.
: "${JOBS:=video menus}"
export JOBS
exec "$(dirname "$0")/lab.sh"
