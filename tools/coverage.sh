#!/bin/sh
# Builds with counters in build-coverage, runs the tests, and prints which lines and branches they reached, by folder.
# Needs gcc and its gcov. Tests may fail here (counters make them slow, and programs say so where they cannot write
# them); they are named, and what they reached counts.
# usage: tools/coverage.sh [TEST...]     default: all tests but those of the installed files
# Then `python3 tools/coverage.py build-coverage` shows more: --files FOLDER, --missing FILE.
set -eu
cd "$(dirname "$0")/.."
build=build-coverage
[ -f $build/build.ninja ] || CC="${CC-gcc}" meson setup $build -Db_coverage=true -Doptimization=1 -Ddebug=true \
    -Dc_args=-fprofile-update=atomic >/dev/null
meson compile -C $build >$build/compile.log || { tail -n 20 $build/compile.log; exit 1; }
find $build -name '*.gcda' -delete
[ $# -gt 0 ] || set -- --no-suite install
TEST_LIMIT_S=400 meson test -C $build --no-rebuild --timeout-multiplier 6 "$@" >$build/tests.log 2>&1 || true
grep -E ' (FAIL|TIMEOUT|ERROR) ' $build/tests.log | sed 's/^ *[0-9]*\/[0-9]* *//; s/^/not passed: /' || true
python3 tools/coverage.py $build
