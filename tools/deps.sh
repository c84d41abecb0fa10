#!/bin/sh
# Installs what building, testing and running xltune needs, and says what and why. Skips what is there.
set -eu
# name of the package per system, and the reason; one line a need
needs() {
    cat <<'LIST'
gcc gcc gcc gcc C compiler
pkg-config pkg-config pkgconf-pkg-config pkgconf finds the libraries
meson meson meson meson builds
ninja-build ninja ninja-build ninja builds
libjansson-dev jansson jansson-devel jansson JSON
libopenblas-dev - openblas-devel openblas dense matrix products
libpcre2-dev pcre2 pcre2-devel pcre2 the tokenizer's regular expression
libutf8proc-dev utf8proc utf8proc-devel libutf8proc Unicode normal forms
libhwloc-dev hwloc hwloc-devel hwloc processor topology and pinning
libsqlite3-dev sqlite sqlite-devel sqlite the study's database
gnuplot-nox gnuplot gnuplot gnuplot pictures
libcmocka-dev cmocka libcmocka-devel cmocka unit tests
LIST
}
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if command -v apt-get >/dev/null 2>&1; then
    column=1
    have() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
    add() { $sudo apt-get update -qq; $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
elif command -v brew >/dev/null 2>&1; then
    column=2
    have() { brew list --versions "$1" >/dev/null 2>&1; }
    add() { brew install "$@"; }
elif command -v dnf >/dev/null 2>&1; then
    column=3
    have() { rpm -q "$1" >/dev/null 2>&1; }
    add() { $sudo dnf install -y -q "$@"; }
elif command -v pacman >/dev/null 2>&1; then
    column=4
    have() { pacman -Q "$1" >/dev/null 2>&1; }
    add() { $sudo pacman -S --noconfirm --needed "$@"; }
else
    echo "deps: none of apt-get, brew, dnf or pacman is here; these are needed:" >&2
    needs | awk '{ printf "  %-18s", $1; for (i = 5; i <= NF; i++) printf " %s", $i; print "" }' >&2
    exit 1
fi
missing=
needs >"${TMPDIR:-/tmp}/xltune-deps.$$"
while read -r apt brew dnf pacman why; do
    case $column in 1) p=$apt ;; 2) p=$brew ;; 3) p=$dnf ;; 4) p=$pacman ;; esac
    [ "$p" = - ] && continue
    have "$p" && continue
    echo "deps: installing $p ($why)"
    missing="$missing $p"
done <"${TMPDIR:-/tmp}/xltune-deps.$$"
rm -f "${TMPDIR:-/tmp}/xltune-deps.$$"
# shellcheck disable=SC2086
[ -z "$missing" ] || add $missing
