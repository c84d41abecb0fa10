# A worker that fails, in whatever way, is a row with a reason and never the end of the search.
cat > it.py <<'PY'
import json, os, subprocess, sys, time
how = None
def say(answer): print(json.dumps(answer), flush=True)
for line in sys.stdin:
    r = json.loads(line)
    if r["do"] == "describe":
        extra = {"build": {"seen": time.time()}} if os.path.exists("changed") else {}
        say({"id": r["id"], "protocol": 1, "identity": {"version": "1"}, **extra,
             "tunables": [{"name": "how", "values": os.environ["HOW"].split()},
                          {"name": "n", "min": 1, "max": 4, "default": 2, "affects": ["output"]}],
             "metrics": [{"name": "wall_s", "unit": "s"}, {"name": "size", "unit": "B", "exact": True}]})
        continue
    how, n = r["point"]["how"], r["repeats"]
    answer = {"id": r["id"], "samples": [{"wall_s": 0.002}] * n, "output": "same" + str(r["point"]["n"]), "exact": {"size": 7}}
    time.sleep(0.003 * n)
    if how == "crashes": os.abort()
    if how == "exits": sys.exit("cannot go on")
    if how == "hangs": time.sleep(1000)
    if how == "floods":
        while True: sys.stdout.write("x" * 65536)
    if how == "shouts":
        while True: os.write(2, b"y" * 65536 + b"\n")
    if how == "talks": print("hello", flush=True)
    if how == "twice":
        os.write(1, (json.dumps(answer) + "\n").encode() * 2)
        continue
    if how == "chatters":
        say(answer)
        time.sleep(0.05)
        print("hello", flush=True)
        continue
    if how == "late": answer["id"] -= 1
    if how == "boasts": answer["samples"] = [{"wall_s": 99}] * n
    if how == "fewer": answer["samples"] = []
    if how == "text": answer["samples"] = [{"wall_s": "0.1"}] * n
    if how == "negative": answer["samples"] = [{"wall_s": -1}] * n
    if how == "other": answer["output"] = "different"
    if how == "inexact": answer["exact"] = {}
    if how == "refuses": answer = {"id": r["id"], "error": "does not like it"}
    if how == "small": answer = {"id": r["id"], "error": "does not fit", "infeasible": True}
    if how == "leaks":
        subprocess.Popen(["sleep", "9" + os.environ["TAG"]], stdin=subprocess.DEVNULL, start_new_session=True)
        os._exit(3)
    if how == "large": x = bytearray(900 << 20)
    say(answer)
PY
export TAG=$$
export HOW='ok crashes exits floods shouts talks twice chatters late boasts fewer text negative other inexact refuses small leaks large'
xltune optimize --target worker:it.py --mode grid --effort quick --repeats 1 --time-limit 90s --memory-limit 400 \
    --tune how >out 2>err
# The one that runs into the limit of time is alone, so that a busy machine may be slow with the others.
HOW='ok hangs' xltune optimize --target worker:it.py --mode grid --effort quick --repeats 1 --time-limit 10s --log-dir hung \
    --tune how >>out 2>>err
grep -h hangs hung/worker_*/summary.csv | cat runs/worker_*/summary.csv - | python3 -c 'import csv, sys
for row in csv.DictReader(sys.stdin):
    # What it prints late may be seen before or after its row is written, and is not held against another.
    if row["how"] == "chatters": print("chatters")
    else: print(row["how"], row["status"], row["reason"].split(" (")[0].split(", while the answer")[0], sep=": ")' |
    sed 's/[0-9.]* s in all/N s in all/; s/: yy*/: y…/'
# Nothing that it started is still there.
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c "sleep [9]$TAG " | sed 's/^/left: /'
# A parameter that is declared to affect the output may change it; and space, baseline and arguments.
export HOW=ok
xltune optimize --target worker:it.py --space '{"n": true}' --baseline '{"n": 3}' --trials 3 --effort quick --budget 0 \
    --log-dir r2 >out 2>err -- one 'two three'; echo $?
