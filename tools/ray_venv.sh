#!/bin/sh
# Makes a virtual environment with Ray in a folder, for the tests of clusters; does nothing where it is there.
# usage: tools/ray_venv.sh FOLDER    exits 77 where the package registry cannot be reached
set -eu
version=2.60.0
[ ! -f "$1/ray-$version" ] || exit 0
python3 -m venv "$1"
"$1/bin/pip" download --quiet --no-deps --disable-pip-version-check --retries 1 --timeout 15 --dest "$1" "ray==$version" || {
    echo "ray_venv: pip cannot fetch ray $version; the tests of clusters are skipped" >&2
    exit 77
}
"$1/bin/pip" install --quiet --disable-pip-version-check --find-links "$1" "ray[default]==$version"
rm -f "$1"/ray-*.whl
touch "$1/ray-$version"
