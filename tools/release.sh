#!/bin/sh
# Makes the release of the committed source in OUT: the source archive, a Debian package, a tarball that runs from
# wherever it is unpacked (it holds the libraries that the program links, but not the C library), and SHA256SUMS.
# tools/release_check.sh installs and tries each in a bare Debian.
# usage: tools/release.sh OUT
set -eu
[ $# = 1 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
machine=$(uname -m)

# Names, owners and times of members do not depend on who packs them.
pack() {
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$1" -cf - "$2" | xz -6 >"$3"
}

git archive --prefix="xltune-$version/" HEAD | tar -x -C "$place"
pack "$place" "xltune-$version" "$out/xltune-$version.tar.xz"

# Builds once; another prefix and other link arguments only link anew.
build() { # $1: prefix; $2: staging folder; $3: arguments for the linker
    if [ -f "$place/build/build.ninja" ]; then
        meson configure "$place/build" --prefix "$1" -Dc_link_args="$3"
    else
        meson setup "$place/build" "$place/xltune-$version" -Dtests=false --prefix "$1" --libdir lib --strip \
            -Dc_link_args="$3" >/dev/null
    fi
    meson compile -C "$place/build" >/dev/null
    meson install -C "$place/build" --no-rebuild --quiet --destdir "$2"
}

# ---- the Debian package ----
if command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null; then
    root=$place/deb
    build /usr "$root" ""
    mkdir -p "$root/DEBIAN" "$root/usr/share/doc/xltune" "$place/debian"
    cp LICENSE "$root/usr/share/doc/xltune/copyright"
    : >"$place/debian/control"
    depends=$(cd "$place" && dpkg-shlibdeps -O --ignore-missing-info "$root/usr/bin/xltune" "$root"/usr/lib/libxlstm.so.* 2>/dev/null |
        sed -n 's/^shlibs:Depends=//p')
    cat >"$root/DEBIAN/control" <<CONTROL
Package: xltune
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: the xltune developers
Section: science
Priority: optional
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: $depends
Recommends: gnuplot-nox
Description: runs and tunes xLSTM language models
 Runs Hugging-Face-style xLSTM checkpoints on processors and GPUs, in float32
 down to 4 bits, and finds the fastest settings on this machine that leave the
 output as it was, with an interval on what they gain.
CONTROL
    echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group --build "$root" "$out/xltune_${version}_$(dpkg --print-architecture).deb" >/dev/null
else
    echo "no Debian package: dpkg-deb and dpkg-shlibdeps (dpkg-dev) are missing"
fi

# ---- the tarball ----
name=xltune-$version-linux-$machine
# As DT_RPATH: as DT_RUNPATH, which is usual, the libraries that these libraries need would not be found.
build "/$name" "$place/tar" "-Wl,--disable-new-dtags,-rpath,\$ORIGIN/../lib/xltune"
top=$place/tar/$name
mkdir -p "$top/lib/xltune"
ldd "$top/bin/xltune" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | while read -r library; do
    case $(basename "$library") in
    # The C library's parts belong to the system. The loader of GPU drivers finds those of the system.
    libc.so* | libm.so* | libpthread.so* | libdl.so* | librt.so* | libresolv.so* | ld-linux*) ;;
    *) cp -L "$library" "$top/lib/xltune/" ;;
    esac
done
cp LICENSE README.md "$top/"
pack "$place/tar" "$name" "$out/$name.tar.xz"

(cd "$out" && sha256sum -- *.tar.xz *.deb 2>/dev/null >SHA256SUMS || true)
ls -l "$out"
