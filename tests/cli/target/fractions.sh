# The numbers of a worker's tunable may be fractions, and lie apart by a factor; it gets each as the number that it is.
cat > it.py <<'PY'
import json, sys, time
for line in sys.stdin:
    r = json.loads(line)
    if r["do"] == "describe":
        answer = {"protocol": 1, "identity": {"version": "1"},
                  "tunables": [{"name": "rate", "min": 0.001, "max": 10, "factor": 10, "default": 0.5},
                               {"name": "share", "min": 0.1, "max": 0.3, "step": 0.1},
                               {"name": "mix", "values": [0.25, 1, 1.5], "default": 1}],
                  "metrics": [{"name": "wall_s", "unit": "s"}]}
    else:
        with open("log", "a") as log: print(*(r["point"][n] for n in ("rate", "share", "mix")), file=log)
        time.sleep(0.001 * r["repeats"])
        answer = {"samples": [{"wall_s": 0.0005}] * r["repeats"], "output": "same"}
    print(json.dumps({**answer, "id": r["id"]}), flush=True)
PY
go() { rm -f log; xltune optimize --target worker:it.py --mode grid --effort quick --repeats 1 "$@" >out 2>err || tail -1 err; sort -u log; }
go --trials 60 | wc -l
go --trials 60 --tune rate,mix
go --trials 60 --tune share=0.15:0.3:0.05
go --trials 60 --space '{"rate": true}' --baseline '{"mix": 1.25, "share": 0.3}'
xltune optimize --target worker:it.py --trials 1 --baseline '{"rate": 11}'; echo $?
xltune optimize --target worker:it.py --trials 1 --tune mix=2; echo $?
