#!/bin/sh
# Records the engine's own spaces on this machine as landscapes, and replays them.
#
# usage: bench/landscapes.sh BUILD NAME [PART [SECONDS]]
#
# BUILD    the build folder, with cli/xltune and bench/bench_effects
# NAME     of the machine in the files' names: bench/landscapes/NAME*.csv.gz, .kernel_tuner.json, .txt, spaces.json
# PART     space: chunk_size x heads_per_band x workers x segment of a synthetic 160M model in bfloat16, ten
#          interleaved repeats; the even ones define the optimum, `auto` searches the odd ones with 25 measurements
#          effects: parameters of prefill alone and of decode alone, four repeats; the measurements that a search of
#          both apart saves
#          all (default): both
# SECONDS  at most for each part's recording (400); what it leaves out is said and can be continued
#
# Run again after an interruption it goes on. From the environment: WRAP, a command that runs the recordings
# ("chrt -f 50"); REPEATS; TUNE and TUNE_EFFECTS, other spaces; WORK, the folder for checkpoint and runs.
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
case $part in space | effects | all) ;; *) usage ;; esac
mkdir -p "$work" "$out"
whole=yes # every sample that was wanted
trap 'echo "stopped; the same command goes on ($work)" >&2; exit 130' INT TERM

model=$work/160m
if [ ! -f "$model/tokenizer.json" ]; then
    "$xltune" synth --like 160m --dtype bf16 --out "$model"
    # Random weights have no tokenizer; any one whose ids the model has gives a prompt.
    cp models/tiny-literature/tokenizer.json models/tiny-literature/tokenizer_config.json "$model/"
fi
head -c 1000 prompts/long_form.txt >"$work/prompt.txt" # 277 tokens

# A quarter, half, three quarters and all of the processors.
cpus=$(nproc)
workers=$(for i in 1 2 3 4; do echo $((cpus * i / 4)); done | awk '$1 > 0 && !seen[$1]++' | paste -sd '|')
: "${TUNE:=chunk_size=16|32|64|128|256,heads_per_band=1|4|8,workers=$workers,segment=64|128|256|512}"
: "${TUNE_EFFECTS:=chunk_size=16|64|256,heads_per_band=1|8,workers=$workers,segment=128|512,decode_workers=$workers}"

# record TAG REPEATS NEW TUNE: a new recording, or on with the one that is there
record() {
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

# Where and how this was measured
begin() {
    echo "# machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $cpus CPUs, $(uname -sr)"
    echo "# commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    echo "# command: WRAP='${WRAP:-}' OPENBLAS_CORETYPE='${OPENBLAS_CORETYPE:-}' bench/landscapes.sh $build $name $part $seconds"
    echo "# date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

if [ "$part" != effects ]; then
    record "$name" "${REPEATS:-10}" 8 "$TUNE"
    {
        begin
        for noise in halves halves:1 none; do
            echo "\$ xltune replay --landscape $out/$name.csv.gz --strategy auto,random --noise $noise --budget 25 --seeds 100"
            "$xltune" replay --landscape "$out/$name.csv.gz" --strategy auto,random --noise "$noise" --budget 25 --seeds 100
        done
    } >"$out/$name.txt"
    cat "$out/$name.txt"
fi
if [ "$part" != space ]; then
    record "$name-effects" "${REPEATS:-4}" 64 "$TUNE_EFFECTS"
    cp "$run/summary.csv" "$out/$name-effects.summary.csv" # prefill and decode by themselves
    "$build/bench/bench_effects" "$run/study.sqlite" 100 >"$work/effects.csv"
    {
        begin
        echo "# bench_effects STUDY 100; means over the seeds"
        awk -F, 'NR > 1 { n[$1]++; first[$1] += $3; end[$1] += $4; found[$1] += $5; if (!($1 in least) || $5 < least[$1]) least[$1] = $5 }
            END { for (w in n) printf "%s: within 1 %% after %.1f measurements, done after %.1f; share of the optimum %.4f, least %.4f\n",
                      w, first[w] / n[w], end[w] / n[w], found[w] / n[w], least[w] }' "$work/effects.csv" | sort
        cat "$work/effects.csv"
    } >"$out/$name-effects.txt"
    sed '/^way,/,$d' "$out/$name-effects.txt"
fi
if [ "$whole" = yes ]; then rm -rf "$work"; else echo "samples are missing; the same command goes on ($work)"; fi
