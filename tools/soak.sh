#!/bin/sh
# The long form of the tests that look for what is lost or trusted wrongly; `make check` runs a short form of each. Hours.
#   - tests/faults/run.py: calls that fail, FAULTS (1000) of each kind for each command
#   - tests/faults/kills.py: ROUNDS (300) of searches and conversions that are killed
#   - tests/faults/signals.py: SIGNAL_ROUNDS (40) of every signal to every command
#   - tests/faults/limits.py: LEVELS (17) of every limit, too low for what a command needs
#   - tests/faults/power_cut.py: the power is cut at CUTS (0: all) points of what each command writes
#   - tests/server/soak.py: 1,000 connections at a time to the server, of clients of every kind, for SERVE_SECONDS (1800)
#   - tools/long_run.py: a search, a generation and a server for LONG_MINUTES (120), whose memory and files are looked at
#   - tools/jitter.sh: tests of threads that sleep at random where they meet, with the JITTER_SEEDS (1 2 3) (needs clang)
#   - every fuzz target by libFuzzer for FUZZ_SECONDS (600), with the address and undefined-behaviour sanitizers (needs clang)
# usage: tools/soak.sh BUILD OUT     writes OUT/faults.csv, kills.csv, signals.csv, limits.csv, power_cut.csv, serve.csv, long.csv and fuzz.csv
set -eu
[ $# = 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
build=$1
failed=0
python3 tests/faults/run.py "$build/cli/xltune" "$build/tests/faults/libfault_shim.so" --most "${FAULTS:-1000}" --csv "$out/faults.csv" || failed=1
python3 tests/faults/kills.py "$build/cli/xltune" --rounds "${ROUNDS:-300}" --csv "$out/kills.csv" || failed=1
python3 tests/faults/signals.py "$build/cli/xltune" --rounds "${SIGNAL_ROUNDS:-40}" --csv "$out/signals.csv" || failed=1
python3 tests/faults/limits.py "$build/cli/xltune" --levels "${LEVELS:-17}" --csv "$out/limits.csv" || failed=1
python3 tests/faults/power_cut.py "$build/cli/xltune" "$build/tests/faults/librecorder.so" --most "${CUTS:-0}" --readers 0 \
    --csv "$out/power_cut.csv" || failed=1
python3 tests/server/soak.py "$build/cli/xltune" --seconds "${SERVE_SECONDS:-1800}" --csv "$out/serve.csv" || failed=1
python3 tools/long_run.py "$build/cli/xltune" --minutes "${LONG_MINUTES:-120}" --csv "$out/long.csv" || failed=1
if command -v clang >/dev/null; then
    # The seeds are words. shellcheck disable=SC2086
    sh tools/jitter.sh "$out" ${JITTER_SEEDS:-1 2 3} || failed=1
    [ -f "$out/build-fuzz/build.ninja" ] ||
        CC=clang meson setup "$out/build-fuzz" -Db_sanitize=address,undefined -Db_lundef=false -Dvulkan=disabled -Dfuzzer=true >/dev/null
    meson compile -C "$out/build-fuzz" >/dev/null
    echo "target,seconds,runs,corpus,faults" >"$out/fuzz.csv"
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        name=${name#fuzz_}
        mkdir -p "$out/corpus/$name"
        status=0
        "$out/build-fuzz/tests/fuzz/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-600}" -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="$out/fault-$name-" "$out/corpus/$name" "tests/fuzz/corpus/$name" >"$out/fuzz-$name.log" 2>&1 || status=1
        runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$out/fuzz-$name.log")
        echo "$name,${FUZZ_SECONDS:-600},${runs:-0},$(find "$out/corpus/$name" -type f | wc -l),$status" | tee -a "$out/fuzz.csv"
        [ "$status" = 0 ] || failed=1
    done
fi
exit $failed
