#!/bin/sh
# Checks and times the CPU engine on this machine, in under 8 minutes: every instruction set's kernels against the plain C
# oracle, goldens in each arithmetic, and then one interleaved run of decode and prefill in every weight format and
# arithmetic, with 1 to all threads, of 1, 8 and 32 sequences, and of prompts up to 16,384 tokens (bench_cpu.c says which).
# Writes OUT/cpu-checks.txt and OUT/cpu.csv with machine, command and date; exit status 1 where a check failed.
#
# usage: bench/cpu.sh BUILD OUT     from the environment: SECONDS_OF_BENCH (240); LARGE and SMALL, checkpoints in place of
#                                   random ones like the 1.3B and the 160M; WRAP, a command that starts the programs
set -eu
[ $# -eq 2 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p;}' "$0"; exit 2; }
cd "$(dirname "$0")/.."
build=$1 out=$2
mkdir -p "$out"
checks=$out/cpu-checks.txt
: >"$checks"
failed=0
for isa in c avx2 avx2_vnni avx512 avx512_vnni avx512_bf16 amx neon neon_dot neon_matrix; do
    status=0
    ${WRAP:-} "$build/tests/kernels/check_kernels" "$isa" >>"$checks" 2>&1 || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 77 ] || failed=1
done
MESON_EXE_WRAPPER=${WRAP:-}
export MESON_EXE_WRAPPER
golden() {
    printf '%s: ' "$2" >>"$checks"
    sh tests/golden/goldens.sh "$build/cli/xltune" "$1" "$2" "$3" >>"$checks" 2>&1 || failed=1
}
golden 2e-5 tests/data/f32-sharded tests/data/f32-sharded/golden-T65.safetensors
golden 2e-5 tests/data/random/six-heads-fused tests/data/random/six-heads-fused/golden-T120.safetensors
golden 2e-6 models/tiny-literature tests/data/demo-goldens/prompt2.safetensors
cat "$checks"

work=
if [ -z "${LARGE:-}" ] || [ -z "${SMALL:-}" ]; then
    [ -w /dev/shm ] && room=/dev/shm || room=${TMPDIR:-/tmp}
    work=$(mktemp -d "$room/xltune-cpu.XXXXXX")
    trap 'rm -rf "$work"' EXIT INT TERM
    [ -n "${LARGE:-}" ] || { LARGE=$work/1.3b && ${WRAP:-} "$build/cli/xltune" synth --like 1.3b --dtype bf16 --out "$LARGE"; }
    [ -n "${SMALL:-}" ] || { SMALL=$work/160m && ${WRAP:-} "$build/cli/xltune" synth --like 160m --dtype bf16 --out "$SMALL"; }
fi
{
    echo "# machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $(getconf _NPROCESSORS_ONLN) CPUs, $(uname -sr); load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null) before"
    echo "# commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    echo "# command: bench/cpu.sh $build $out; large ${LARGE##*/}, small ${SMALL##*/}"
    echo "# date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    ${WRAP:-} "$build/bench/bench_cpu" -t "${SECONDS_OF_BENCH:-240}" "$LARGE" "$SMALL"
} >"$out/cpu.csv.part"
mv "$out/cpu.csv.part" "$out/cpu.csv"
cat "$out/cpu.csv"
exit $failed
