# A run folder with all its files; then the run is resumed, its limits are raised, and it is shown.
set -e
printf 'It was a bright cold morning, and' > p.txt
xltune optimize --backend queued --model "$MODEL" --prompt-file p.txt --new 2 --mode random --trials 4 --repeats 1 \
  --workers-max 2 --effort quick --tag t --best-dir b >log 2>&1 || { tail -n 3 log; exit 1; }
r=$(ls -d runs/queued_*_t)
ls "$r"
head -n 1 "$r/summary.csv" | cut -d, -f1-11
wc -l < "$r/trials.jsonl"
python3 - "$r" <<'P'
import json, sys
r = sys.argv[1]
meta = json.load(open(r + "/run_meta.json"))
print(list(meta)[:14])
workers = meta["bounds"].pop("workers")
assert 1 <= workers[0] <= workers[1] <= 2, workers  # as many as there are processors
print(meta["bounds"], meta["mode"], meta["trials"], meta["new"], meta["backend"])
best = json.load(open(r + "/best.json"))
print(list(best)[:2], "verdict" in best, "baseline" in best)
for line in open(r + "/trials.jsonl"):
    t = json.loads(line)
    assert list(t)[:8] == ["backend", "workers", "heads_per_band", "chunk_size", "prefill_tok_s", "decode_tok_s",
                           "prefill_s", "decode_s"], list(t)
    assert t["status"] in ("ok", "duplicate") and (t["status"] == "ok") == bool(t["samples"]), t
    assert t["in_force"] is None or t["in_force"]["heads_per_band"] == t["heads_per_band"]
P
# Nothing is left to do.
xltune optimize --resume "$r" 2>&1 | grep -c 'nothing is left to do'
# More trials continue the same sequence.
cut -d, -f1-4 "$r/summary.csv" > before
xltune optimize --resume "$r" --trials 6 >log 2>&1 || { tail -n 3 log; exit 1; }
cut -d, -f1-4 "$r/summary.csv" | head -n 5 | cmp - before && wc -l < "$r/trials.jsonl"
# What may not be changed when a run is resumed.
xltune optimize --resume "$r" --seed 3 && echo || echo $?
# The actions of the command study.
xltune study list | tail -n 1 | awk '{print $1, $3, $4, $5, $6}'
xltune study export "$r" --out e.json
xltune study import e.json --study all.sqlite
xltune study merge "$r" --study all.sqlite | sed 's/_[0-9_]*_t/_T/'
xltune study compare "$r" "$r" --format csv | awk -F, 'NR > 1 && $2 != $3 {bad = 1} END {print (NR > 1), bad + 0}'
