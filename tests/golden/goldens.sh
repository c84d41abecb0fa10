#!/bin/sh
# usage: goldens.sh XLTUNE TOLERANCE MODEL GOLDEN...
# Verifies every golden file with each instruction set and with combinations of tunables, none of which may change the
# result; and with weight formats that round, each within the tolerance that it states.
set -u
xltune=$1 tolerance=$2 model=$3
shift 3
failures=0 runs=0
# A program for another processor runs in an emulator, of which Meson tells.
wrapper=${MESON_EXE_WRAPPER:-}
case ${wrapper:-$(uname -m)} in
*aarch64* | arm64) middle=neon ;; # an instruction set that is not the best
*) middle=avx2 ;;
esac
for golden in "$@"; do
    for settings in \
        "--cpu-mask c" \
        "--cpu-mask c --scheduler recurrent --workers 1" \
        "--cpu-mask $middle" \
        "--cpu-mask $middle --scheduler recurrent" \
        "--cpu-mask $middle --scheduler queued --chunk-size 1 --heads-per-band 1 --workers 1 --segment 1" \
        "--scheduler queued --chunk-size 16 --heads-per-band 1 --workers 2 --segment 64" \
        "--scheduler queued --chunk-size 64 --heads-per-band 2 --workers 4 --segment 4096" \
        "--scheduler ray --chunk-size 13 --heads-per-band 3 --workers 3 --segment 50" \
        "--scheduler ray --chunk-size 256 --heads-per-band 1 --workers 2 --decode-workers 1" \
        "--scheduler ray --chunk-size 7 --heads-per-band 8 --workers 2 --segment 33 --decode-workers 3" \
        "--huge-pages on --pinning compact" \
        "--weights f32 --chunk-size 100" \
        "--compute bf16" \
        "--compute bf16 --cpu-mask $middle --chunk-size 16 --segment 50" \
        "--compute bf16 --cpu-mask c --workers 1" \
        "--compute int8" \
        "--compute int8 --cpu-mask $middle --scheduler queued --chunk-size 16 --segment 50" \
        "--compute int8 --cpu-mask c --workers 1"; do
        runs=$((runs + 1))
        case $settings in
        *--compute*) limit= ;;
        *) limit="--tolerance $tolerance" ;;
        esac
        # shellcheck disable=SC2086
        if ! output=$($wrapper "$xltune" verify --model "$model" --golden "$golden" $limit $settings 2>&1); then
            failures=$((failures + 1))
            printf '%s\n%s\n%s\n' "FAIL $golden $settings" "$(printf '%s\n' "$output" | grep FAIL)" \
                "$(printf '%s\n' "$output" | tail -1)"
        fi
    done
done
echo "$runs runs, $failures failed"
[ "$failures" -eq 0 ]
