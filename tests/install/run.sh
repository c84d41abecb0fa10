#!/bin/sh
# Installs the build folder into an empty folder, builds examples/generate.c with nothing but the installed pkg-config
# file, and runs it on the embedded checkpoint: it must continue the prompt as the reference implementation does. Then
# removes all of it.
# usage: run.sh BUILD SOURCE PREFIX LIBDIR CC [CFLAGS…]
set -eu
build=$1 source=$2 prefix=$3 libdir=$4 cc=$5
shift 5
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$place/root"
root=$place/root$prefix
# The flags must name no other package: a program needs neither their include folders nor their libraries.
PKG_CONFIG_LIBDIR=$root/$libdir/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$place/root
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
# shellcheck disable=SC2046 # words are wanted
$cc -std=c17 -Wall -Wextra -Werror "$@" "$source/examples/generate.c" -o "$place/generate" $(pkg-config --cflags --libs xlstm)
unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
# The first golden of tests/data/demo-goldens/greedy.json.
LD_LIBRARY_PATH=$root/$libdir "$place/generate" "$source/models/tiny-literature" "It was a bright cold morning, and" 96 >"$place/text"
diff "$source/tests/install/expected.txt" "$place/text"
cmp "$source/targets/torch_xlstm.py" "$root/share/xltune/targets/torch_xlstm.py"
DESTDIR=$place/root python3 "$source/tools/uninstall.py" "$build" >/dev/null
[ ! -e "$place/root" ] || { echo "left after uninstall:"; find "$place/root"; exit 1; }
