# A recording has no verdict: what was recorded, and the fastest point beside the baseline.
mkdir r
cat > r/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ratio
queued,1,4,16,100,10,1.00,1.0,0,ok,,2.00,1.00
queued,2,4,16,150,10,0.66,1.0,1,ok,,1.66,0.83
queued,9,4,16,,,,,2,failed,,,
END
python3 - > r/trials.jsonl <<'P'
import json
sample = lambda s, used=True, why="": dict({"at": s, "prefill_s": 1, "decode_s": 1, "used": used}, **({"why": why} if why else {}))
busy = "others used 40 % of the processors"
print(json.dumps({"trial": 0, "samples": [sample(2), sample(5, True, busy)], "baseline_samples": [sample(1), sample(4)]}))
print(json.dumps({"trial": 1, "samples": [sample(0, False, "warm-up"), sample(3), sample(6, False, busy), sample(7)]}))
print(json.dumps({"trial": 2, "samples": []}))
P
echo '{"params": {"workers": 2, "chunk_size": 16}, "metrics": {"request_s": 1.66}, "objective": "request_s", "is_baseline": false,
 "baseline": {"params": {"workers": 1, "chunk_size": 16}, "metrics": {"request_s": 1.99}}, "verdict": "not compared", "verdict_text": "a recording of 3 points: nothing was compared"}' > r/best.json
echo '{"backend": "queued", "mode": "grid", "effective_args": {"export_landscape": "l.csv"}}' > r/run_meta.json
xltune explain r | sed '/^What made/,$d'
xltune explain r --json | sed -n '/"recording"/,/}/p'
sed -i '2d' r/trials.jsonl # one point has no sample yet
xltune explain r | grep 'samples of a point'
xltune explain r | grep -c '^Verdict\|^Winner'
# The same files with another mode are those of a search.
sed -i 's/"grid"/"random"/' r/run_meta.json
xltune explain r | grep '^Verdict\|^Winner\|^Recording'
