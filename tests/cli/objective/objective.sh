# What is optimized need not be a time: a value that is the same each time, or a rate of millions a second.
cat > it <<'END'
echo run >>count
echo "score=$1 level=$(($1 - 10)) rate=${1}000000"
END
metrics='{"score": {"regex": "score=([0-9.]+)", "better": "larger", "exact": true},
          "cost": {"regex": "score=([0-9.]+)", "exact": true},
          "level": {"regex": "level=([0-9.]+)", "better": "larger", "exact": true},
          "rate": {"regex": "rate=([0-9.]+)", "better": "larger"}}'
for objective in score cost rate level; do
    rm -f count
    xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none --tune 'n=10|20|30' \
        --baseline '{"n": 20}' --metrics "$metrics" --objective $objective --tag $objective -- sh it {n} >out
    python3 - $objective <<'END'
import csv, glob, json, sys
run = glob.glob("runs/exec_*_" + sys.argv[1])[0]
best = json.load(open(run + "/best.json"))
rows = csv.DictReader(open(run + "/summary.csv"))
print(sys.argv[1], best["params"]["n"], round(best["speedup"]["value"], 3))
for row in rows:
    print(row["n"], row["status"], row["ratio"] and round(float(row["ratio"]), 3), row["reason"])
print("few executions" if len(open("count").readlines()) < 5000 else "too many executions")
END
done
