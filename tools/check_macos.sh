#!/bin/sh
# Compiles the sources for macOS on arm64, without linking, so that nobody breaks a Mac's build unseen from another system.
# usage: tools/check_macos.sh [FOLDER]    FOLDER: where objects go (a temporary one if not given)
# The compiler and Apple's C headers come from the PyPI package ziglang, as `python3 -m ziglang` (PYTHON: another
# interpreter). Headers of portable libraries are this system's. Vulkan, hwloc and Accelerate are left out: their headers
# for a Mac are not in the package.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${1:-$(mktemp -d "${TMPDIR:-/tmp}/xltune-macos.XXXXXX")}
"$python" -m ziglang version >/dev/null || {
    echo "check_macos: no ziglang in $python; pip install ziglang, in a virtual environment"
    exit 1
}

one() {
    file=$1
    case $file in
    */neon_dot.c) isa=-mcpu=apple_m1 ;;
    */neon_matrix.c) isa=-mcpu=apple_m2 ;;
    *) isa=-mcpu=apple_a7 ;;
    esac
    "$python" -m ziglang cc -target aarch64-macos "$isa" -c -o "$out/$(echo "$file" | tr / _).o" -std=c17 -O0 -Werror -Wall \
        -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wno-unused-parameter -D_DARWIN_C_SOURCE \
        '-DXL_VERSION="0"' '-DXL_SOURCE_DIR="."' '-DXL_DATADIR="."' -Iinclude -Isrc -I. -I"$out/include" "$file" 2>"$out/$$.log" || {
        echo "== $file"
        grep -E 'error|note' "$out/$$.log" | head -n 8
        return 1
    }
}

if [ "${2:-}" ]; then
    shift
    failed=0
    for file in "$@"; do one "$file" || failed=1; done
    exit "$failed"
fi

mkdir -p "$out/include"
for library in jansson libpcre2-8 zlib sqlite3 libpq libmicrohttpd; do
    folder=$(pkg-config --variable=includedir "$library")
    case $library in
    jansson) headers='jansson.h jansson_config.h' ;;
    libpcre2-8) headers=pcre2.h ;;
    zlib) headers='zlib.h zconf.h' ;;
    sqlite3) headers=sqlite3.h ;;
    libpq) headers='libpq-fe.h postgres_ext.h pg_config_ext.h' ;;
    libmicrohttpd) headers=microhttpd.h ;;
    esac
    for header in $headers; do
        # Debian has some of them in a folder of the architecture.
        for from in "$folder/$header" "$folder/$(gcc -print-multiarch 2>/dev/null)/$header"; do
            [ ! -f "$from" ] || cp "$from" "$out/include/"
        done
    done
done
cp "$(printf '#include <utf8proc.h>\n' | ${CC:-cc} -E - | sed -n 's/^# 1 "\(.*utf8proc\.h\)".*/\1/p' | head -n 1)" "$out/include/"

git ls-files 'src/*.c' 'tuner/*.c' 'cluster/*.c' 'server/*.c' 'cli/*.c' | grep -v -E '^src/(kernels/(x86|blas)|backend/vulkan)' |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 24 "$0" "$out"
echo "all compile"
