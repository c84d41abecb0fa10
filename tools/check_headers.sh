#!/bin/sh
# Compiles each header alone, and the public ones as C++ too where a C++ compiler is there.
set -eu
cd "$(dirname "$0")/.."
bad=0
flags="-std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only -Iinclude -Isrc -I."
for h in $(git ls-files '*.h'); do
    ${CC:-cc} $flags -x c "$h" 2>/dev/null || { echo "$h does not compile alone"; bad=1; }
done
if command -v c++ >/dev/null 2>&1; then
    for h in include/xlstm/*.h; do
        c++ -Wall -Wextra -Werror -fsyntax-only -Iinclude -x c++ "$h" || { echo "$h does not compile as C++"; bad=1; }
    done
fi
exit $bad
