#!/bin/sh
# What the verdict is worth on this machine: quick runs of one and the same question, does decoding with MORE threads beat
# decoding with FEWER, and between them a long alternation of fresh processes, each of which measures both.
#   bench/honesty_machine.sh OUT [RUNS [FEWER MORE [SECONDS [PAIRS [OPTION...]]]]]
#   python3 bench/honesty_machine.py OUT          the summary, from what OUT holds
# RUNS 40; FEWER 1, MORE 2 threads; no run begins after SECONDS (500); PAIRS alternations before each run (3); OPTIONs go to
# xltune optimize (as --spread 60s). $XLTUNE is the program (build/cli/xltune) and $MODEL the checkpoint (a synthetic 160M,
# which is made in OUT). Run it again with the same OUT to go on: what is there is not measured again.
set -e
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
out=$1 runs=${2:-40} fewer=${3:-1} more=${4:-2} limit=${5:-500} pairs=${6:-3}
[ $# -le 6 ] && shift $# || shift 6
xltune=${XLTUNE:-build/cli/xltune} model=${MODEL:-$out/m160}
began=$(date +%s)
mkdir -p "$out/runs"
if [ -z "${MODEL:-}" ] && [ ! -e "$out/m160.made" ]; then
    rm -rf "$out/m160"
    "$xltune" synth --like 160m --out "$out/m160" >/dev/null 2>&1
    touch "$out/m160.made"
fi
if [ ! -e "$out/about.txt" ]; then
    echo "date: $(date -u '+%Y-%m-%d %H:%M UTC')" >"$out/about.txt"
    echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) logical processors" >>"$out/about.txt"
    echo "threads: $fewer and $more" >>"$out/about.txt"
    echo "command: honesty_machine.sh OUT $runs $fewer $more $limit $pairs $*" >>"$out/about.txt"
fi
[ -e "$out/alternation.csv" ] || echo "process,at,first,speed_fewer,speed_more" >"$out/alternation.csv"

# One fresh process that measures both; which comes first changes from one to the next.
alternate() {
    n=$(($(wc -l <"$out/alternation.csv") - 1))
    if [ $((n % 2)) = 0 ]; then order=$fewer,$more; else order=$more,$fewer; fi
    at=$(date +%s.%N)
    "$xltune" bench --model "$model" --n-prompt 0 --new 8 --decode-workers "$order" -r 5 -o json 2>/dev/null >"$out/pair.json"
    # The median speeds in the order in which they were measured.
    speeds=$(sed -n 's/.*"median_ts": *\([0-9.eE+-]*\).*/\1/p' "$out/pair.json" | tr '\n' ' ')
    # shellcheck disable=SC2086
    set -- $speeds
    [ $# = 2 ] || return 0
    if [ $((n % 2)) = 0 ]; then echo "$n,$at,$fewer,$1,$2"; else echo "$n,$at,$more,$2,$1"; fi >>"$out/alternation.csv"
}

run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    [ -e "$out/runs/$run.json" ] && continue
    [ $(($(date +%s) - began)) -lt "$limit" ] || { echo "stopped before run $run of $runs: run it again to go on"; exit 0; }
    pair=0
    while [ "$pair" -lt "$pairs" ]; do
        alternate
        pair=$((pair + 1))
    done
    rm -rf "$out/now"
    "$xltune" optimize --model "$model" --effort quick --seed "$run" --no-best --best-dir "$out/best" --log-dir "$out/now" \
        --tune "decode_workers=$fewer|$more" --decode-workers "$fewer" --objective decode_tok_s --new 8 --prompt a "$@" \
        >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
    mv "$out"/now/*/best.json "$out/runs/$run.json"
    echo "run $run of $runs: $(sed -n 's/^verdict *//p' "$out/log")"
done
