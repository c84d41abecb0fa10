# What another machine measured is proposed but not trusted; imports are all or nothing; processes share a study.
printf 'It was a bright cold morning, and' > p.txt
tune() {
    xltune optimize --backend ray --model "$MODEL" --prompt-file p.txt --new 2 --trials 3 --effort quick --budget 100s "$@"
}
for i in 1 2 3; do tune --seed $i --tag $i --study all.sqlite > log$i 2>&1 & done
wait
xltune study list all.sqlite | awk 'NR > 1 {print $3, $4, $5}'
# Where two begin at once, one may find its folder's name taken and add a number to it.
xltune study export "$(sed -n 's/^run  *//p' log1)" --out here.json
python3 - <<'P'
import json
run = json.load(open("here.json"))
run["run"].update(uid="elsewhere", machine="f" * 32)
json.dump(run, open("there.json", "w"))
run["run"]["uid"] = "damaged"
run["trials"][1]["status"] = "fine"
json.dump(run, open("damaged.json", "w"))
P
xltune study import there.json damaged.json --study far.sqlite; echo $?
ls far.sqlite 2> /dev/null | wc -l # no study was begun
xltune study import there.json --study far.sqlite
tune --study far.sqlite --tag far 2> err > log || cat err
grep -o 'the first points.*' err
python3 - "$(ls -d runs/*_far)" <<'P'
import json, sys
first = json.load(open(sys.argv[1] + "/run_meta.json"))["first_points"]
tried = [json.loads(line)["params"] for line in open(sys.argv[1] + "/trials.jsonl")]
print(len(first) > 0 and tried[: len(first)] == first[: len(tried)])
P
# The snapshot of another machine is a first point for optimize and not used otherwise; a profile names its origin.
rm -rf best # an earlier run may have found something
mkdir best
python3 - "$MODEL" <<'P'
import json
run = json.load(open("here.json"))["run"]
print_ = {k: run[k] for k in ("device", "checkpoint", "prompt_tokens")} | {"machine": "f" * 32, "new": 2}
json.dump({"params": {"heads_per_band": 7, "chunk_size": 16}, "fingerprint": print_}, open("best/ray_latest.json", "w"))
P
tune --tag snap 2>&1 | sed -n 's/([0-9a-f]*, this one is [0-9a-f]*)/(X)/; s/.*best.ray_latest/best\/ray_latest/p'
python3 -c 'import json, sys; p = json.loads(open(sys.argv[1] + "/trials.jsonl").readline())["params"]; print(*[f"{k}={v}" for k, v in p.items()])' runs/*_snap
xltune generate --model "$MODEL" --prompt-file p.txt --profile best/ray_latest.json --max-new-tokens 1 2>&1 >/dev/null | sed -n 's/([0-9a-f]*, this one is [0-9a-f]*)/(X)/p'
