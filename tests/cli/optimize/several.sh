# Several objectives: all guide the search; the front is kept, resumed and shown; changed numerics are scored.
set -e
xltune synth --like 64x2x2x4096 --dtype f32 --out m >log 2>&1 || { cat log; exit 1; }
printf 'It was a bright cold morning, and' > p.txt
common="--model m --prompt-file p.txt --new 4 --repeats 1 --effort quick --no-best --best-dir b"
xltune optimize $common --tune 'weights=stored|bf16|f16|q8_0,decode_workers=1|2,pinning' --objective request_s,kl --trials 7 --tag t \
  >log 2>&1 || { tail -n 3 log; exit 1; }
r=$(ls -d runs/ray_*_t)
# A machine with one processor has fewer points.
head -n 1 log | sed 's/^[^ ]*: //; s/of [0-9]* points/of N points/'
grep -c 'are on the Pareto front (pareto.csv)' log
grep -E '^ +trial +request_s +kl  settings$' log | wc -l
grep -c 'the verdict is on request_s alone' log
head -n 1 "$r/pareto.csv"
python3 - "$r" <<'P'
import csv, json, sys
r = sys.argv[1]
rows = list(csv.DictReader(open(r + "/summary.csv")))
best = json.load(open(r + "/best.json"))
front = list(csv.DictReader(open(r + "/pareto.csv")))
assert best["front"] == [int(row["trial"]) for row in front]
values = [(float(x["request_s"]), float(x["kl"])) for x in front]
assert values == sorted(values), values
kl = {x["weights"]: float(x["kl"]) for x in rows}
assert len(rows) == 7 and len({x["trial"] for x in rows}) == 7
assert all((value > 0) == (name not in ("stored", "f32")) for name, value in kl.items()), kl
assert all(float(x["ppl"]) > 1 for x in rows)
assert min(float(x["kl"]) for x in front) == 0
print(best["objective"], json.load(open(r + "/run_meta.json"))["strategy"])
P
xltune explain "$r" | grep -c '^Pareto front'
# The same proposals again, then more, none of them twice.
cut -d, -f9-11 "$r/summary.csv" > before
xltune optimize --resume "$r" --trials 9 >log 2>&1 || { tail -n 3 log; exit 1; }
grep -c 'would not propose' log || true
head -n 8 "$r/summary.csv" | cut -d, -f9-11 | cmp - before && wc -l < "$r/trials.jsonl"
python3 -c 'import json, sys
seen = [json.dumps(json.loads(line)["params"], sort_keys=True) for line in open(sys.argv[1])]
print(len(seen), len(set(seen)))' "$r/trials.jsonl"
# A point that diverges too far from the baseline is infeasible.
xltune optimize $common --tune 'weights=stored|bf16' --mode grid --max-kl 1e-9 --tag k >log 2>&1 || { tail -n 3 log; exit 1; }
grep -o 'infeasible (KL to the baseline' log
# On a machine without RAPL one line says so.
if [ -r /sys/class/powercap/intel-rapl:0/energy_uj ]; then
  echo 'xltune optimize: objective: energy_j: this machine does not report its energy (RAPL)'
else
  xltune optimize $common --objective energy_j 2>&1 || true
fi
