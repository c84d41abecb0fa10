# What is exact about a point is told of that point, also where there are many.
cat > it.py <<'PY'
import json, sys, time
for line in sys.stdin:
    r = json.loads(line)
    answer = {"id": r["id"]}
    if r["do"] == "describe":
        answer.update(protocol=1, identity={"version": "1"},
                      tunables=[{"name": "a", "min": 1, "max": 15}, {"name": "b", "min": 1, "max": 10}],
                      metrics=[{"name": "wall_s", "unit": "s"}, {"name": "size", "unit": "B", "exact": True}])
    else:
        time.sleep(0.002)
        answer.update(samples=[{"wall_s": 0.001}] * r["repeats"], output="same",
                      exact={"size": 100 * r["point"]["a"] + r["point"]["b"]})
    print(json.dumps(answer), flush=True)
PY
xltune optimize --target worker:it.py --mode grid --repeats 1 --export-landscape landscape.json >out 2>&1 || cat out
cat runs/worker_*/summary.csv | python3 -c 'import csv, sys
rows = list(csv.DictReader(sys.stdin))
print(len(rows), "points,", sum(float(r["size"]) != 100 * int(r["a"]) + int(r["b"]) for r in rows), "of them wrong")'
