#!/bin/sh
# Tests of the page of `xltune report` and `xltune dash` in Chromium (Debian's package chromium) with playwright-core and
# axe-core from npm, as package-lock.json pins them. Exits with 77 and a reason where they cannot be had.
# usage: tests/page/run.sh XLTUNE [FOLDER]    FOLDER: where pages and screenshots stay (default: a temporary one)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
xltune=$1
skip() { echo "skipped: $*"; exit 77; }
for program in node npm python3; do command -v $program >/dev/null || skip "$program is not here"; done
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
[ -n "$CHROMIUM" ] || skip "Chromium is not here"
export CHROMIUM
modules=$top/build-page/node_modules
if ! cmp -s "$here/package-lock.json" "$top/build-page/package-lock.json"; then
    mkdir -p "$top/build-page"
    npm ping --fetch-retries=1 --fetch-timeout=20000 >/dev/null 2>&1 || skip "the npm registry cannot be reached"
    cp "$here/package.json" "$top/build-page/"
    # The lock file is copied last: it marks what is complete.
    cp "$here/package-lock.json" "$top/build-page/package-lock.json.new"
    mv "$top/build-page/package-lock.json.new" "$top/build-page/package-lock.json"
    npm ci --prefix "$top/build-page" --ignore-scripts --no-audit --no-fund >/dev/null ||
        { rm -f "$top/build-page/package-lock.json"; exit 1; }
fi
if [ $# -gt 1 ]; then
    folder=$2
    rm -rf "$folder"
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
python3 "$here/make_runs.py" "$xltune" "$folder"
node "$here/page.mjs" "$xltune" "$folder" "$modules"
node "$here/dash.mjs" "$xltune" "$folder" "$modules"
