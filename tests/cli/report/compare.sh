# Winners of two runs are compared by way of the baseline of both, or the reason why they cannot be is given.
python3 - <<'P'
import json
def run(name, gain=None, stays=False, other=None, **changed):
    speedup = gain and {"value": gain[0], "low": gain[1], "high": gain[2], "level": 0.95}
    result = {"params": {"workers": 1 if stays else 2}, "metrics": {}, "verdict": "v", "verdict_text": "as it was",
              "is_baseline": stays, "settings": {"workers": 1 if stays else 2, "mark": other or name}}
    if speedup: result["speedup"] = speedup
    row = {"uid": name, "folder": name, "backend": "queued", "state": "finished", "mode": "auto", "objective": "request_s",
           "seed": 1, "machine": "m", "machine_info": {}, "device": "cpu", "checkpoint": "c", "kernels": "c", "version": "1",
           "prompt_tokens": 9, "new_tokens": 4, "prompt_hash": "p", "created": 1.0, "finished": 2.0,
           "meta": {"settings": {"workers": 1}}, "space": {}, "baseline": {}, "result": result}
    row.update(changed)
    json.dump({"format": "xltune-run", "version": 1, "run": row, "trials": [], "samples": [], "events": []}, open(name + ".json", "w"))
run("a", (0.10, 0.09, 0.11))
run("b", (0.21, 0.18, 0.24))
run("near", (0.105, 0.09, 0.12))
run("stays", (-0.02, -0.04, 0.01), stays=True)
run("same", (0.10, 0.08, 0.12), other="a")
run("none")
run("wide", (0.1, None, None))
run("elsewhere", (0.21, 0.18, 0.24), machine="n", kernels="avx2")
run("otherwise", (0.21, 0.18, 0.24), meta={"settings": {"workers": 3}})
run("placebo", (0.21, 0.18, 0.24), meta={"settings": {"workers": 1}, "effective_args": {"placebo": True}})
P
xltune study import --study all.sqlite ./*.json > log 2>&1 || cat log
for other in b near stays same none wide elsewhere otherwise placebo; do
  echo "$other: $(xltune study compare a $other --study all.sqlite | sed -n '/inner/p')"
done
# Comparing in the other direction gives the inverse; JSON has the numbers.
for pair in 'a b' 'b a' 'stays b' 'a elsewhere'; do
  xltune study compare $pair --study all.sqlite --format json | python3 -c '
import json, sys
s = json.load(sys.stdin)["winners"]["speedup"]
print(s and " ".join("%.4f" % s[k] for k in ("value", "low", "high")))'
done
