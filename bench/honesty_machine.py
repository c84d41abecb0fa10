#!/usr/bin/env python3
"""honesty_machine.py OUT [CSV]: the summary of what bench/honesty_machine.sh left in OUT; a row for each run in CSV."""
import csv
import glob
import json
import math
import os
import sys

out = sys.argv[1]
about = open(os.path.join(out, "about.txt")).read().strip()
pairs = list(csv.DictReader(open(os.path.join(out, "alternation.csv"))))
ratio = [math.log(float(p["speed_more"]) / float(p["speed_fewer"])) for p in pairs]
runs = {}
for path in glob.glob(os.path.join(out, "runs", "*.json")):
    runs[int(os.path.basename(path)[:-5])] = json.load(open(path))


def mean(x):
    return sum(x) / len(x) if x else math.nan


def percent(log):
    return 100 * math.expm1(log)


def neighbours(x):
    """Correlation of each value with the next."""
    m = mean(x)
    squares = sum((v - m) ** 2 for v in x)
    return sum((a - m) * (b - m) for a, b in zip(x, x[1:])) / squares if squares else math.nan


print(about)
long_run = mean(ratio)
if ratio:
    print(f"alternation: {len(ratio)} processes, mean {percent(long_run):+.1f} %, from {percent(min(ratio)):+.1f} to "
          f"{percent(max(ratio)):+.1f} %, correlation of neighbours {neighbours(ratio):.2f}")
compared = {n: b["speedup"] for n, b in runs.items() if b.get("speedup") and b["speedup"].get("high") is not None}
rows = []
for n in sorted(runs):
    s = compared.get(n)
    row = {"run": n, "verdict": runs[n]["verdict"]}
    if s:
        others = mean([mean(t["log_ratios"]) for k, t in compared.items() if k != n])
        row.update(speedup_pct=100 * s["value"], low_pct=100 * s["low"], high_pct=100 * s["high"],
                   processes=s["processes"], holds_for=s["holds_for"], states=len(s["states"]),
                   changes=s["state_changes"], label=s["state_label"] or "", seconds=s["seconds"],
                   other_runs_pct=percent(others), alternation_pct=percent(long_run),
                   holds_other_runs=int(s["low"] <= math.expm1(others) <= s["high"]),
                   holds_alternation=int(s["low"] <= math.expm1(long_run) <= s["high"]))
    rows.append(row)
scopes = {}
for row in rows:
    if "holds_for" in row:
        scopes.setdefault(row["holds_for"], []).append(row)
print(f"{len(runs)} runs, {len(compared)} comparisons")
for scope, these in sorted(scopes.items()):
    print(f"  {scope}: {len(these)}; {sum(r['holds_alternation'] for r in these)} hold the alternation's mean, "
          f"{sum(r['holds_other_runs'] for r in these)} that of the other runs; mean width "
          f"{mean([r['high_pct'] - r['low_pct'] for r in these]):.1f} points")
kept = sum(r["holds_alternation"] or r["holds_for"] != "long run" for r in rows if "holds_for" in r)
print(f"  holds the alternation's mean, or speaks of the time of measuring alone: {kept} of {len(compared)}")
every = [(x, {q: v[i] for q, v in s["condition"].items()}) for s in compared.values()
         for i, x in enumerate(s["log_ratios"])]
for quantity in every[0][1] if every else []:
    known = [(x, c[quantity]) for x, c in every if c[quantity]]
    if len(known) < 8:
        continue
    a, b = mean([x for x, _ in known]), mean([c for _, c in known])
    sx, sc = sum((x - a) ** 2 for x, _ in known), sum((c - b) ** 2 for _, c in known)
    r = sum((x - a) * (c - b) for x, c in known) / math.sqrt(sx * sc) if sx and sc else math.nan
    print(f"  {quantity}: mean {b:.3g}, from {min(c for _, c in known):.3g} to {max(c for _, c in known):.3g}; correlation "
          f"with the ratio over {len(known)} processes {r:+.2f}")
if len(sys.argv) > 2 and rows:
    names = ["run", "verdict", "speedup_pct", "low_pct", "high_pct", "processes", "holds_for", "states", "changes",
             "label", "seconds", "other_runs_pct", "alternation_pct", "holds_other_runs", "holds_alternation"]
    with open(sys.argv[2], "w", newline="") as f:
        for line in about.split("\n"):
            print("# " + line, file=f)
        writer = csv.DictWriter(f, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.2f}" if isinstance(v, float) else v for k, v in row.items()})
