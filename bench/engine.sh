#!/bin/sh
# Speed of the engine on this machine beside its roofline: tiny-literature and synthetic checkpoints of 160M and 1.3B
# parameters, in bfloat16 and float32, rounds interleaved. Writes a CSV with machine, command and date.
#
# usage: bench/engine.sh [BUILD [OUT.csv]]      ROUNDS, NEW, SIZES ("160m 1.3b") and PROMPTS ("512,2048") from the
#                                               environment; WRAP: a command that runs the bench, such as "chrt -f 10"
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
out=${2:-bench/results/engine-$(uname -m)-$(date +%Y%m%d).csv}
sizes=${SIZES-160m 1.3b}
work=$(mktemp -d "${TMPDIR:-/tmp}/xltune-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
set -- models/tiny-literature:stored models/tiny-literature:f32
for size in $sizes; do
    "$build/cli/xltune" synth --like "$size" --dtype bf16 --out "$work/$size"
    set -- "$@" "$work/$size:stored" "$work/$size:f32"
done
mkdir -p "$(dirname "$out")"
{
    echo "# machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $(getconf _NPROCESSORS_ONLN) CPUs, $(uname -sr)"
    echo "# commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    echo "# command: ROUNDS=${ROUNDS:-3} NEW=${NEW:-32} SIZES='$sizes' PROMPTS=${PROMPTS:-512,2048} WRAP='${WRAP:-}' bench/engine.sh"
    echo "# date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    ${WRAP:-} "$build/bench/bench_engine" -r "${ROUNDS:-3}" -p "${PROMPTS:-512,2048}" -n "${NEW:-32}" "$@"
} >"$out.part"
mv "$out.part" "$out"
echo "$out"
