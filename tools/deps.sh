#!/bin/sh
# Installs what building, testing and running xltune needs, and says what and why; skips what is there.
# usage: tools/deps.sh [dev]      dev: also what .ci/run needs (clang, its analyzer, formatter and runtimes)
set -eu

# package in apt, brew, dnf, pacman ('-': comes with the system or another package), and the reason
needs() {
    cat <<'LIST'
gcc - gcc gcc C compiler
libc6-dev - glibc-devel - C library headers
pkg-config pkg-config pkgconf-pkg-config pkgconf finds the libraries
meson meson meson meson configures the build
ninja-build ninja ninja-build ninja builds
libjansson-dev jansson jansson-devel jansson JSON
libpcre2-dev pcre2 pcre2-devel pcre2 the tokenizer's regular expression
libutf8proc-dev utf8proc utf8proc-devel libutf8proc Unicode normal forms
libhwloc-dev hwloc hwloc-devel hwloc processor topology and pinning
zlib1g-dev zlib zlib-devel zlib packed landscapes of replay
libsqlite3-dev sqlite sqlite-devel sqlite the study's database
libmicrohttpd-dev libmicrohttpd libmicrohttpd-devel libmicrohttpd the HTTP server
libedit-dev libedit libedit-devel libedit line editing in xltune chat
libpq-dev libpq libpq-devel postgresql-libs studies on a PostgreSQL server
libcurl4-openssl-dev curl libcurl-devel curl clusters: the requests to a Ray head
gnuplot-nox gnuplot gnuplot gnuplot pictures
fonts-dejavu-core - dejavu-sans-fonts ttf-dejavu letters in the pictures
libcmocka-dev cmocka libcmocka-devel cmocka unit tests
libvulkan-dev vulkan-headers vulkan-headers vulkan-headers GPUs: what programs are compiled with
- vulkan-loader vulkan-loader-devel vulkan-icd-loader GPUs: finds the driver
glslc shaderc glslc shaderc GPUs: compiles the shaders
mesa-vulkan-drivers molten-vk mesa-vulkan-drivers vulkan-swrast GPUs: a driver, also one without a GPU for the tests
LIST
    [ "$1" = dev ] && cat <<'LIST'
clang - clang clang the second compiler
clang-format clang-format clang-tools-extra - the style check
clang-tidy - - - the gating analyzer
vulkan-validationlayers - vulkan-validation-layers vulkan-validation-layers what the driver does not check
spirv-tools - spirv-tools spirv-tools checks the compiled shaders
spirv-cross - spirv-cross spirv-cross translates the shaders to Metal, as a check
gcc-aarch64-linux-gnu - - - builds for arm64
libc6-dev-arm64-cross - - - what that links with
qemu-user - - - runs what was built for arm64
postgresql postgresql postgresql-server postgresql the server that the tests start
chromium - chromium chromium tests of the page of `report`
nodejs node nodejs nodejs drives the browser in these tests
npm - npm npm gets what drives it (playwright-core, axe-core)
python3-venv - - - the Mac's compiler check (ziglang from PyPI)
libclang-rt-14-dev - compiler-rt compiler-rt sanitizer runtimes for clang
LIST
    return 0
}

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if command -v apt-get >/dev/null 2>&1; then
    column=1
    # Node.js from its makers brings npm along.
    have() { { [ "$1" = npm ] && command -v npm >/dev/null; } || dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
    add() {
        $as_root apt-get update -qq
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    }
elif command -v brew >/dev/null 2>&1; then
    column=2
    have() { brew list --versions "$1" >/dev/null 2>&1; }
    add() { brew install "$@"; }
elif command -v dnf >/dev/null 2>&1; then
    column=3
    have() { rpm -q "$1" >/dev/null 2>&1; }
    add() { $as_root dnf install -y -q "$@"; }
elif command -v pacman >/dev/null 2>&1; then
    column=4
    have() { pacman -Q "$1" >/dev/null 2>&1; }
    add() { $as_root pacman -S --noconfirm --needed "$@"; }
else
    echo "deps: none of apt-get, brew, dnf or pacman is here; install these by hand (Debian's names):" >&2
    needs "${1:-}" | awk '{ printf "  %-20s", $1; for (i = 5; i <= NF; i++) printf " %s", $i; print "" }' >&2
    exit 1
fi

list=$(needs "${1:-}")
missing=
while read -r apt brew dnf pacman why; do
    case $column in
    1) package=$apt ;;
    2) package=$brew ;;
    3) package=$dnf ;;
    *) package=$pacman ;;
    esac
    [ "$package" = - ] && continue
    have "$package" && continue
    echo "deps: installing $package ($why)"
    missing="$missing $package"
done <<LIST
$list
LIST
# shellcheck disable=SC2086 # a list of names
[ -z "$missing" ] || add $missing
