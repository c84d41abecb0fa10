#!/bin/sh
# An A/A test on the real engine through `xltune optimize` itself: with --placebo every point is the same program, so any
# difference that a run announces is false. Each run has a seed of its own and a row in the CSV.
#   bench/honesty_engine.sh [RUNS [BUDGET [OUT.csv]]]     from the root, after `make build`
# On a machine with other work run it under `chrt -f 50`, which keeps that work off the processors.
set -e
runs=${1:-60} budget=${2:-8s} out=${3:-bench/results/honesty_engine_optimize.csv}
xltune=build/cli/xltune model=models/tiny-literature
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options="--prompt-file prompts/short.txt --new 8 --backend ray --effort quick --trials 12 --budget $budget --no-best"
{
    echo "# date: $(date -u '+%Y-%m-%d %H:%M UTC')"
    echo "# machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) logical processors"
    echo "# load before: $(cut -d' ' -f1-3 /proc/loadavg); scheduling of this script: $(chrt -p $$ 2>/dev/null | tr '\n' ' ')"
    echo "# command: xltune optimize --placebo --seed RUN $options"
    echo "run,verdict,speedup_pct,low_pct,high_pct,processes,blocks,discarded_blocks,kept_disturbed_blocks,stopped_by,trials,seconds"
} >"$out"
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    began=$(date +%s.%N)
    # shellcheck disable=SC2086
    "$xltune" optimize --placebo --model "$model" --seed "$run" $options --log-dir "$work" --tag "$run" >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; exit 1; }
    python3 - "$work"/ray_*_"$run" "$run" "$began" >>"$out" <<'P'
import json, sys, time
folder, run, began = sys.argv[1], sys.argv[2], float(sys.argv[3])
best = json.load(open(folder + "/best.json"))
trials = sum(1 for _ in open(folder + "/trials.jsonl"))
s = best.get("speedup")
cells = [run, best["verdict"]]
if s and s["high"] is not None:
    cells += ["%.3f" % (100 * s[k]) for k in ("value", "low", "high")]
    cells += [s[k] for k in ("processes", "blocks", "discarded_blocks", "kept_disturbed_blocks", "stopped_by")]
else:
    cells += [""] * 8
print(*cells, trials, "%.1f" % (time.time() - began), sep=",")
P
done
python3 - "$out" <<'P'
import csv, sys
rows = list(csv.DictReader(line for line in open(sys.argv[1]) if line[0] != "#"))
compared = [r for r in rows if r["low_pct"]]
better = sum(r["verdict"] == "better" for r in rows)
hold = sum(float(r["low_pct"]) <= 0 <= float(r["high_pct"]) for r in compared)
width = sorted(float(r["high_pct"]) - float(r["low_pct"]) for r in compared)
print(f"{len(rows)} runs: {better} announced a winner; {hold} of {len(compared)} intervals hold 0, median width",
      f"{width[len(width) // 2]:.2f} %" if width else "-")
P
