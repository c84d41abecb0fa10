# Every point runs the same settings under its own name; no snapshot is written.
printf 'It was a bright cold morning, and' > p.txt
xltune optimize --placebo --backend queued --model "$MODEL" --prompt-file p.txt --new 2 --mode random --trials 5 --workers-max 2 \
  --heads-max 8 --effort quick --budget 60s --tag t --best-dir b > log 2>&1 || { tail -n 3 log; exit 1; }
grep -c '^placebo: every point runs the settings in force' log
r=$(ls -d runs/queued_*_t)
python3 - "$r" <<'P'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1] + "/trials.jsonl")]
# The number of tasks in flight is what happened and not a setting, so it may differ.
ran = {json.dumps(dict(t["in_force"], max_in_flight=0), sort_keys=True) for t in rows if t["status"] == "ok"}
called = {json.dumps(t["params"], sort_keys=True) for t in rows if t["status"] == "ok"}
print(len(ran), len(called) > 1)
P
ls b 2>/dev/null | wc -l
xltune explain "$r" | grep -c 'A placebo run: every point'
xltune optimize --placebo --study all.sqlite --model "$MODEL" --prompt-file p.txt; echo $?
# Without any time there is still a result.
xltune optimize --backend queued --model "$MODEL" --prompt-file p.txt --new 2 --budget 0.001s --tag none 2>/dev/null | grep '^verdict'
python3 -c 'import json, sys; b = json.load(open(sys.argv[1] + "/best.json")); print(b["verdict"], b["is_baseline"], b["metrics"]["request_s"])' runs/queued_*_none
