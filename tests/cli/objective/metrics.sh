# What a command prints, and the size of a file, are metrics; a space can come from a file.
cat > space.json <<'END'
{"size": {"min": 1, "max": 4}, "kind": ["a", "b"], "conditions": ["size * 2 <= 6"]}
END
cat > metrics.json <<'END'
{"rate": {"regex": "rate=([0-9.]+)", "unit": "1/s", "better": "larger", "from": "stderr"},
 "score": {"json": "all.1.score", "better": "larger", "exact": true},
 "written": {"bytes": "out-{size}", "unit": "B", "exact": true}}
END
cat > it <<'END'
head -c $1 /dev/zero >out-$1
echo "rate=7 rate=$1.5" >&2
echo "about $2"
echo '{"all": [0, {"score": '$1'}]}'
END
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none --space space.json \
    --metrics metrics.json --objective rate,score -- sh it {size} {kind} >out
cat runs/exec_*/summary.csv | python3 -c 'import csv, sys
for row in csv.DictReader(sys.stdin):
    print(*(row[key] for key in ("size", "kind", "status", "rate", "score", "written")))'
python3 - <<'END'
import glob, json
run = glob.glob("runs/exec_*")[0]
best, meta = json.load(open(run + "/best.json")), json.load(open(run + "/run_meta.json"))
print(best["params"]["size"], best["metrics"]["rate"], meta["target"], meta["settings"], meta["command"][:7])
print(round(best["speedup"]["value"], 3))
END
grep -o 'best  .*' out | sed 's/kind=./kind=?/'
# Two runs are compared by what both optimized.
run=$(ls -d runs/exec_*)
xltune study compare "$run" "$run" | sed -n '/ in both/,$p' | tr -s ' ' | LC_ALL=C sort
xltune study compare "$run" "$run" --format csv | head -1
