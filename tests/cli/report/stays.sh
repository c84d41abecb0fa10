# The words where the baseline stays: what was compared, why the comparison ended, the samples; and without a budget.
mkdir stays
cat > stays/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ratio,samples,decode_workers
ray,,2,16,100,10,1.00,1.0,0,ok,,2.00,1.00,1,1
ray,,4,16,110,10,0.90,1.0,1,ok,,1.90,0.95,7,2
END
cat > stays/best.json <<'END'
{"params": {"heads_per_band": 2, "chunk_size": 16}, "baseline": {"params": {"heads_per_band": 2, "chunk_size": 16}}, "is_baseline": true,
 "challenger": {"heads_per_band": 4, "chunk_size": 16},
 "speedup": {"value": -0.01, "low": -0.03, "high": 0.01, "level": 0.95, "processes": 1, "blocks": 1, "discarded_blocks": 2,
             "kept_disturbed_blocks": 1, "lost_processes": 1, "stopped_by": "budget"},
 "interaction": {"text": "prefill at the joined point took as long as beside other decode settings, within noise: +0.2 % [-0.5, +0.9]; no interaction is seen (99 % intervals over 6 rounds)", "interact": false},
 "verdict": "no significant difference", "verdict_text": "no significant difference: -1.0 % [-3.0, +1.0]; the baseline stays", "objective": "request_s"}
END
echo '{"backend": "ray", "mode": "auto", "effective_args": {"placebo": true}}' > stays/run_meta.json
python3 - <<'P'
import json
def sample(i, pace, **more):
    return dict({"at": 1e9 + i, "prefill_s": pace, "decode_s": 1.0, "used": True}, **more)
out = [sample(0, 1.5, used=False, why="warm-up"), sample(1, 1, used=False, why="others used 55 % of the processors"),
       sample(2, 1, used=False, why="4 % steal time, 300 involuntary switches/s")]
# the speed drifts far over the run, but little from one sample to the next
pace = [1 + 0.5 * (i // 10 % 2) + 0.002 * (i * i * 7 % 11) for i in range(60)]
out += [sample(3 + i, p, **({"why": "others used 20 % of the processors"} if i < 4 else {})) for i, p in enumerate(pace)]
open("stays/trials.jsonl", "w").write(json.dumps({"trial": 0, "baseline_samples": out, "samples": []}) + "\n")
P
xltune explain stays
xltune explain stays --json | grep -E '"(warm_up|set_aside|kept_disturbed|disturbed_by|winner_samples|interact)"'
python3 - <<'P'
import json
best = json.load(open("stays/best.json"))
del best["speedup"], best["challenger"], best["interaction"]
best.update(verdict="not compared", verdict_text="not compared: no point was measured in the time given; the baseline stays")
json.dump(best, open("stays/best.json", "w"))
P
xltune explain stays | sed -n '/^Verdict/,/^What/p'
