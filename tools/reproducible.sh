#!/bin/sh
# Builds the committed source twice, in folders of different names, and compares what would be installed, byte for byte.
# usage: tools/reproducible.sh [MESON OPTION...]
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for folder in one another-one/of-a-longer-name; do
    mkdir -p "$place/$folder"
    git archive HEAD | tar -x -C "$place/$folder"
    (
        cd "$place/$folder"
        meson setup build -Dtests=false "$@" >/dev/null
        meson compile -C build >/dev/null
        meson install -C build --no-rebuild --quiet --destdir "$place/$folder/root"
        cd root && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) >"$place/$(basename "$folder").sums"
done
if diff "$place/one.sums" "$place/of-a-longer-name.sums"; then
    echo "$(wc -l <"$place/one.sums") installed files are the same bytes in both builds"
else
    echo "the builds differ" && exit 1
fi
