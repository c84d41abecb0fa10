#!/bin/sh
# Records the engine's own spaces on this machine as landscapes, and replays them.
#
# usage: bench/landscapes.sh BUILD NAME [PART [SECONDS]]
#
# BUILD    the build folder, with cli/xltune and bench/bench_effects
# NAME     of the machine in the names of the files, bench/landscapes/NAME*
# PART     space: chunk_size x heads_per_band x workers x segment of a synthetic 160M model in bfloat16, ten
#          interleaved repeats; the even ones define the optimum, `auto` searches the odd ones with 25 measurements
#          effects: parameters of prefill alone and of decode alone, four repeats; the measurements that a search of
#          both apart saves
#          all (default): both
#          replay: nothing is recorded, existing recordings are replayed again
# SECONDS  limit for each part's recording (400); the script says what is left out, which can be continued
#
# Run again after an interruption it continues. From the environment: WRAP, a command that runs the recordings
# ("chrt -f 50"); REPEATS; TUNE and TUNE_EFFECTS, other spaces; PROMPT and PROMPT_BYTES, another prompt (the first
# 1000 bytes of prompts/long_form.txt, 277 tokens); WORK, the folder for checkpoint and runs.
set -eu
cd "$(dirname "$0")/.."
usage() {
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
}
[ $# -ge 2 ] && [ $# -le 4 ] || usage
build=$1 name=$2 part=${3:-all} seconds=${4:-400}
out=bench/landscapes
work=${WORK:-${TMPDIR:-/tmp}/xltune-landscapes-$name}
xltune=$build/cli/xltune
case $part in space | effects | all | replay) ;; *) usage ;; esac
mkdir -p "$out"
[ "$part" = replay ] || mkdir -p "$work"
whole=yes # every sample that was wanted
trap 'echo "stopped; the same command goes on ($work)" >&2; exit 130' INT TERM

model=$work/160m
if [ "$part" != replay ] && [ ! -f "$model/tokenizer.json" ]; then
    "$xltune" synth --like 160m --dtype bf16 --out "$model"
fi

# A quarter, half, three quarters and all of the processors.
cpus=$(env -u OMP_NUM_THREADS nproc)
workers=$(for i in 1 2 3 4; do echo $((cpus * i / 4)); done | awk '$1 > 0 && !seen[$1]++' | paste -sd '|')
: "${TUNE:=chunk_size=16|32|64|128|256,heads_per_band=1|4|8,workers=$workers,segment=64|128|256|512}"
: "${TUNE_EFFECTS:=chunk_size=16|64|256,heads_per_band=1|8,workers=$workers,segment=128|512,decode_workers=$workers}"

# record TAG REPEATS NEW TUNE: makes a new recording, or continues the one that is there.
record() {
    head -c "${PROMPT_BYTES:-1000}" "${PROMPT:-prompts/long_form.txt}" >"$work/prompt.txt"
    run=$(find "$work/runs" -maxdepth 1 -name "queued_*_$1" 2>/dev/null | head -n 1)
    if [ -n "$run" ]; then
        ${WRAP:-} "$xltune" optimize --resume "$run" --budget "$seconds"
    else
        ${WRAP:-} "$xltune" optimize --model "$model" --prompt-file "$work/prompt.txt" --backend queued --new "$3" \
            --mode grid --tune "$4" --repeats "$2" --seed 1 --export-landscape "$out/$1.csv.gz" \
            --budget "$seconds" --log-dir "$work/runs" --tag "$1" --no-best
        run=$(find "$work/runs" -maxdepth 1 -name "queued_*_$1")
    fi
    [ -f "$out/$1.csv.gz" ] || exit 1
    awk -F, -v wanted="$2" 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        $column["status"] == "ok" && $column["samples"] < wanted { missing = 1 }
        END { exit missing }' "$run/summary.csv" || whole=no
}

# Where, how and when it was recorded.
header() {
    echo "# machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $cpus CPUs, $(uname -sr)"
    echo "# commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    [ -z "${PROMPT_BYTES:-}" ] || echo "# PROMPT=${PROMPT:-} PROMPT_BYTES=$PROMPT_BYTES TUNE='$TUNE'"
    echo "# command: WRAP='${WRAP:-}' OPENBLAS_CORETYPE='${OPENBLAS_CORETYPE:-}' bench/landscapes.sh $build $name $part $seconds"
    echo "# date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

# `grid` measures every row, which shows what can be reached at best with the noise of the odd repeats.
replay_space() {
    {
        echo "# commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(date -u +%Y-%m-%dT%H:%M:%SZ)"
        for noise in halves halves:1 none; do
            for run in "auto,random --budget 25 --seeds 100" "grid --budget 800 --seeds 20"; do
                echo "\$ xltune replay --landscape $out/$name.csv.gz --noise $noise --strategy $run"
                # shellcheck disable=SC2086
                "$xltune" replay --landscape "$out/$name.csv.gz" --noise "$noise" --strategy $run
            done
        done
    } >"$out/$name.replay.txt"
    cat "$out/$name.replay.txt"
}

replay_effects() {
    "$build/bench/bench_effects" "$out/$name-effects.summary.csv" 100 >"$out/$name-effects.replay.csv"
    awk -F, 'NR > 1 { n[$1]++; first[$1] += $3; end[$1] += $4; found[$1] += $5 }
        END { for (way in n) printf "%s: within 1 %% after %.1f measurements, done after %.1f; share of the optimum %.4f\n",
                  way, first[way] / n[way], end[way] / n[way], found[way] / n[way] }' "$out/$name-effects.replay.csv"
}

if [ "$part" = space ] || [ "$part" = all ]; then
    record "$name" "${REPEATS:-10}" 8 "$TUNE"
    header >"$out/$name.txt"
fi
if [ "$part" = effects ] || [ "$part" = all ]; then
    record "$name-effects" "${REPEATS:-4}" 64 "$TUNE_EFFECTS"
    header >"$out/$name-effects.txt"
    cp "$run/summary.csv" "$out/$name-effects.summary.csv" # prefill and decode by themselves
fi
if [ "$part" = replay ]; then
    if [ -f "$out/$name.csv.gz" ]; then replay_space; fi
    if [ -f "$out/$name-effects.summary.csv" ]; then replay_effects; fi
    exit 0
fi
if [ "$part" != effects ]; then replay_space; fi
if [ "$part" != space ]; then replay_effects; fi
if [ "$whole" = yes ]; then rm -rf "$work"; else echo "samples are missing; the same command goes on ($work)"; fi
