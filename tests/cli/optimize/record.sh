# A grid for a landscape: all points in rounds, no winner; what the budget left out is measured later; replay.
set -e
record() { xltune optimize --backend queued --model "$MODEL" --prompt 'It was' --new 2 --mode grid --tune 'workers=1|2,chunk_size=8|16' \
  --repeats 4 --best-dir b --tag "$1" --export-landscape "$2" ${3-} >log 2>&1 || { tail -n 3 log; exit 1; }; }
# Chunks longer than the prompt are equal in effect, so only two points are left.
record whole l/whole.csv.gz
grep -c 'grid recording of' log
sed -n 's/^landscape //p; s/\(samples of each\).*/\1/p; /^verdict/p' log
ls l
gzip -dc l/whole.csv.gz | awk -F, 'NR == 1 {print} NR > 1 {print $1 "," $2 " " ($3 > 0) " " split($5, x, ";")}'
python3 - <<'P'
import json
space = json.load(open("l/spaces.json"))[0]
print(space["name"], space["params"], space["samples"], space["objective"], "host" in space["machine"])
cache = json.load(open("l/whole.kernel_tuner.json"))
assert open("l/whole.kernel_tuner.json").read()[-3:] == "}\n}"
print(cache["kernel_name"], cache["tune_params_keys"], sorted(cache["cache"]))
for entry in cache["cache"].values():
    assert len(entry["times"]) == 4 and abs(entry["time"] - sum(entry["times"]) / 4) < 1e-6, entry
P
xltune replay --landscape l/whole.csv.gz --noise halves --budget 2 --seeds 3 | head -n 1 | sed 's/optimum.*/…/'
xltune replay --landscape l/whole.csv.gz --noise halves:2 --budget 2 --seeds 3 --json | grep -c '"P"'
xltune replay --landscape l/whole.csv.gz --noise halve || echo $?
# Without any time nothing is written; then everything is.
record late l/late.csv '--budget 0.001s'
grep -c 'no landscape is written' log
ls l/late.csv 2>/dev/null || echo none
r=$(ls -d runs/queued_*_late)
xltune optimize --resume "$r" --budget 2h >log 2>&1 || tail -n 3 log
sed -n 's/^landscape //p; s/\(samples of each\).*/\1/p' log
wc -l < l/late.csv
python3 -c 'import json; print([s["name"] for s in json.load(open("l/spaces.json"))])'
