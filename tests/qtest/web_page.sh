#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The web console's terminal, which is a module without a page: by node.
cd "$(dirname "$0")/../web" || exit 1
command -v node >/dev/null || { echo "node is missing (Debian package nodejs)"; exit 77; }
# The modules are .js, as browsers get them; node is told by a package.json that they are modules.
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/ui" "$tmp/tests/web"
cp -r ../../ui/web "$tmp/ui/" && cp vt_test.mjs "$tmp/tests/web/" && echo '{"type": "module"}' > "$tmp/package.json"
node "$tmp/tests/web/vt_test.mjs"
