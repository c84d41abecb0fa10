#!/bin/sh
# The Vulkan backend on a GPU, in one call of under ten minutes: builds, checks the goldens, and times a model of xLSTM-7B's
# shape with random weights: decode and prefill in several weight formats beside the card's own limits (read bandwidth and
# products, measured in the same run), and decode of many sequences at once. Writes gpu-single.csv and gpu-batch.csv.
#
# usage: bench/gpu.sh [BUILD [OUT]]    BUILD: a build folder, made where it is missing (default: build); or one that was built
#                                      elsewhere, with cli/xltune and bench/bench_batch in it. OUT: folder of the CSV files
#                                      (default: bench/results). From the environment: DEVICE (vulkan), SIZE (7b), MODEL (a
#                                      folder, instead of a random model), WEIGHTS ("stored q8_0 q4_0"), PROMPTS (512,2048,16384),
#                                      NEW (128), REPEATS (5), BATCH (1,8,32)
set -eu
cd "$(dirname "$0")/.."
build=${1:-build} out=${2:-bench/results} device=${DEVICE:-vulkan}
[ -x "$build/cli/xltune" ] || { meson setup "$build" && meson compile -C "$build"; }
xltune=$build/cli/xltune
mkdir -p "$out"
"$xltune" devices
check() { # GOLDEN CHECKPOINT SETTINGS...
    golden=$1 checkpoint=$2
    shift 2
    "$xltune" verify --device "$device" --model "$checkpoint" --golden "$golden" "$@" 2>&1 | tail -1 | sed "s|^|$golden: |"
}
{
    for golden in tests/data/*/golden-*.safetensors tests/data/random/*/golden-*.safetensors; do
        check "$golden" "$(dirname "$golden")" --compute bf16
    done
    for settings in "--compute f32" "--compute f32 --cpu-mask c" "--compute bf16" "--compute f32 --weights q8_0"; do
        # shellcheck disable=SC2086
        check tests/data/demo-goldens/prompt2.safetensors models/tiny-literature $settings
        # shellcheck disable=SC2086
        check tests/data/f32-sharded/golden-T65.safetensors tests/data/f32-sharded $settings
    done
} >"$out/gpu-goldens.part"
echo "$(grep -c ': all inside$' "$out/gpu-goldens.part") goldens are inside their tolerance; those that are not:"
grep -v ': all inside$' "$out/gpu-goldens.part" || echo none
rm "$out/gpu-goldens.part"
work=
if [ -z "${MODEL:-}" ]; then
    [ -w /dev/shm ] && room=/dev/shm || room=${TMPDIR:-/tmp}
    work=$(mktemp -d "$room/xltune-gpu.XXXXXX")
    trap 'rm -rf "$work"' EXIT INT TERM
    MODEL=$work/model
    "$xltune" synth --like "${SIZE:-7b}" --out "$MODEL"
fi
for weights in ${WEIGHTS:-stored q8_0 q4_0}; do
    "$xltune" bench --model "$MODEL" --device "$device" --weights "$weights" -p "${PROMPTS:-512,2048,16384}" -n "${NEW:-128}" \
        --segment 2048 --repeats "${REPEATS:-5}" --roofline --output csv >"$out/part.csv"
    if [ "$weights" = "${WEIGHTS_FIRST:-stored}" ]; then cat "$out/part.csv"; else tail -n +2 "$out/part.csv"; fi
done >"$out/gpu-single.part"
rm -f "$out/part.csv"
mv "$out/gpu-single.part" "$out/gpu-single.csv"
"$build/bench/bench_batch" -d "$device" -b "${BATCH:-1,8,32}" -r "${REPEATS:-5}" "$MODEL" >"$out/gpu-batch.part"
mv "$out/gpu-batch.part" "$out/gpu-batch.csv"
cat "$out/gpu-single.csv" "$out/gpu-batch.csv"
