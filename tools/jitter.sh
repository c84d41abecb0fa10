#!/bin/sh
# Tests of what has several threads or processes, with the thread sanitizer and then with those for addresses and undefined
# behaviour, while calls at which threads meet sleep at random (tests/jitter.c). About an hour for each seed.
# usage: tools/jitter.sh FOLDER [SEED...]      builds below FOLDER (needs clang); SEEDs: 1 where none are given
set -eu
[ $# -ge 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- 1
cd "$(dirname "$0")/.."
# A program in a build folder looks for its data in the folder above that, which is the source where builds lie in it.
for data in models profiles prompts targets web; do
    [ -e "$out/$data" ] || ln -s "$PWD/$data" "$out/$data"
done
tests='serve.*|pool|batch|live_page|line_input|tasks|cluster|cli-(generate|chat|top|streams|target)|cluster-heads|server-.*|fleet-.*'
failed=0
for kind in thread address,undefined; do
    build=$out/jitter-$kind
    [ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Djitter=true -Db_sanitize=$kind -Db_lundef=false \
        -Dbuildtype=debugoptimized -Dvulkan=disabled >/dev/null
    meson compile -C "$build" >/dev/null
    list=$(meson test -C "$build" --list 2>/dev/null | sed -n 's#^xltune:.* / ##p' | grep -xE "$tests")
    for seed; do
        # The names are words. shellcheck disable=SC2086
        JITTER=$seed TSAN_OPTIONS=halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TEST_LIMIT_S=400 \
            meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 $list || failed=1
    done
done
exit $failed
